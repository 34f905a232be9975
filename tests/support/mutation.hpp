#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

/// Damage to serialized models: to their bytes, and to their fields, which gets further into the library before it is found out.
namespace hone_test {

class Mutator {
 public:
  /// `op_types`: what the type of a node may become.
  Mutator(std::uint64_t seed, const std::vector<std::string>& op_types) : random_(seed), op_types_(op_types) {}

  [[nodiscard]] std::mt19937_64& random() noexcept { return random_; }
  /// In [0, count).
  [[nodiscard]] std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_() % count); }
  [[nodiscard]] bool one_in(std::size_t count) { return below(count) == 0; }
  /// A number that code tends to trip over.
  [[nodiscard]] std::int64_t hostile() {
    static constexpr std::int64_t numbers[] = {
        0,   1,   2,    3,      7,         8,         64,        127,       -1,        -2,        -3,        -8,         -128,
        255, 256, 1000, 65'536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1LL << 31, 1LL << 40, 1LL << 62, -1LL << 40, INT64_MAX - 1};
    return numbers[below(std::size(numbers))];
  }

  /// One to four changes.
  [[nodiscard]] std::string mutate(std::string model) {
    const std::size_t changes = 1 + below(4);
    onnx::ModelProto proto;
    if (one_in(2) && proto.ParseFromString(model)) {
      for (std::size_t i = 0; i < changes; ++i) change_field(proto);
      return proto.SerializeAsString();
    }
    for (std::size_t i = 0; i < changes && !model.empty(); ++i) change_bytes(model);
    return model;
  }

 private:
  void change_bytes(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const std::size_t length = std::min(bytes.size() - at, 1 + below(16));
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(random_());
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.erase(at, length);
        break;
      case 4: {
        std::string inserted(length, '\0');
        for (char& c : inserted) c = static_cast<char>(random_());
        bytes.insert(at, inserted);
        break;
      }
      case 5:
        bytes.insert(below(bytes.size()), bytes.substr(at, length));
        break;
      default:  // a varint, as long as it may be or longer
        bytes.replace(at, 1, std::string(1 + below(11), '\xff') + static_cast<char>(below(128)));
    }
  }

  void change_field(onnx::ModelProto& model) {
    onnx::GraphProto& graph = *model.mutable_graph();
    switch (below(8)) {
      case 0:
        if (model.opset_import_size() != 0) model.mutable_opset_import(0)->set_version(static_cast<std::int64_t>(below(30)));
        break;
      case 1:
        if (graph.initializer_size() != 0) change(*graph.mutable_initializer(some(graph.initializer_size())));
        break;
      case 2:
        if (graph.input_size() != 0) change(*graph.mutable_input(some(graph.input_size()))->mutable_type());
        break;
      default:
        if (graph.node_size() != 0) change(graph, *graph.mutable_node(some(graph.node_size())));
    }
  }

  void change(onnx::TypeProto& type) {
    auto& tensor = *type.mutable_tensor_type();
    if (one_in(3) || tensor.shape().dim_size() == 0) {
      tensor.set_elem_type(static_cast<int>(below(28)));
    } else if (one_in(3)) {
      tensor.mutable_shape()->mutable_dim()->RemoveLast();
    } else {
      tensor.mutable_shape()
          ->mutable_dim(some(tensor.shape().dim_size()))
          ->set_dim_value(one_in(4) ? hostile() : static_cast<int>(below(9)));
    }
  }

  void change(onnx::TensorProto& tensor) {
    switch (below(4)) {
      case 0:
        tensor.set_data_type(static_cast<int>(below(28)));
        break;
      case 1:
        if (tensor.dims_size() != 0) tensor.set_dims(some(tensor.dims_size()), hostile());
        break;
      case 2:  // another shape of the same elements, where there is room for it
        if (tensor.dims_size() > 1) tensor.mutable_dims()->SwapElements(0, tensor.dims_size() - 1);
        break;
      default:
        if (tensor.raw_data().size() >= sizeof(std::int64_t)) {
          const std::int64_t number = hostile();
          const std::size_t at = below(tensor.raw_data().size() / sizeof number) * sizeof number;
          std::memcpy(tensor.mutable_raw_data()->data() + at, &number, sizeof number);
        } else if (tensor.int64_data_size() != 0) {
          tensor.set_int64_data(some(tensor.int64_data_size()), hostile());
        }
    }
  }

  void change(onnx::GraphProto& graph, onnx::NodeProto& node) {
    switch (below(7)) {
      case 0:
        node.set_op_type(op_types_[below(op_types_.size())]);
        break;
      case 1:
        if (node.input_size() != 0) node.set_input(some(node.input_size()), some_value(graph));
        break;
      case 2:
        if (node.input_size() != 0 && one_in(2)) {
          node.mutable_input()->RemoveLast();
        } else {
          node.add_input(some_value(graph));
        }
        break;
      case 3:
        if (node.output_size() != 0) node.set_output(some(node.output_size()), one_in(2) ? std::string() : some_value(graph));
        break;
      default:
        if (node.attribute_size() != 0) change(node, some(node.attribute_size()));
    }
  }

  void change(onnx::NodeProto& node, int index) {
    onnx::AttributeProto& attribute = *node.mutable_attribute(index);
    switch (attribute.type()) {
      case onnx::AttributeProto::INT:
        attribute.set_i(hostile());
        break;
      case onnx::AttributeProto::FLOAT:
        attribute.set_f(static_cast<float>(hostile()) / (one_in(2) ? 1.0f : 0.0f));
        break;
      case onnx::AttributeProto::INTS:
        if (one_in(4)) {
          attribute.add_ints(hostile());
        } else if (attribute.ints_size() != 0) {
          if (one_in(4)) {
            attribute.mutable_ints()->RemoveLast();
          } else {
            attribute.set_ints(some(attribute.ints_size()), hostile());
          }
        }
        break;
      case onnx::AttributeProto::FLOATS:
        if (one_in(4)) {
          attribute.add_floats(static_cast<float>(hostile()));
        } else if (attribute.floats_size() != 0) {
          attribute.mutable_floats()->RemoveLast();
        }
        break;
      case onnx::AttributeProto::STRINGS:
        if (one_in(4)) {
          attribute.add_strings(op_types_[below(op_types_.size())]);
        } else if (attribute.strings_size() != 0) {
          if (one_in(4)) {
            attribute.mutable_strings()->RemoveLast();
          } else {
            attribute.set_strings(some(attribute.strings_size()), op_types_[below(op_types_.size())]);
          }
        }
        break;
      case onnx::AttributeProto::TENSOR:
        change(*attribute.mutable_t());
        break;
      case onnx::AttributeProto::GRAPH:
        if (attribute.g().node_size() != 0)
          change(*attribute.mutable_g(), *attribute.mutable_g()->mutable_node(some(attribute.g().node_size())));
        break;
      default:
        node.mutable_attribute()->DeleteSubrange(index, 1);
    }
  }

  /// The name of a value of the graph, or none.
  [[nodiscard]] std::string some_value(const onnx::GraphProto& graph) {
    if (one_in(8)) return {};
    if (graph.input_size() != 0 && one_in(2)) return graph.input(some(graph.input_size())).name();
    const onnx::NodeProto& node = graph.node(some(graph.node_size()));
    return node.output_size() != 0 ? node.output(some(node.output_size())) : std::string();
  }
  [[nodiscard]] int some(int count) { return static_cast<int>(below(static_cast<std::size_t>(count))); }

  std::mt19937_64 random_;
  const std::vector<std::string>& op_types_;
};

}  // namespace hone_test
