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

}  // namespace tensor_proto_test
