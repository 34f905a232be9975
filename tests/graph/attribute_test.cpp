#include <doctest/doctest.h>

#include <hone/graph/attribute.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/softmax.hpp>
#include <hone/ops/unary.hpp>

namespace attribute_test {

using hone::AttributeReader;
using hone::Attributes;

/// Whether a node that was read by opset `from` is read the same by opset `to`.
template <class Op>
bool alike(const Attributes& attributes, int from, int to) {
  AttributeReader reader(attributes, from);
  (void)hone::op_info<Op>.create(reader);
  return reader.opset().compares_like(to);
}

TEST_CASE("an opset knows which others compare like it") {
  hone::ReadingOpset opset(10);
  CHECK(opset.compares_like(1));
  CHECK(opset.compares_like(99));
  CHECK(opset >= 7);
  CHECK(opset < 13);
  CHECK_FALSE(opset < 9);
  CHECK_FALSE(opset >= 20);
  CHECK(opset.compares_like(9));
  CHECK(opset.compares_like(12));
  CHECK_FALSE(opset.compares_like(8));
  CHECK_FALSE(opset.compares_like(13));
}

TEST_CASE("operators are alike where their readers saw no difference") {
  CHECK(alike<hone::ops::Softmax>({}, 11, 12));
  CHECK_FALSE(alike<hone::ops::Softmax>({}, 12, 13));
  CHECK(alike<hone::ops::Softmax>({}, 13, 25));
  CHECK(alike<hone::ops::Swish>({{"alpha", 2.0f}}, 24, 1));
  CHECK(alike<hone::ops::Relu>({}, 14, 6));
  CHECK_FALSE(alike<hone::ops::Relu>({}, 14, 5));
}

}  // namespace attribute_test
