#include "../../tools/compare.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace compare_test {

using hone::Shape;
using hone::Tensor;
using hone::Value;
using tools::compare;

constexpr float infinity = std::numeric_limits<float>::infinity();
const tools::Tolerance elementwise{};
const tools::Tolerance by_maximum{.relative = 1e-3, .by_maximum = true};

Value floats(std::initializer_list<float> values) { return Tensor<float>({static_cast<std::int64_t>(values.size())}, values); }

TEST_CASE("compare: each element within absolute + relative * |reference|") {
  CHECK(compare(floats({1.0009f, 100.09f}), floats({1, 100}), elementwise).empty());
  CHECK(compare(floats({1, 100.2f}), floats({1, 100}), elementwise) == "1 of 2 elements differ, worst is element 1: 100.2, expected 100");
  CHECK_FALSE(compare(floats({1e-6f}), floats({0}), elementwise).empty());
  CHECK(compare(floats({5e-8f}), floats({0}), elementwise).empty());
}

TEST_CASE("compare: no element need be more exact than the rounding of the largest one") {
  CHECK(compare(floats({2e-5f, 1000}), floats({0, 1000}), elementwise).empty());
  CHECK_FALSE(compare(floats({2e-4f, 1000}), floats({0, 1000}), elementwise).empty());
  const auto narrow = [](float value) { return Value(Tensor<hone::BFloat16>({1}, {hone::BFloat16(value)})); };
  CHECK(compare(narrow(1.0078125f), narrow(1), elementwise).empty());
  CHECK_FALSE(compare(narrow(1.03125f), narrow(1), elementwise).empty());
}

TEST_CASE("compare: the largest error within a share of the largest reference") {
  CHECK(compare(floats({0.05f, 100}), floats({0, 100}), by_maximum).empty());
  CHECK_FALSE(compare(floats({0.2f, 100}), floats({0, 100}), by_maximum).empty());
  CHECK_FALSE(compare(floats({1e-3f}), floats({0}), by_maximum).empty());
}

TEST_CASE("compare: what is not finite must be the same thing") {
  for (const tools::Tolerance& tolerance : {elementwise, by_maximum}) {
    CHECK(compare(floats({NAN, infinity, -infinity}), floats({NAN, infinity, -infinity}), tolerance).empty());
    CHECK_FALSE(compare(floats({1}), floats({NAN}), tolerance).empty());
    CHECK_FALSE(compare(floats({NAN}), floats({1}), tolerance).empty());
    CHECK_FALSE(compare(floats({-infinity}), floats({infinity}), tolerance).empty());
    CHECK_FALSE(compare(floats({infinity}), floats({1e30f}), tolerance).empty());
  }
}

TEST_CASE("compare: integers within a whole absolute tolerance") {
  const tools::Tolerance one_step{.relative = 0, .absolute = 1};
  const auto int8s = [](std::initializer_list<std::int8_t> values) -> Value { return Tensor<std::int8_t>({3}, values); };
  const Value reference = int8s({-128, 63, 127});
  CHECK(compare(int8s({-127, 64, 126}), reference, one_step).empty());
  CHECK_FALSE(compare(int8s({-127, 64, 126}), reference, elementwise).empty());
  CHECK(compare(int8s({127, 63, 127}), reference, one_step) == "element 0 is 127, expected -128");
}

TEST_CASE("compare: types, shapes, integers and strings exactly") {
  CHECK(compare(floats({1}), Tensor<double>({1}, {1.0}), elementwise) == "the type is tensor(float), expected tensor(double)");
  CHECK(compare(Tensor<float>({1, 2}, {1, 2}), floats({1, 2}), elementwise) == "the shape is (1, 2), expected (2,)");
  CHECK(compare(Tensor<std::int64_t>({1}, {100001}), Tensor<std::int64_t>({1}, {100000}), elementwise) ==
        "element 0 is 100001, expected 100000");
  CHECK(compare(Tensor<std::string>({1}, {"a"}), Tensor<std::string>({1}, {"b"}), elementwise) == "element 0 is 'a', expected 'b'");
  const tools::Tolerance one_step{.relative = 0, .absolute = 1};
  CHECK(compare(Tensor<bool>({1}, {true}), Tensor<bool>({1}, {false}), one_step) == "element 0 is 1, expected 0");
  CHECK(compare(Tensor<bool>({2}, {true, false}), Tensor<bool>({2}, {true, false}), one_step).empty());
}

