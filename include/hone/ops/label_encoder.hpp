#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// Each element replaced by the value of the same index as its key; the default for what is no key.
/// Shapes: x (*) -> y (*). Source: ONNX ai.onnx.ml LabelEncoder, opsets 1 to 4.
struct LabelEncoder {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr std::string_view name = "LabelEncoder";

  /// Lists of the same length, and a default that is a list of one. Attributes are kept as constants.
  Constant keys;
  Constant values;
  Constant absent;

  void attributes(auto& a) {
    std::vector<std::string> strings;
    std::int64_t default_int64 = 0;
    float default_float = 0;
    std::string default_string;
    a("default_int64", default_int64, -1);
    a("default_string", default_string, "_Unused");
    if (a.opset() < 2) {
      a("classes_strings", strings, std::vector<std::string>{});
      both_ways(strings, list_of(indices(strings.size())), default_string, default_int64);
      return;
    }
    a("default_float", default_float, -0.0f);
    read(a, {"keys_strings", "keys_int64s", "keys_floats", "keys_tensor"}, keys);
    read(a, {"values_strings", "values_int64s", "values_floats", "values_tensor"}, values);
    if (a.opset() >= 4) a("default_tensor", absent, Constant{});
    if (keys.tensor.elements() != values.tensor.elements()) {
      fail(ErrorCode::invalid_graph, "there are ", keys.tensor.elements(), " keys and ", values.tensor.elements(), " values");
    }
    if (absent.tensor.dtype != DType::undefined) return;
    switch (values.tensor.dtype) {
      case DType::string:
        absent = list_of(std::vector{default_string});
        break;
      case DType::float32:
        absent = list_of(std::vector{default_float});
        break;
      case DType::int64:
        absent = list_of(std::vector{default_int64});
        break;
      default: {
        auto zero = std::make_shared<Value>(Value::tensor(values.tensor.dtype, {1}));
        std::fill_n(zero->ref().template as<std::byte>(), zero->ref().bytes(), std::byte{});
        absent = {zero->ref(), zero};
      }
    }
  }
  void types(const TypeContext& c) const {
    if (c.input(0).dtype == keys.tensor.dtype) return c.output(0, values.tensor.dtype);
    // Before opset 2 one list served both ways.
    c.output(0, c.input(0).dtype == DType::string ? DType::int64 : DType::string);
  }

  template <class T>
  static Constant list_of(const std::vector<T>& list) {
    auto value = std::make_shared<Value>(Tensor<T>({static_cast<std::int64_t>(list.size())}, list));
    return {value->ref(), value};
  }

 protected:
  static std::vector<std::int64_t> indices(std::size_t n) {
    std::vector<std::int64_t> result(n);
    for (std::size_t i = 0; i < n; ++i) result[i] = static_cast<std::int64_t>(i);
    return result;
  }
  /// Strings to numbers; the reverse is the other direction, which `reverse()` gives.
  void both_ways(const std::vector<std::string>& strings, Constant numbers, const std::string& default_string, std::int64_t default_int64) {
    keys = list_of(strings);
    values = std::move(numbers);
    absent = list_of(std::vector{default_int64});
    reverse_absent = list_of(std::vector{default_string});
  }

 public:
  /// The default when values are looked up and give keys; undefined when that is not possible.
  Constant reverse_absent;

 private:
  static void read(auto& a, const std::array<std::string_view, 4>& names, Constant& to) {
    std::vector<std::string> strings;
    std::vector<std::int64_t> int64s;
    std::vector<float> floats;
    a(names[0], strings, std::vector<std::string>{});
    a(names[1], int64s, std::vector<std::int64_t>{});
    a(names[2], floats, std::vector<float>{});
    if (a.opset() >= 4) a(names[3], to, Constant{});
    if (to.tensor.dtype != DType::undefined) return;
    to = !strings.empty() ? list_of(strings) : !floats.empty() ? list_of(floats) : list_of(int64s);
  }
};

/// Strings to numbers, or back. Source: ONNX ai.onnx.ml CategoryMapper, opset 1.
struct CategoryMapper : LabelEncoder {
  static constexpr std::string_view name = "CategoryMapper";
  void attributes(auto& a) {
    std::vector<std::string> strings;
    std::vector<std::int64_t> int64s;
    std::string default_string;
    std::int64_t default_int64 = 0;
    a("cats_strings", strings, std::vector<std::string>{});
    a("cats_int64s", int64s, std::vector<std::int64_t>{});
    a("default_string", default_string, "_Unused");
    a("default_int64", default_int64, -1);
    if (strings.size() != int64s.size())
      fail(ErrorCode::invalid_graph, "there are ", strings.size(), " strings and ", int64s.size(), " numbers");
    both_ways(strings, list_of(int64s), default_string, default_int64);
  }
};

}  // namespace hone::inline HONE_ABI::ops
