#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = a tensor of the shape in input 0, all elements equal to the attribute value (float 0).
/// Source: ONNX ConstantOfShape, opsets 9 to 25.
struct ConstantOfShape {
  static constexpr std::string_view name = "ConstantOfShape";
  static constexpr OpTraits traits{.shape_inputs = inputs(0)};

  std::optional<hone::Constant> value;

  void attributes(auto& a) {
    a("value", value);
    if (value && value->tensor.elements() != 1) fail(ErrorCode::invalid_graph, "value has the shape ", value->tensor.shape);
  }
  void types(const TypeContext& c) const { c.output(0, value ? value->tensor.dtype : DType::float32); }
  void shapes(const ShapeContext& c) const {
    check_list(c.tensor(0), "the shape");
    const Shape to(c.int64s(0));
    for (const std::int64_t dim : to)
      if (dim < 0) fail(ErrorCode::invalid_argument, "the shape holds ", dim);
    c.output(0, to);
  }
};

/// y[i] = start + i * delta, max(ceil((limit - start) / delta), 0) elements. Inputs: start, limit, delta.
/// Source: ONNX Range, opsets 11 to 27.
struct Range {
  static constexpr std::string_view name = "Range";
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 3};
  static constexpr OpTraits traits{.shape_inputs = inputs(0, 1, 2)};

  void attributes(auto& a) {
    // All arithmetic is in double, which serves either value.
    if (a.opset() >= 27) a.ignored("stash_type");
  }
  void shapes(const ShapeContext& c) const {
    check_one_element(c.tensor(0), "start");
    check_one_element(c.tensor(1), "limit");
    check_one_element(c.tensor(2), "delta");
    c.output(0, {is_integral(c.dtype(0)) ? integers(c) : reals(c)});
  }

 private:
  static std::int64_t integers(const ShapeContext& c) {
    const std::int64_t start = integer_at(c.tensor(0), 0);
    const std::int64_t limit = integer_at(c.tensor(1), 0);
    const std::int64_t delta = integer_at(c.tensor(2), 0);
    if (delta == 0) fail(ErrorCode::invalid_argument, "delta is 0");
    if (delta > 0 ? limit <= start : limit >= start) return 0;
    // Differences of 64-bit integers fit 64 unsigned bits.
    const auto as_unsigned = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    const std::uint64_t span = delta > 0 ? as_unsigned(limit) - as_unsigned(start) : as_unsigned(start) - as_unsigned(limit);
    const std::uint64_t step = delta > 0 ? as_unsigned(delta) : 0 - as_unsigned(delta);
    const std::uint64_t count = (span - 1) / step + 1;
    if (count > as_unsigned(std::numeric_limits<std::int64_t>::max()))
      fail(ErrorCode::invalid_argument, "the range has ", count, " elements");
    return static_cast<std::int64_t>(count);
  }
  static std::int64_t reals(const ShapeContext& c) {
    const double start = number_at(c.tensor(0), 0);
    const double limit = number_at(c.tensor(1), 0);
    const double delta = number_at(c.tensor(2), 0);
    // In float the difference is rounded to float, as an implementation in that type would.
    const double span = c.dtype(0) == DType::float64 ? limit - start : static_cast<double>(static_cast<float>(limit - start));
    const double count = std::ceil(span / delta);
    if (!(count < 0x1p62)) fail(ErrorCode::invalid_argument, "the range from ", start, " to ", limit, " by ", delta, " has no finite size");
    return count > 0 ? static_cast<std::int64_t>(count) : 0;
  }
};

}  // namespace hone::inline HONE_ABI::ops
