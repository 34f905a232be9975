#include <cstdint>
#include <cstdlib>
#include <cuda_runtime.h>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/hone.hpp>
#include <hone/providers/cuda.hpp>

#include "support/model.hpp"

// What the session does with a provider that has a memory of its own, and the provider for NVIDIA GPUs, on a GPU that the host emulates.
namespace cuda_provider_test {

using namespace hone_test;
using hone::Cuda;
using hone::DType;
using hone::Session;
using hone::SessionOptions;
using hone::Tensor;

inline SessionOptions on_gpu(Cuda cuda = {}) { return {.providers = {cuda, hone::Cpu{}}}; }

inline std::vector<std::string> nodes_of(const Session& session) {
  std::vector<std::string> lines;
  for (const hone::NodeReport& node : session.report().nodes) lines.push_back(node.op + " " + node.provider);
  return lines;
}

/// y = Relu(x w), z = Det(y): Det runs on the host alone.
inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline onnx::ModelProto product_and_determinant() {
  return model(22, GraphBuilder()
                       .input("x", DType::float32, {2, 3})
                       .initializer(tensor<float>("w", {3, 2}, {1, 2, 3, 4, 5, 6}))
                       .node(NodeBuilder("MatMul", {"x", "w"}, {"p"}))
                       .node(NodeBuilder("Relu", {"p"}, {"y"}))
                       .node(NodeBuilder("Det", {"y"}, {"z"}))
                       .output("y")
                       .output("z"));
}

TEST_CASE("Values are copied where they go from one provider to the next, and nowhere else") {
  const Session session(product_and_determinant(), on_gpu());
  const std::string gpu = "CUDA device 0 (emulated by the host)";
  const std::vector<std::string> expected{"MatMul CUDAExecutionProvider", "Relu CUDAExecutionProvider", "Det CPUExecutionProvider",
                                          "hone.Copy " + gpu, "hone.Copy " + gpu};
  CHECK(nodes_of(session) == expected);  // x to the GPU, and y to the host, once for Det and the caller

  Tensor<float> x({2, 3}, {1, 0, 0, 0, 1, 0});
  const auto out = session.run({{"x", x}});
  CHECK(out["y"].view<float>()(1, 1) == 4);
  CHECK(out["z"].view<float>()[0] == -2);
}

TEST_CASE("A run only for outputs of the host leaves out what nobody needs") {
  const Session session(product_and_determinant(), on_gpu());
  Tensor<float> x({2, 3}, {1, 0, 0, 0, 1, 0});
  Tensor<float> z(hone::Shape{});
  session.run({{"x", x}}, {{"z", z}});
  CHECK(z[0] == -2);
}

TEST_CASE("The arithmetic of shapes stays on the host, and costs a run no copies") {
  const auto graph = model(22, GraphBuilder()
                                   .input("x", DType::float32, {-1, 4})
                                   .initializer(tensor<std::int64_t>("first", {1}, {0}))
                                   .initializer(tensor<std::int64_t>("rest", {1}, {-1}))
                                   .node(NodeBuilder("Shape", {"x"}, {"s"}))
                                   .node(NodeBuilder("Gather", {"s", "first"}, {"n"}))
                                   .node(NodeBuilder("Concat", {"n", "rest"}, {"to"}).attribute("axis", std::int64_t{0}))
                                   .node(NodeBuilder("Exp", {"x"}, {"e"}))
                                   .node(NodeBuilder("Reshape", {"e", "to"}, {"y"}))
                                   .output("y"));
  SessionOptions options = on_gpu();
  options.graph_optimization_level = hone::GraphOptimizationLevel::disabled;
  const Session session(graph, options);
  std::map<std::string, std::string> where;
  for (const hone::NodeReport& node : session.report().nodes) where[node.op] = node.provider;
  CHECK(where["Gather"] == "CPUExecutionProvider");
  CHECK(where["Concat"] == "CPUExecutionProvider");
  CHECK(where["Reshape"] == "CUDAExecutionProvider");
  Tensor<float> x = Tensor<float>::filled({3, 4}, 0);
  CHECK(session.run({{"x", x}})["y"].shape() == hone::Shape{3, 4});
}

TEST_CASE("Inputs and outputs may be memory of the GPU") {
  const auto graph = model(22, GraphBuilder().input("x", DType::float32, {4}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
  const Session session(graph, on_gpu());
  const float numbers[] = {1, 2, 3, 4};
  void* memory = nullptr;
  REQUIRE(cudaMalloc(&memory, 2 * sizeof numbers) == cudaSuccess);
  auto* x = static_cast<float*>(memory);
  float* y = x + 4;
  REQUIRE(cudaMemcpy(x, numbers, sizeof numbers, cudaMemcpyDefault) == cudaSuccess);
  Tensor<float> in = Tensor<float>::over(x, {4});
  Tensor<float> out = Tensor<float>::over(y, {4});
  session.run({{"x", in}}, {{"y", out}});
  float results[4] = {};
  REQUIRE(cudaMemcpy(results, y, sizeof results, cudaMemcpyDefault) == cudaSuccess);
  CHECK(results[3] == -4);
  cudaFree(memory);
}

TEST_CASE("An index out of range ends the run with the name of the node, and the session stays usable") {
  const auto graph = model(22, GraphBuilder()
                                   .input("i", DType::int64, {2})
                                   .initializer(tensor<float>("table", {3}, {10, 20, 30}))
                                   .node(NodeBuilder("Gather", {"table", "i"}, {"y"}))
                                   .output("y"));
  const Session session(graph, on_gpu());
  Tensor<std::int64_t> wrong({2}, {0, 3});
  CHECK(contains(error_of([&] { (void)session.run({{"i", wrong}}); }), "node 'Gather_node' (Gather, opset 22): an index is out of range"));
  Tensor<std::int64_t> right({2}, {-1, 1});
  const auto out = session.run({{"i", right}});
  CHECK(out["y"].view<float>()[0] == 30);
  CHECK(out["y"].view<float>()[1] == 20);
}

TEST_CASE("A kernel that cannot be launched is an error of its node") {
  const auto graph = model(22, GraphBuilder().input("x", DType::float32, {4}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
  const Session session(graph, on_gpu());
  Tensor<float> x = Tensor<float>::filled({4}, 1);
  emulation::next_launch = cudaErrorInvalidValue;
  const std::string error = error_of([&] { (void)session.run({{"x", x}}); });
  CHECK(contains(error, "node 'Neg_node' (Neg"));
  CHECK(contains(error, "CUDA: invalid argument"));
  CHECK(session.run({{"x", x}})["y"].view<float>()[0] == -1);
}

TEST_CASE("Memory beyond gpu_mem_limit is an error that names the option") {
  const auto graph = model(22, GraphBuilder().input("x", DType::float32, {-1}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y"));
  const Session session(graph, on_gpu({.gpu_mem_limit = 1 << 16}));
  Tensor<float> large = Tensor<float>::filled({1 << 16}, 1);
  CHECK(contains(error_of([&] { (void)session.run({{"x", large}}); }), "gpu_mem_limit is 65536"));
  Tensor<float> small = Tensor<float>::filled({16}, 1);
  CHECK(session.run({{"x", small}})["y"].view<float>()[15] == -1);
}

TEST_CASE("Without a GPU, or without that one, the provider says so") {
  CHECK(contains(error_of([] { (void)Cuda{.device_id = 7}.provider(); }), "device_id is 7; the GPUs are 0 to 0"));
  setenv("HONE_EMULATED_DEVICES", "0", 1);
  CHECK(hone::cuda_unavailable() == "no CUDA-capable device is detected");
  CHECK(contains(error_of([] { (void)Cuda{}.provider(); }), "there is no CUDA device: no CUDA-capable device is detected"));
  unsetenv("HONE_EMULATED_DEVICES");
  CHECK(hone::cuda_unavailable().empty());
}

TEST_CASE("Work goes to the GPU that device_id names, whichever the thread has chosen") {
  setenv("HONE_EMULATED_DEVICES", "2", 1);
  const Session session(product_and_determinant(), on_gpu({.device_id = 1}));
  unsetenv("HONE_EMULATED_DEVICES");
  Tensor<float> x({2, 3}, {1, 0, 0, 0, 1, 0});
  CHECK(session.run({{"x", x}})["z"].view<float>()[0] == -2);
  int current = -1;
  cudaGetDevice(&current);
  CHECK(current == 0);
}

TEST_CASE("A model with operators that nobody has is an error that lists them, on a device too") {
  const auto graph = model(22, GraphBuilder()
                                   .input("x", DType::float32, {4})
                                   .node(NodeBuilder("Neg", {"x"}, {"y"}))
                                   .node(NodeBuilder("Frobnicate", {"y"}, {"z"}))
                                   .output("z"));
  CHECK(contains(error_of([&] { Session(graph, on_gpu()); }), "Frobnicate_node"));
}

TEST_CASE("Options as text are the options as members; others are errors that list them") {
  const Cuda read = Cuda::from({{"device_id", "1"}, {"gpu_mem_limit", "1024"}, {"use_tf32", "1"}});
  CHECK(read.device_id == 1);
  CHECK(read.gpu_mem_limit == 1024);
  CHECK(read.use_tf32);
  CHECK(contains(error_of([] { (void)Cuda::from({{"devise_id", "1"}}); }), "no option 'devise_id'; it has device_id, gpu_mem_limit"));
  CHECK(contains(error_of([] { (void)Cuda::from({{"device_id", "one"}}); }), "device_id of the CUDA provider is 'one'"));
  CHECK(contains(error_of([] { (void)Cuda::from({{"use_tf32", "yes"}}); }), "neither 0 nor 1"));
}

TEST_CASE("disable_cpu_fallback refuses nodes that only the host runs, but for the arithmetic of shapes") {
  SessionOptions options = on_gpu();
  options.disable_cpu_fallback = true;
  CHECK(contains(error_of([&] { Session(product_and_determinant(), options); }), "Det_node"));
}

}  // namespace cuda_provider_test
