#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = cache with the rows of `update` from position index[b] on along `axis`, wrapping around at its end when circular.
/// Shapes: cache (B, *, L, *), update (B, *, S, *), index (B) -> y as cache. Source: ONNX TensorScatter, opset 24.
struct TensorScatter {
  static constexpr std::string_view name = "TensorScatter";
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 3};
  static constexpr InputTypes input_types[] = {{inputs(2), DTypeSet{DType::int64}}};
  static constexpr OpTraits traits{.in_place = inputs(0)};

  std::int64_t axis = -2;
  bool circular = false;

  void attributes(auto& a) {
    std::string mode;
    a("axis", axis, -2);
    a("mode", mode, "linear");
    if (mode != "linear" && mode != "circular") fail(ErrorCode::invalid_graph, "unknown mode '", mode, "'");
    circular = mode == "circular";
  }
  void shapes(const ShapeContext& c) const {
    const Shape& cache = c.shape(0);
    const Shape& update = c.shape(1);
    const std::size_t along = normalized_axis(axis, cache.rank());
    bool fits = along > 0 && update.rank() == cache.rank();
    for (std::size_t i = 0; fits && i < cache.rank(); ++i) fits = i == along ? update[i] <= cache[i] : update[i] == cache[i];
    if (!fits)
      fail(ErrorCode::invalid_argument, "an update of shape ", update, " does not fit a cache of shape ", cache, " along axis ", axis);
    if (c.has_input(2) && !(c.shape(2) == Shape{cache[0]})) {
      fail(ErrorCode::invalid_argument, "the indices have shape ", c.shape(2), "; expected ", Shape{cache[0]});
    }
    c.output(0, cache);
  }
};

}  // namespace hone::inline HONE_ABI::ops
