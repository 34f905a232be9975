#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/core/value.hpp>

#include "support/model.hpp"

namespace value_test {

using namespace hone;
using hone_test::contains;
using hone_test::error_of;

TEST_CASE("a tensor owns its memory or stands over the caller's") {
  Tensor<float> owned({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(owned(1, 2) == 6);
  CHECK(owned.size() == 6);
  CHECK(reinterpret_cast<std::uintptr_t>(owned.data()) % buffer_alignment == 0);
  std::vector<float> memory(6, 1);
  auto over = Tensor<float>::over(memory.data(), {3, 2});
  over(2, 1) = 9;
  CHECK(memory[5] == 9);
  const float* before = owned.data();
  Tensor<float> moved = std::move(owned);
  CHECK(moved.data() == before);
  CHECK(owned.size() == 0);
  Tensor<float> copy = moved.clone();
  copy[0] = 7;
  CHECK(moved[0] == 1);
  CHECK(Tensor<std::int64_t>({}, {5}).size() == 1);
  CHECK(contains(error_of([] { Tensor<float>({2}, {1, 2, 3}); }), "needs 2 values, not 3"));
  CHECK(contains(error_of([] { Tensor<float>({-1}); }), "negative dimension"));
  CHECK(contains(error_of([] { Tensor<double>({std::int64_t{1} << 40, std::int64_t{1} << 40}); }), "too many elements"));
}

TEST_CASE("a value takes a tensor over and gives typed views") {
  Tensor<std::int32_t> tensor({2}, {4, 5});
  const void* memory = tensor.data();
  const Value value(std::move(tensor));
  CHECK(value.is_tensor());
  CHECK(value.ref().data == memory);
  CHECK(value.dtype() == DType::int32);
  CHECK(value.view<const std::int32_t>()[1] == 5);
  CHECK(to_string(value.type()) == "tensor(int32)");
  CHECK(error_of([&] { (void)value.view<float>(); }) == "the tensor holds int32, not float as asked for");
  CHECK(error_of([&] { (void)value.elements(); }) == "the value is tensor(int32), not a sequence");
  CHECK(error_of([] { (void)Value().dtype(); }) == "the value is empty, not a tensor");
}

TEST_CASE("strings are constructed and destroyed") {
  Value value = Value::tensor(DType::string, {2});
  value.view<std::string>()[0] = std::string(100, 'a');
  const Value copy = value.clone();
  value = Value();
  CHECK(copy.view<const std::string>()[0].size() == 100);
  CHECK(copy.view<const std::string>()[1].empty());
}

TEST_CASE("sequences, maps and nothing") {
  std::vector<Value> parts;
  parts.emplace_back(Tensor<float>({1}, {1}));
  parts.emplace_back(Tensor<float>({2}, {2, 3}));
  const Value sequence = Value::sequence(DType::float32, std::move(parts));
  CHECK(to_string(sequence.type()) == "seq(tensor(float))");
  CHECK(sequence.clone().elements()[1].view<const float>()[1] == 3);
  const Value map = Value::map(Tensor<std::int64_t>({2}, {1, 2}), Tensor<float>({2}, {0.5f, 0.25f}));
  CHECK(map.clone().values().view<const float>()[1] == 0.25f);
  CHECK(map.keys().dtype() == DType::int64);
  CHECK_FALSE(Value().has_value());
  CHECK_FALSE(Value().clone().has_value());
}

TEST_CASE("every element type of ONNX has a name, a size and storage") {
  for (int i = 1; i < dtype_count; ++i) {
    const auto dtype = static_cast<DType>(i);
    CAPTURE(name(dtype));
    CHECK(bit_width(dtype) > 0);
    const Value value = Value::tensor(dtype, {3, 5});
    CHECK(value.ref().bytes() == storage_bytes(dtype, 15));
  }
  CHECK(storage_bytes(DType::int4, 3) == 2);
  CHECK(storage_bytes(DType::uint2, 5) == 2);
  for (std::size_t elements = 0; elements < 20; ++elements) CHECK(storage_bytes(DType::float6e2m3, elements) == (6 * elements + 7) / 8);
  // The bits are more than 64 bits can count, the bytes are not.
  CHECK(storage_bytes(DType::int4, std::size_t{1} << 62) == std::size_t{1} << 61);
  CHECK(checked_bytes(DType::float6e3m2, {std::int64_t{1} << 62}) == std::size_t{3} << 60);
  CHECK(Tensor<Int4x2>({3}).size() == 2);
  CHECK_FALSE(is_valid(0));
  CHECK_FALSE(is_valid(dtype_count));
}

TEST_CASE("float16 and bfloat16 round to nearest even") {
  CHECK(static_cast<float>(Half(1.0f)) == 1.0f);
  CHECK(Half(65504.0f).bits == 0x7bff);
  CHECK(Half(65520.0f).bits == 0x7c00);
  CHECK(Half(0x1p-24f).bits == 1);
  CHECK(Half(0x1p-25f).bits == 0);
  CHECK(Half(0x1.8p-24f).bits == 2);
  CHECK(Half(1.0f + 0x1p-11f).bits == Half(1.0f).bits);
  CHECK(Half(1.0f + 0x1.8p-10f).bits == Half(1.0f).bits + 2);
  CHECK(Half(-0.0f).bits == 0x8000);
  const float nan = static_cast<float>(Half(std::numeric_limits<float>::quiet_NaN()));
  CHECK(nan != nan);
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = Half::from_bits(static_cast<std::uint16_t>(bits));
    const float value = half;
    if (value == value) CHECK_MESSAGE(Half(value).bits == half.bits, bits);
  }
  CHECK(BFloat16(1.0f + 0x1p-8f).bits == BFloat16(1.0f).bits);
  CHECK(BFloat16(1.0f + 0x1.8p-7f).bits == BFloat16(1.0f).bits + 2);
  CHECK(static_cast<float>(BFloat16(-3.5f)) == -3.5f);
}

TEST_CASE("assigned values are copies, in the memory that was there") {
  std::vector<Value> parts;
  parts.emplace_back(Tensor<float>({2}, {1, 2}));
  parts.emplace_back(Tensor<std::string>({1}, {"text"}));
  const Value from = Value::sequence(DType::float32, std::move(parts));
  Value to = Value::sequence(DType::int64);
  auto& values = to.reset_sequence(DType::float32, 3);
  REQUIRE(values.size() == 3);
  CHECK_FALSE(values[0].has_value());
  values[0] = Value(Tensor<float>({3}, {7, 8, 9}));
  const void* memory = values[0].ref().data;
  to.assign(from);
  CHECK(to.element_type() == hone::Type(DType::float32));
  REQUIRE(to.elements().size() == 2);
  CHECK(to.elements()[0].ref().data == memory);
  CHECK(to.elements()[0].shape() == hone::Shape{2});
  CHECK(to.elements()[0].view<float>()[1] == 2);
  CHECK(to.elements()[1].view<std::string>()[0] == "text");
  CHECK(to.elements()[1].ref().data != from.elements()[1].ref().data);

  // Memory of others is not written to.
  Tensor<float> others({2}, {5, 6});
  Value over = Value::over(others.ref());
  over.assign(from.elements()[0]);
  CHECK(others[0] == 5);
  CHECK(over.view<float>()[0] == 1);

  to.assign(Value::map(Value(Tensor<std::int64_t>({1}, {3})), Value(Tensor<float>({1}, {4}))));
  CHECK(to.values().view<float>()[0] == 4);
  to.assign(from.elements()[0].ref());
  CHECK(to.view<float>()[0] == 1);
  to.assign(Value());
  CHECK_FALSE(to.has_value());
}

}  // namespace value_test
