#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/rewrites/fold_constants.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace fold_constants_test {

using namespace hone_test;
using hone::DType;
using hone::Limits;
using hone::Session;

inline std::vector<std::string> ops_of(const Session& session) {
  std::vector<std::string> ops;
  for (const auto& node : session.report().nodes) ops.push_back(node.op);
  return ops;
}

/// One node whose inputs are constant.
inline onnx::ModelProto constant_node(const std::string& op, const onnx::TensorProto& input, const std::string& domain = "") {
  return model(17, GraphBuilder().initializer(input).node(NodeBuilder(op, {input.name()}, {"y"}, domain)).output("y"));
}

TEST_CASE("a constant result within the limits is computed while loading") {
  CHECK(ops_of(Session(constant_node("NonZero", tensor<float>("k", {1, 2, 2}, {1, 0, 0, 0})),
                       {.limits = {.max_tensor_bytes = 24, .max_tensor_elements = 4}}))
            .empty());
  CHECK(ops_of(Session(constant_node("ConstantOfShape", tensor<std::int64_t>("k", {2}, {4, 4})),
                       {.limits = {.max_tensor_bytes = 64, .max_tensor_elements = 16}}))
            .empty());
}

TEST_CASE("a constant result beyond a limit stays a node, and the run reports it") {
  // Its size is known before it is computed, or only then.
  const auto known = constant_node("ConstantOfShape", tensor<std::int64_t>("k", {2}, {4, 4}));
  const auto found = constant_node("NonZero", tensor<float>("k", {4, 2}, {1, 1, 1, 1, 1, 0, 1, 1}));
  const auto refused = [](const onnx::ModelProto& proto, const std::string& op, const Limits& limits, const std::string& message) {
    const Session session(proto, {.limits = limits});
    CHECK(ops_of(session) == std::vector<std::string>{op});
    CHECK(contains(error_of([&] { (void)session.run({}); }), message));
  };
  refused(known, "ConstantOfShape", {.max_tensor_bytes = 63}, "in bytes, takes 64; SessionOptions::limits.max_tensor_bytes is 63");
  refused(known, "ConstantOfShape", {.max_tensor_elements = 15}, "in elements, takes 16; SessionOptions::limits.max_tensor_elements is 15");
  refused(found, "NonZero", {.max_tensor_bytes = 111}, "in bytes, takes 112; SessionOptions::limits.max_tensor_bytes is 111");
  refused(found, "NonZero", {.max_tensor_elements = 13}, "in elements, takes 14; SessionOptions::limits.max_tensor_elements is 13");
}

TEST_CASE("without limits too, a result that turns out larger than a model should grow by stays a node") {
  const auto ops = [](std::int64_t bytes) {
    hone::SessionOptions options;
    options.add_op("test", "Unpack",
                   [](hone::Context& c) {
                     const std::int64_t size = *c.in<std::int64_t>(0);
                     c.allocate(0, DType::uint8, {size});
                   },
                   {.types = [](const hone::TypeContext& c) { c.output(0, DType::uint8); }, .traits = {.data_dependent = true}});
    auto proto = constant_node("Unpack", tensor<std::int64_t>("k", {}, {bytes}), "test");
    import_domain(proto, "test");
    return ops_of(Session(proto, options));
  };
  constexpr auto most = static_cast<std::int64_t>(hone::rewrites::FoldConstants::max_bytes);
  CHECK(ops(1000).empty());
  CHECK(ops(most + 1) == std::vector<std::string>{"test.Unpack"});
}

}  // namespace fold_constants_test
