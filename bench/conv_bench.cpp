// GFLOP/s of convolutions in blocks of channels, by the definition and by Winograd's algorithm, on shapes of the usual networks, with the
// fraction of a measured peak. Operations are counted as the definition has them, so that Winograd's algorithm may be above 1.
//   conv_bench --benchmark_filter=threads:1

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <onnx/onnx_pb.h>

#include <hone/hone.hpp>

#include "../tests/support/model.hpp"
#include "conv_layer.hpp"
#include "peak.hpp"

namespace {

using hone::ops::channel_block;
using hone::ops::channel_blocks;

struct Layer : hone_bench::ConvLayer {
  std::int64_t winograd_tile;
};

onnx::ModelProto model(const Layer& layer) {
  using namespace hone_test;
  const Dims weights = {layer.outputs, layer.inputs / layer.group, layer.kernel, layer.kernel};
  const std::vector<float> values(static_cast<std::size_t>(hone::Shape(weights).elements()), 0.01F);
  onnx::ModelProto proto =
      hone_test::model(17, GraphBuilder()
                               .input("x", hone::DType::float32, {1, channel_blocks(layer.inputs), layer.size, layer.size, channel_block})
                               .initializer(tensor<float>("w", weights, values))
                               .node(NodeBuilder("BlockedConv", {"x", "w"}, {"y"}, "hone")
                                         .attribute("strides", Dims{layer.stride, layer.stride})
                                         .attribute("pads", Dims(4, layer.kernel / 2))
                                         .attribute("group", layer.group)
                                         .attribute("winograd_tile", layer.winograd_tile))
                               .output("y"));
  import_domain(proto, "hone");
  return proto;
}

void conv(benchmark::State& state, const Layer& layer, int threads) {
  const hone::Session session(model(layer), {.intra_op_num_threads = threads});
  hone::Tensor<float> x({1, channel_blocks(layer.inputs), layer.size, layer.size, channel_block});
  for (float& value : x) value = 0.5F;
  hone::Tensor<float> y({1, channel_blocks(layer.outputs), layer.output_size(), layer.output_size(), channel_block});
  for (auto _ : state) session.run({{"x", x}}, {{"y", y}});
  const double flop = layer.operations();
  static const double peak = hone_bench::kernel_peak<float>(hone::simd::best_isa().isa);
  state.counters["GFLOP/s"] = benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] = benchmark::Counter(flop * 1e-9 / (peak * threads), benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  const Layer layers[] = {
      {{64, 64, 56, 3, 1, 1}, 0},     {{64, 64, 56, 3, 1, 1}, 2},   {{64, 64, 56, 3, 1, 1}, 4},     {{128, 128, 28, 3, 1, 1}, 0},
      {{128, 128, 28, 3, 1, 1}, 4},   {{256, 256, 14, 3, 1, 1}, 0}, {{256, 256, 14, 3, 1, 1}, 2},   {{256, 256, 14, 3, 1, 1}, 4},
      {{512, 512, 7, 3, 1, 1}, 0},    {{64, 256, 56, 1, 1, 1}, 0},  {{256, 64, 56, 1, 1, 1}, 0},    {{512, 128, 28, 1, 1, 1}, 0},
      {{1024, 256, 14, 1, 1, 1}, 0},  {{512, 2048, 7, 1, 1, 1}, 0}, {{256, 512, 56, 1, 2, 1}, 0},   {{128, 128, 56, 3, 2, 1}, 0},
      {{144, 144, 56, 3, 1, 144}, 0}, {{96, 96, 112, 3, 2, 96}, 0}, {{240, 240, 28, 5, 1, 240}, 0}, {{960, 960, 7, 3, 1, 960}, 0},
      {{24, 144, 56, 1, 1, 1}, 0},    {{128, 128, 56, 3, 1, 4}, 0},
  };
  for (const Layer& layer : layers)
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark(hone::text("conv/", layer.label(), "/winograd:", layer.winograd_tile, "/threads:", threads).c_str(),
                                   conv, layer, threads)
          ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
