// GOP/s of convolutions and products of bytes, with the fraction of a measured peak: that of the best form which the machine has (pairs of
// int16, VNNI or AMX), on tiles that live in L1. A multiply-add counts as two operations.
//   integer_bench --benchmark_filter=form            each form on its own
//   integer_bench --benchmark_filter=threads:1

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

using hone::simd::IntegerGemm;
using hone_bench::ConvLayer;

const IntegerGemm& kernels() { return hone::simd::table<IntegerGemm>(hone::simd::best_isa().isa); }

/// GOP/s of each form that the machine has.
void form(benchmark::State& state, std::size_t i) {
  double peak = 0;
  for (auto _ : state) peak = hone_bench::integer_peak(kernels().forms[i]);
  state.counters["GOP/s"] = peak;
}

void count(benchmark::State& state, double operations, int threads) {
  static const double peak = hone_bench::integer_peak(kernels().best());
  state.counters["GOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] = benchmark::Counter(operations * 1e-9 / (peak * threads), benchmark::Counter::kIsIterationInvariantRate);
}

onnx::TensorProto weights(const hone_test::Dims& dims) {
  onnx::TensorProto proto = hone_test::tensor<std::int8_t>("w", dims, {});
  std::string bytes(static_cast<std::size_t>(hone::Shape(dims).elements()), '\3');
  proto.set_raw_data(std::move(bytes));
  return proto;
}

void conv(benchmark::State& state, const ConvLayer& layer, int threads) {
  using namespace hone_test;
  onnx::ModelProto proto = model(
      17, GraphBuilder()
              .input("x", hone::DType::uint8, {1, layer.size, layer.size, layer.inputs})
              .initializer(weights({layer.outputs, layer.inputs / layer.group, layer.kernel, layer.kernel}))
              .initializer(tensor<float>("scale", {}, {0.1F}))
              .initializer(tensor<std::uint8_t>("zero", {}, {7}))
              .initializer(tensor<std::int8_t>("w_zero", {}, {0}))
              .node(NodeBuilder("ChannelsLastQLinearConv", {"x", "scale", "zero", "w", "scale", "w_zero", "scale", "zero"}, {"y"}, "hone")
                        .attribute("strides", Dims{layer.stride, layer.stride})
                        .attribute("pads", Dims(4, layer.kernel / 2))
                        .attribute("group", layer.group))
              .output("y"));
  import_domain(proto, "hone");
  const hone::Session session(proto, {.intra_op_num_threads = threads});
  hone::Tensor<std::uint8_t> x({1, layer.size, layer.size, layer.inputs});
  for (std::uint8_t& value : x) value = 5;
  hone::Tensor<std::uint8_t> y({1, layer.output_size(), layer.output_size(), layer.outputs});
  for (auto _ : state) session.run({{"x", x}}, {{"y", y}});
  count(state, layer.operations(), threads);
}

struct Product {
  std::int64_t rows;
  std::int64_t depth;
  std::int64_t columns;
};

void product(benchmark::State& state, const Product& p, int threads) {
  using namespace hone_test;
  const hone::Session session(model(17, GraphBuilder()
                                            .input("x", hone::DType::uint8, {p.rows, p.depth})
                                            .initializer(weights({p.depth, p.columns}))
                                            .node(NodeBuilder("MatMulInteger", {"x", "w"}, {"y"}))
                                            .output("y")),
                              {.intra_op_num_threads = threads});
  hone::Tensor<std::uint8_t> x({p.rows, p.depth});
  for (std::uint8_t& value : x) value = 5;
  hone::Tensor<std::int32_t> y({p.rows, p.columns});
  for (auto _ : state) session.run({{"x", x}}, {{"y", y}});
  count(state, 2.0 * static_cast<double>(p.rows * p.depth * p.columns), threads);
}

}  // namespace

int main(int argc, char** argv) {
  const ConvLayer layers[] = {{3, 64, 224, 7, 2, 1},  {64, 64, 56, 3, 1, 1},   {128, 128, 28, 3, 1, 1},   {256, 256, 14, 3, 1, 1},
                              {512, 512, 7, 3, 1, 1}, {64, 256, 56, 1, 1, 1},  {512, 128, 28, 1, 1, 1},   {512, 2048, 7, 1, 1, 1},
                              {64, 128, 56, 3, 2, 1}, {96, 96, 112, 3, 2, 96}, {144, 144, 56, 3, 1, 144}, {24, 144, 56, 1, 1, 1}};
  const Product products[] = {{1, 768, 3072}, {32, 384, 1536}, {128, 768, 768}, {128, 768, 3072}, {512, 512, 512}, {1024, 1024, 1024}};
  for (std::size_t i = 0; i < kernels().form_count; ++i) {
    const hone::simd::IntegerForm& f = kernels().forms[i];
    const std::string name = hone::text("form/bytes_of_element:", f.element, "/words_at_a_time:", f.word_multiple);
    if (f.runs_here()) benchmark::RegisterBenchmark(name.c_str(), form, i)->Iterations(1);
  }
  for (const int threads : {1, 2}) {
    const std::string suffix = "/threads:" + std::to_string(threads);
    for (const ConvLayer& layer : layers) {
      benchmark::RegisterBenchmark(("conv/" + layer.label() + suffix).c_str(), conv, layer, threads)->UseRealTime();
    }
    for (const Product& p : products) {
      const std::string name = hone::text("matmul/m:", p.rows, "/k:", p.depth, "/n:", p.columns);
      benchmark::RegisterBenchmark((name + suffix).c_str(), product, p, threads)->UseRealTime();
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
