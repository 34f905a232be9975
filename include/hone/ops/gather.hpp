#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[i…, j…, k…] = x[i…, indices[j…], k…], where j… takes the place of axis. Negative indices count from the end.
/// Source: ONNX Gather, opsets 1 to 13.
struct Gather {
  static constexpr std::string_view name = "Gather";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t axis = 0;

  void attributes(auto& a) { a("axis", axis, 0); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const std::size_t along = normalized_axis(axis, from.rank());
    Shape to;
    for (std::size_t i = 0; i < along; ++i) to.push_back(from[i]);
    for (const std::int64_t dim : c.shape(1)) to.push_back(dim);
    for (std::size_t i = along + 1; i < from.rank(); ++i) to.push_back(from[i]);
    c.output(0, to);
  }
};

/// y[i_0, …] = x[i_0, …, indices[i_0, …], …], where the index takes the place of i_axis.
/// Shapes: indices -> y same.
/// Source: ONNX GatherElements, opsets 11 to 13.
struct GatherElements {
  static constexpr std::string_view name = "GatherElements";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int32, DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t axis = 0;

  void attributes(auto& a) { a("axis", axis, 0); }
  void shapes(const ShapeContext& c) const {
    check(c.shape(0), c.shape(1), axis);
    c.output(0, c.shape(1));
  }
  /// Errors: invalid_argument when `indices` does not fit into `data`.
  static void check(const Shape& data, const Shape& indices, std::int64_t axis) {
    const std::size_t along = normalized_axis(axis, data.rank());
    bool fits = data.rank() == indices.rank();
    for (std::size_t i = 0; fits && i < data.rank(); ++i) fits = i == along || indices[i] <= data[i];
    if (!fits) fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not fit data of shape ", data, " along axis ", axis);
  }
};

/// y[b…, i…, k…] = x[b…, indices[b…, i…, 0], …, indices[b…, i…, n - 1], k…], with batch_dims dimensions b….
/// Source: ONNX GatherND, opsets 11 to 13.
struct GatherND {
  static constexpr std::string_view name = "GatherND";
  static constexpr InputTypes input_types[] = {{inputs(1), DTypeSet{DType::int64}}};
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};

  std::int64_t batch_dims = 0;

  void attributes(auto& a) {
    if (a.opset() >= 12) a("batch_dims", batch_dims, 0);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    const Shape& indices = c.shape(1);
    if (from.rank() < 1 || indices.rank() < 1) fail(ErrorCode::invalid_argument, "data and indices must not be scalars");
    if (batch_dims < 0 || batch_dims >= static_cast<std::int64_t>(std::min(from.rank(), indices.rank()))) {
      fail(ErrorCode::invalid_argument, "batch_dims ", batch_dims, " is out of range for the shapes ", from, " and ", indices);
    }
    const auto batch = static_cast<std::size_t>(batch_dims);
    if (indices.back() < 1 || indices.back() > static_cast<std::int64_t>(from.rank() - batch)) {
      fail(ErrorCode::invalid_argument, "indices of shape ", indices, " do not address data of shape ", from);
    }
    for (std::size_t i = 0; i < batch; ++i)
      if (from[i] != indices[i]) fail(ErrorCode::invalid_argument, "the batch dimensions of ", from, " and ", indices, " differ");
    Shape to;
    for (std::size_t i = 0; i + 1 < indices.rank(); ++i) to.push_back(indices[i]);
    for (std::size_t i = batch + static_cast<std::size_t>(indices.back()); i < from.rank(); ++i) to.push_back(from[i]);
    c.output(0, to);
  }
};

}  // namespace hone::inline HONE_ABI::ops
