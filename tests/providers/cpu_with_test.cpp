#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/providers/cpu_with.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace cpu_with_test {

using namespace hone_test;
using hone::DType;

TEST_CASE("a narrowed provider runs the operators it names and no others") {
  const auto product = [](const std::string& op) {
    return model(13, GraphBuilder()
                         .input("a", DType::float32, {1, 2})
                         .input("b", DType::float32, {2, 1})
                         .node(NodeBuilder("MatMul", {"a", "b"}, {"m"}))
                         .node(NodeBuilder(op, {"m"}, {"y"}))
                         .output("y"));
  };
  const hone::CpuWith<hone::ops::MatMul, hone::ops::Neg> narrow;
  const hone::Session session(product("Neg"), {.providers = {narrow}});
  const hone::Tensor<float> a({1, 2}, {1, 2});
  const hone::Tensor<float> b({2, 1}, {3, 4});
  CHECK(values_of<float>(session.run({{"a", a}, {"b", b}})["y"]) == std::vector<float>{-11});
  CHECK(contains(error_of([&] { hone::Session refused(product("Relu"), {.providers = {narrow}}); }), "Relu (opset 13)"));
  CHECK(narrow.provider()->operators().size() == 2);
}

}  // namespace cpu_with_test
