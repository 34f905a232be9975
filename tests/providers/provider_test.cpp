#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/binary.hpp>
#include <hone/ops/unary.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace provider_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// A kernel that computes f(x) + 100, so that a test sees where a node ran.
class MarkedKernel final : public hone::AnyKernel {
 public:
  explicit MarkedKernel(bool negates) : negates_(negates) {}
  [[nodiscard]] std::size_t workspace(const hone::Context&) const override { return 0; }
  void run(hone::Context& c) const override {
    for (std::int64_t i = 0; i < c.output(0).elements(); ++i) {
      const float x = c.in<float>(0)[i];
      c.out<float>(0)[i] = (negates_ ? -x : x + c.in<float>(1)[i]) + 100;
    }
  }

 private:
  bool negates_;
};

/// Runs Neg and Add on float, and nothing else; refuses Add when asked to broadcast.
class TestProvider final : public hone::Provider {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "TestProvider"; }
  [[nodiscard]] std::vector<const hone::OpInfo*> operators() const override {
    return {&hone::op_info<hone::ops::Neg>, &hone::op_info<hone::ops::Add>};
  }
  [[nodiscard]] hone::Placement place(const hone::NodeView& node) const override {
    const bool negates = node.node().as<hone::ops::Neg>() != nullptr;
    if (!negates && node.node().as<hone::ops::Add>() == nullptr) return {nullptr, "", "the operator is neither Neg nor Add"};
    if (node.input_dtype(0) != DType::float32) return {nullptr, "", "the type is " + to_string(node.input_dtype(0)) + ", not float"};
    return {std::make_unique<MarkedKernel>(negates), negates ? "MarkedNeg" : "MarkedAdd", ""};
  }
};

inline onnx::ModelProto graph() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {2})
                       .input("i", DType::int64, {2})
                       .node(NodeBuilder("Neg", {"x"}, {"n"}))
                       .node(NodeBuilder("Relu", {"n"}, {"r"}))
                       .node(NodeBuilder("Add", {"r", "x"}, {"y"}))
                       .node(NodeBuilder("Neg", {"i"}, {"j"}))
                       .output("y")
                       .output("j"));
}

TEST_CASE("each node goes to the first provider that supports it, and the report says why not to the others") {
  const Session session(graph(), {.providers = {std::make_shared<TestProvider>(), hone::Cpu{}}});
  CHECK(session.providers() == std::vector<std::string>{"TestProvider", "CPUExecutionProvider"});
  const Tensor<float> x({2}, {1, -2});
  const Tensor<std::int64_t> i({2}, {3, 4});
  const hone::Outputs out = session.run({{"x", x}, {"i", i}});
  CHECK(values_of<float>(out["y"]) == std::vector<float>{99 + 1 + 100, 102 - 2 + 100});
  CHECK(values_of<std::int64_t>(out["j"]) == std::vector<std::int64_t>{-3, -4});

  const auto& nodes = session.report().nodes;
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[0].provider == "TestProvider");
  CHECK(nodes[0].kernel == "MarkedNeg");
  CHECK(nodes[0].refusals.empty());
  CHECK(nodes[1].op == "Relu");
  CHECK(nodes[1].provider == "CPUExecutionProvider");
  REQUIRE(nodes[1].refusals.size() == 1);
  CHECK(nodes[1].refusals[0] == std::pair<std::string, std::string>("TestProvider", "the operator is neither Neg nor Add"));
  CHECK(nodes[2].kernel == "MarkedAdd");
  CHECK(nodes[3].provider == "CPUExecutionProvider");
  CHECK(nodes[3].refusals[0].second == "the type is int64, not float");
  CHECK(contains(to_string(session.report()), "TestProvider refused: the type is int64, not float"));
}

TEST_CASE("the order of the providers decides") {
  const Session session(graph(), {.providers = {hone::Cpu{}, std::make_shared<TestProvider>()}});
  for (const auto& node : session.report().nodes) CHECK(node.provider == "CPUExecutionProvider");
}

TEST_CASE("nodes that no provider takes are listed with every provider's reason") {
  const std::string message = error_of([] { Session session(graph(), {.providers = {std::make_shared<TestProvider>()}}); });
  CHECK(contains(message, "2 nodes cannot run"));
  CHECK(contains(message, "Relu (opset 17) on (tensor(float)): no provider knows the operator"));
  CHECK(contains(message, "Neg (opset 17) on (tensor(int64) (2)): TestProvider: the type is int64, not float"));
}

TEST_CASE("a dtype without a kernel is refused with the list of those that have one") {
  const auto proto = model(17, GraphBuilder().input("x", DType::int32, {2}).node(NodeBuilder("Exp", {"x"}, {"y"})).output("y"));
  CHECK(contains(error_of([&] { Session session(proto); }), "no kernel for int32; there are kernels for float"));
}

TEST_CASE("set_providers prepares the model again; what fails changes nothing") {
  Session session(graph(), {.providers = {std::make_shared<TestProvider>(), hone::Cpu{}}});
  const Tensor<float> x({2}, {1, -2});
  const Tensor<std::int64_t> i({2}, {3, 4});
  const auto y = [&] { return values_of<float>(session.run({"y"}, {{"x", x}, {"i", i}})["y"]); };
  const std::vector<float> marked = {200, 200};
  CHECK(y() == marked);
  CHECK(contains(error_of([&] { session.set_providers({std::make_shared<TestProvider>()}); }), "2 nodes cannot run"));
  CHECK(contains(error_of([&] { session.set_providers({"Nope"}); }), "no provider 'Nope'; available: CPUExecutionProvider"));
  CHECK(contains(error_of([&] { session.set_providers({}); }), "no providers"));
  CHECK(y() == marked);
  CHECK(session.providers().size() == 2);
  session.set_providers({"cpu"});
  CHECK(session.providers() == std::vector<std::string>{"CPUExecutionProvider"});
  CHECK(y() == std::vector<float>{1, 0});
  CHECK(session.report().nodes[0].provider == "CPUExecutionProvider");
  CHECK(session.inputs().size() == 2);
}

TEST_CASE("without fallback to the CPU, nodes that only the CPU takes are an error") {
  const std::string message = error_of([] {
    Session session(graph(), {.providers = {std::make_shared<TestProvider>(), hone::Cpu{}}, .disable_cpu_fallback = true});
  });
  CHECK(contains(message, "2 nodes cannot run"));
  CHECK(contains(message,
                 "TestProvider: the operator is neither Neg nor Add; CPUExecutionProvider: it would fall back to the CPU, and "
                 "disable_cpu_fallback is set"));
  // The CPU as the first choice is no fallback.
  const Session session(graph(), {.providers = {hone::Cpu{}, std::make_shared<TestProvider>()}, .disable_cpu_fallback = true});
  for (const auto& node : session.report().nodes) CHECK(node.provider == "CPUExecutionProvider");
}

}  // namespace provider_test