TEST_CASE("compare: packed elements one by one, without the bits behind the last one") {
  Value y = Value::tensor(hone::DType::int4, {3});
  Value reference = Value::tensor(hone::DType::int4, {3});
  auto* bytes = y.ref().as<std::uint8_t>();
  auto* expected = reference.ref().as<std::uint8_t>();
  bytes[0] = expected[0] = 0x21;
  bytes[1] = 0x03;
  expected[1] = 0xf3;
  CHECK(compare(y, reference, elementwise).empty());
  bytes[0] = 0x31;
  CHECK(compare(y, reference, elementwise) == "element 1 has the bits 3, expected 2");
}

TEST_CASE("compare: sequences and maps by their parts; no value equals no value") {
  const auto sequence = [](float last) {
    std::vector<Value> values;
    values.push_back(floats({1}));
    values.push_back(floats({last}));
    return Value::sequence(hone::DType::float32, std::move(values));
  };
  CHECK(compare(sequence(2), sequence(2), elementwise).empty());
  CHECK(compare(sequence(3), sequence(2), elementwise).starts_with("[1]: "));
  CHECK(compare(Value::sequence(hone::DType::float32), sequence(2), elementwise) == "the sequence has 0 elements, expected 2");
  const auto map = [](float value) { return Value::map(Tensor<std::int64_t>({1}, {7}), floats({value})); };
  CHECK(compare(map(1), map(1), elementwise).empty());
  CHECK(compare(map(1), map(2), elementwise).starts_with("values: "));
  CHECK(compare(Value(), Value(), elementwise).empty());
  CHECK(compare(Value(), floats({1}), elementwise) == "there is no value, expected one");
  CHECK_FALSE(compare(floats({1}), sequence(1), elementwise).empty());
}

TEST_CASE("identical: the same type, shape and bits, in every part") {
  using tools::identical;
  CHECK(identical(floats({1, -0.0f, NAN}), floats({1, -0.0f, NAN})));
  CHECK_FALSE(identical(floats({0}), floats({-0.0f})));
  CHECK_FALSE(identical(floats({1}), Tensor<double>({1}, {1.0})));
  CHECK_FALSE(identical(floats({1, 2}), Tensor<float>({1, 2}, {1, 2})));
  CHECK(identical(Tensor<float>({0, 2}, {}), Tensor<float>({0, 2}, {})));
  const auto texts = [](const std::string& last) -> Value { return Tensor<std::string>({2}, {"a", last}); };
  CHECK(identical(texts("b"), texts("b")));
  CHECK_FALSE(identical(texts("b"), texts("c")));
  CHECK(identical(Value(), Value()));
  CHECK_FALSE(identical(Value(), floats({1})));
  const auto sequence = [](std::initializer_list<float> last) {
    std::vector<Value> values;
    values.push_back(floats({1}));
    values.push_back(floats(last));
    return Value::sequence(hone::DType::float32, std::move(values));
  };
  CHECK(identical(sequence({2}), sequence({2})));
  CHECK_FALSE(identical(sequence({2}), sequence({3})));
  CHECK_FALSE(identical(sequence({2}), Value::sequence(hone::DType::float32)));
  const auto map = [](std::int64_t key, float value) { return Value::map(Tensor<std::int64_t>({1}, {key}), floats({value})); };
  CHECK(identical(map(7, 1), map(7, 1)));
  CHECK_FALSE(identical(map(7, 1), map(8, 1)));
  CHECK_FALSE(identical(map(7, 1), map(7, 2)));
}

}  // namespace compare_test
