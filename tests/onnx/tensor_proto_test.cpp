#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <onnx/onnx-data_pb.h>

#include <hone/onnx/tensor_proto.hpp>

#include "support/model.hpp"
#include "support/temporary_file.hpp"

namespace tensor_proto_test {

using namespace hone_test;
using hone::DType;
using hone::Type;

/// Scalars of float.
inline onnx::MapProto map(const std::vector<std::string>& texts, const std::vector<std::int64_t>& numbers,
                          const std::vector<float>& values) {
  onnx::MapProto proto;
  proto.set_key_type(texts.empty() ? onnx::TensorProto::INT64 : onnx::TensorProto::STRING);
  for (const std::string& text : texts) proto.add_string_keys(text);
  for (const std::int64_t number : numbers) proto.add_keys(number);
  for (const float value : values) *proto.mutable_values()->add_tensor_values() = tensor<float>("", {}, {value});
  return proto;
}

template <class Proto>
hone::Value read(const Proto& proto, const Type& type, std::string* name = nullptr) {
  const TemporaryFile file(proto.SerializeAsString());
  return hone::read_value(file.path(), type, name);
}

TEST_CASE("read_value reads maps, and sequences of them") {
  onnx::MapProto numbers = map({}, {3, -1}, {0.25F, 0.75F});
  numbers.set_name("scores");
  std::string name;
  const hone::Value one = read(numbers, Type::map_of(DType::int64, DType::float32), &name);
  CHECK(name == "scores");
  REQUIRE(one.is_map());
  CHECK(one.keys().view<std::int64_t>()[1] == -1);
  CHECK(one.values().shape() == hone::Shape{2});
  CHECK(one.values().view<float>()[0] == 0.25F);

  onnx::SequenceProto sequence;
  *sequence.add_map_values() = map({"a", "b"}, {}, {1, 2});
  *sequence.add_map_values() = map({"a", "b"}, {}, {3, 4});
  const hone::Value two = read(sequence, Type::sequence_of(Type::map_of(DType::string, DType::float32)));
  REQUIRE(two.elements().size() == 2);
  CHECK(two.elements()[1].keys().view<std::string>()[0] == "a");
  CHECK(two.elements()[1].values().view<float>()[1] == 4);
}

TEST_CASE("read_value refuses maps whose parts do not fit each other") {
  const Type type = Type::map_of(DType::int64, DType::float32);
  CHECK_THROWS_AS(read(map({}, {1, 2}, {1}), type), hone::Error);
  onnx::MapProto rows = map({}, {1, 2}, {1, 2});
  *rows.mutable_values()->mutable_tensor_values(1) = tensor<float>("", {2}, {1, 2});
  CHECK_THROWS_AS(read(rows, type), hone::Error);
  onnx::MapProto mixed = map({}, {1, 2}, {1, 2});
  *mixed.mutable_values()->mutable_tensor_values(1) = tensor<std::int64_t>("", {}, {1});
  CHECK_THROWS_AS(read(mixed, type), hone::Error);
  onnx::MapProto other = map({}, {1}, {1});
  other.set_key_type(onnx::TensorProto::FLOAT);
  CHECK_THROWS_AS(read(other, type), hone::Error);
}

/// Without data.
inline onnx::TensorProto header(DType dtype, std::int64_t elements) {
  onnx::TensorProto proto;
  proto.set_data_type(static_cast<int>(dtype));
  proto.add_dims(elements);
  return proto;
}

TEST_CASE("floats of 6 bits are packed as raw data, and one a number otherwise") {
  for (const DType dtype : {DType::float6e2m3, DType::float6e3m2}) {
    onnx::TensorProto proto = header(dtype, 5);
    for (const int code : {0x3f, 0, 1, 0x20, 0x15}) proto.add_int32_data(code);
    const hone::Value value = read(proto, dtype);
    const auto* bytes = value.ref().as<const std::uint8_t>();
    CHECK(std::vector<std::uint8_t>(bytes, bytes + value.ref().bytes()) == std::vector<std::uint8_t>{0x3f, 0x10, 0x80, 0x15});
    const TemporaryFile file("");
    hone::write_tensor(file.path(), value, "x");
    const hone::Value again = hone::read_value(file.path(), dtype);
    CHECK(std::equal(bytes, bytes + 4, again.ref().as<const std::uint8_t>()));
  }
}

TEST_CASE("floats of 6 bits that are too few, too many or none are errors") {
  const auto raw = [](std::int64_t elements, std::size_t bytes) {
    onnx::TensorProto proto = header(DType::float6e2m3, elements);
    proto.set_raw_data(std::string(bytes, '\0'));
    return read(proto, DType::float6e2m3);
  };
  for (std::int64_t elements = 0; elements < 9; ++elements) {
    const auto bytes = static_cast<std::size_t>(6 * elements + 7) / 8;
    CHECK(raw(elements, bytes).shape() == hone::Shape{elements});
    CHECK_THROWS_AS(raw(elements, bytes + 1), hone::Error);
    if (bytes > 0) CHECK_THROWS_AS(raw(elements, bytes - 1), hone::Error);
  }
  // 6 * 2^62 bits are more than 64 bits can count; the bits of 4 are 0 then.
  CHECK_THROWS_AS(raw(std::int64_t{1} << 62, 0), hone::Error);
  onnx::TensorProto nibbles = header(DType::int4, std::int64_t{1} << 62);
  nibbles.set_raw_data("");
  CHECK_THROWS_AS(read(nibbles, DType::int4), hone::Error);
  for (const int code : {64, -1, 0x100}) {
    onnx::TensorProto proto = header(DType::float6e3m2, 1);
    proto.add_int32_data(code);
    CHECK_THROWS_AS(read(proto, DType::float6e3m2), hone::Error);
  }
  onnx::TensorProto few = header(DType::float6e3m2, 4);
  for (int i = 0; i < 3; ++i) few.add_int32_data(i);
  CHECK_THROWS_AS(read(few, DType::float6e3m2), hone::Error);
  CHECK_THROWS_AS(read(header(static_cast<DType>(29), 0), DType::float32), hone::Error);
}

}  // namespace tensor_proto_test
