#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/tensor.hpp>
#include <hone/core/type.hpp>

namespace hone::inline HONE_ABI {

/// A tensor whose elements never change, and whatever keeps its memory alive (the parsed message, a mapped file, a buffer).
struct Constant {
  TensorRef tensor;
  std::shared_ptr<const void> owner;

  /// What is left for those who only ask for type and shape: data is null.
  [[nodiscard]] Constant without_elements() const { return {{nullptr, tensor.dtype, tensor.shape}, nullptr}; }
};

/// The value of one attribute. Graph attributes are not here: they become Node::subgraphs.
using Attribute = std::variant<std::int64_t, float, std::string, Constant, Type, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, std::vector<Constant>>;

/// The attributes of one node as the model has them, by name.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> entries) : entries_(entries) {}

  void set(std::string name, Attribute value) { entries_.emplace_back(std::move(name), std::move(value)); }
  void erase(std::string_view name) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first == name; });
  }
  [[nodiscard]] const Attribute* find(std::string_view name) const noexcept {
    for (const auto& [key, value] : entries_)
      if (key == name) return &value;
    return nullptr;
  }
  /// In the order in which the node lists them.
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  std::vector<std::pair<std::string, Attribute>> entries_;
};

/// The opset version by which a node is read. It remembers how it compared: by every version that would have compared the same, the node
/// means the same.
class ReadingOpset {
 public:
  explicit ReadingOpset(int version) noexcept : version_(version) {}

  bool operator<(int version) noexcept {
    if (version_ < version) {
      last_ = std::min(last_, version - 1);
      return true;
    }
    first_ = std::max(first_, version);
    return false;
  }
  bool operator>=(int version) noexcept { return !(*this < version); }

  [[nodiscard]] bool compares_like(int version) const noexcept { return first_ <= version && version <= last_; }

 private:
  int version_;
  int first_ = std::numeric_limits<int>::min();
  int last_ = std::numeric_limits<int>::max();
};

/// An attribute of an older opset that is an input in newer ones.
struct MovedAttribute {
  std::string name;
  std::size_t input;       ///< index of that input
  const Attribute* value;  ///< an integer or float becomes a scalar, a list a 1-D tensor
  bool like_first_input;   ///< floats take the element type of input 0
};

/// Fills the members of an operator from the attributes of a node. An operator lists its attributes once:
/// `void attributes(auto& a) { a("axis", axis, -1); }`.
class AttributeReader {
 public:
  AttributeReader(const Attributes& attributes, int opset) : attributes_(attributes), opset_(opset) {}

  /// The opset version by which the node is to be read, to be compared with numbers.
  [[nodiscard]] ReadingOpset& opset() noexcept { return opset_; }

  /// Sets `field` to the attribute, or to `absent` when the node does not have it. A DType is an integer of the node.
  /// Errors: invalid_graph when the attribute is of another kind, or no element type where that is asked for.
  template <class T, class Default>
  void operator()(std::string_view name, T& field, const Default& absent) {
    const Attribute* found = take(name);
    if constexpr (std::is_same_v<T, DType>) {
      const auto* number = found != nullptr ? std::get_if<std::int64_t>(found) : nullptr;
      if (number != nullptr && *number == static_cast<std::int64_t>(absent)) found = nullptr;  // undefined may be the default
    }
    field = found != nullptr ? get<T>(name, *found) : T(absent);
  }
  /// Sets `field` to the attribute or empties it.
  template <class T>
  void operator()(std::string_view name, std::optional<T>& field) {
    const Attribute* found = take(name);
    field = found != nullptr ? std::optional<T>(get<T>(name, *found)) : std::nullopt;
  }
  /// Errors: invalid_graph when the node does not have the attribute.
  template <class T>
  void required(std::string_view name, T& field) {
    const Attribute* found = take(name);
    if (found == nullptr) fail(ErrorCode::invalid_graph, "the attribute '", name, "' is missing");
    field = get<T>(name, *found);
  }
  /// All attributes as they are; none is then unknown.
  [[nodiscard]] const Attributes& all() {
    for (const auto& [key, value] : attributes_) taken_.push_back(key);
    return attributes_;
  }
  /// Accepts an attribute that has no effect on inference.
  void ignored(std::string_view name) { take(name); }
  /// Makes the attribute, when there, input number `input` of the node: older opsets then look like the newest.
  void moved_to_input(std::string_view name, std::size_t input, bool like_first_input = false) {
    if (const Attribute* found = take(name)) moved_.push_back({std::string(name), input, found, like_first_input});
  }

  [[nodiscard]] const std::vector<MovedAttribute>& moved() const noexcept { return moved_; }
  /// Errors: invalid_graph when the node has an attribute that its operator does not know.
  void check_all_known() const {
    for (const auto& [key, value] : attributes_) {
      bool known = false;
      for (const std::string_view name : taken_) known = known || name == key;
      if (!known) fail(ErrorCode::invalid_graph, "unknown attribute '", key, "'");
    }
  }

 private:
  const Attribute* take(std::string_view name) {
    taken_.push_back(name);
    return attributes_.find(name);
  }

  template <class T>
  static T get(std::string_view name, const Attribute& attribute) {
    if constexpr (std::is_same_v<T, DType>) {
      const auto number = get<std::int64_t>(name, attribute);
      if (!is_valid(number)) fail(ErrorCode::invalid_graph, "there is no element type ", number);
      return static_cast<DType>(number);
    } else if constexpr (std::is_integral_v<T>) {
      if (const auto* value = std::get_if<std::int64_t>(&attribute)) return static_cast<T>(*value);
    } else {
      if (const auto* value = std::get_if<T>(&attribute)) return *value;
    }
    fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of the wrong kind");
  }

  const Attributes& attributes_;
  ReadingOpset opset_;
  std::vector<std::string_view> taken_;
  std::vector<MovedAttribute> moved_;
};

}  // namespace hone::inline HONE_ABI
