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

#include "peak.hpp"

namespace {

struct Layer {
  std::int64_t inputs;
  std::int64_t outputs;
  std::int64_t size;  ///< height and width of the input
  std::int64_t kernel;
  std::int64_t stride;
  std::int64_t group;
  std::int64_t winograd_tile;
};

std::string label(const Layer& layer) {
  return hone::text("c:", layer.inputs, "/m:", layer.outputs, "/size:", layer.size, "/kernel:", layer.kernel, "/stride:", layer.stride,
                    "/group:", layer.group, "/winograd:", layer.winograd_tile);
}

onnx::ModelProto model(const Layer& layer) {
  onnx::ModelProto proto;
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(17);
  auto* own = proto.add_opset_import();
  own->set_domain("hone");
  own->set_version(1);
  auto* graph = proto.mutable_graph();
  graph->set_name("layer");
  auto* x = graph->add_input();
  x->set_name("x");
  auto* type = x->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  const std::int64_t blocks = (layer.inputs + 15) / 16;
  for (const std::int64_t dim : {std::int64_t{1}, blocks, layer.size, layer.size, std::int64_t{16}}) {
    type->mutable_shape()->add_dim()->set_dim_value(dim);
  }
  auto* weights = graph->add_initializer();
  weights->set_name("w");
  weights->set_data_type(onnx::TensorProto::FLOAT);
  std::int64_t count = 1;
  for (const std::int64_t dim : {layer.outputs, layer.inputs / layer.group, layer.kernel, layer.kernel}) {
    weights->add_dims(dim);
    count *= dim;
  }
  const std::vector<float> values(static_cast<std::size_t>(count), 0.01F);
  weights->set_raw_data(values.data(), values.size() * sizeof(float));
  auto* node = graph->add_node();
  node->set_op_type("BlockedConv");
  node->set_domain("hone");
  node->add_input("x");
  node->add_input("w");
  node->add_output("y");
  const auto ints = [&](const char* name, const std::vector<std::int64_t>& list) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : list) attribute->add_ints(value);
  };
  const auto integer = [&](const char* name, std::int64_t value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(value);
  };
  ints("strides", {layer.stride, layer.stride});
  ints("pads", std::vector<std::int64_t>(4, layer.kernel / 2));
  integer("group", layer.group);
  integer("winograd_tile", layer.winograd_tile);
  graph->add_output()->set_name("y");
  return proto;
}

void conv(benchmark::State& state, const Layer& layer, int threads) {
  const hone::Session session(model(layer), {.intra_op_num_threads = threads});
  const std::int64_t blocks = (layer.inputs + 15) / 16;
  hone::Tensor<float> x({1, blocks, layer.size, layer.size, 16});
  for (float& value : x) value = 0.5F;
  const std::int64_t out = (layer.size + 2 * (layer.kernel / 2) - layer.kernel) / layer.stride + 1;
  hone::Tensor<float> y({1, (layer.outputs + 15) / 16, out, out, 16});
  for (auto _ : state) session.run({{"x", x}}, {{"y", y}});
  const double flop = 2.0 * static_cast<double>(layer.outputs * layer.inputs / layer.group * layer.kernel * layer.kernel * out * out);
  static const double peak = hone_bench::kernel_peak<float>(hone::simd::best_isa().isa);
  state.counters["GFLOP/s"] = benchmark::Counter(flop * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["of_peak"] = benchmark::Counter(flop * 1e-9 / (peak * threads), benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  const Layer layers[] = {
      {64, 64, 56, 3, 1, 1, 0},     {64, 64, 56, 3, 1, 1, 2},   {64, 64, 56, 3, 1, 1, 4},     {128, 128, 28, 3, 1, 1, 0},
      {128, 128, 28, 3, 1, 1, 4},   {256, 256, 14, 3, 1, 1, 0}, {256, 256, 14, 3, 1, 1, 2},   {256, 256, 14, 3, 1, 1, 4},
      {512, 512, 7, 3, 1, 1, 0},    {64, 256, 56, 1, 1, 1, 0},  {256, 64, 56, 1, 1, 1, 0},    {512, 128, 28, 1, 1, 1, 0},
      {1024, 256, 14, 1, 1, 1, 0},  {512, 2048, 7, 1, 1, 1, 0}, {256, 512, 56, 1, 2, 1, 0},   {128, 128, 56, 3, 2, 1, 0},
      {144, 144, 56, 3, 1, 144, 0}, {96, 96, 112, 3, 2, 96, 0}, {240, 240, 28, 5, 1, 240, 0}, {960, 960, 7, 3, 1, 960, 0},
      {24, 144, 56, 1, 1, 1, 0},    {128, 128, 56, 3, 1, 4, 0},
  };
  for (const Layer& layer : layers)
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark(("conv/" + label(layer) + "/threads:" + std::to_string(threads)).c_str(), conv, layer, threads)
          ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
