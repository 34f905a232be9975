#pragma once

#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/window.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[n, c, o] = the elements of x[n, c] under window o, reduced to one. Shapes: x (N, C, *) -> y (N, C, *).
/// Source: ONNX, opsets 1 to 22.
struct Pool {
  Window window;

  void attributes(auto& a) {
    window.attributes(a);
    a("ceil_mode", window.ceil_mode, 0);
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() < 3) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, C, spatial dimensions)");
    if (window.kernel_shape.empty()) fail(ErrorCode::invalid_argument, "the attribute 'kernel_shape' is missing");
    Shape y{x[0], x[1]};
    for (std::size_t i = 0; i + 2 < x.rank(); ++i) y.push_back(window.axis(i, x.rank() - 2, x[i + 2], 1).output);
    for (std::size_t i = 0; i < c.output_count(); ++i) c.output(i, y);
  }
};

/// Output 1: the index of each maximum in x, flattened, spatial dimensions last to first when `column_major`.
struct MaxPool : Pool {
  static constexpr std::string_view name = "MaxPool";
  static constexpr Arity arity{.max_outputs = 2};
  bool column_major = false;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("storage_order", column_major, 0);
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, DType::int64);
  }
};

struct AveragePool : Pool {
  static constexpr std::string_view name = "AveragePool";
  bool count_include_pad = false;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("count_include_pad", count_include_pad, 0);
  }
};

/// (sum |x|^p)^(1/p)
struct LpPool : Pool {
  static constexpr std::string_view name = "LpPool";
  std::int64_t p = 2;
  void attributes(auto& a) {
    Pool::attributes(a);
    a("p", p, 2);
    if (p < 1) fail(ErrorCode::invalid_graph, "the attribute 'p' is ", p, "; it must be at least 1");
  }
};

/// A Pool whose one window is the whole plane. Shapes: x (N, C, *) -> y (N, C, 1...).
struct GlobalPool {
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    if (y.rank() < 2) fail(ErrorCode::invalid_argument, "its input has shape ", y, "; expected (N, C, *)");
    for (std::size_t i = 2; i < y.rank(); ++i) y[i] = 1;
    c.output(0, y);
  }
};

struct GlobalAveragePool : GlobalPool {
  static constexpr std::string_view name = "GlobalAveragePool";
};
struct GlobalMaxPool : GlobalPool {
  static constexpr std::string_view name = "GlobalMaxPool";
};
struct GlobalLpPool : GlobalPool {
  static constexpr std::string_view name = "GlobalLpPool";
  std::int64_t p = 2;
  void attributes(auto& a) {
    a("p", p, 2);
    if (p < 1) fail(ErrorCode::invalid_graph, "the attribute 'p' is ", p, "; it must be at least 1");
  }
};

}  // namespace hone::inline HONE_ABI::ops
