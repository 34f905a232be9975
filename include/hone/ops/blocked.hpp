#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/conv.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/pool.hpp>

/// Operators on blocked tensors (N, ceil(C / channel_block), H, W, channel_block): element (n, c, h, w) of a tensor (N, C, H, W) is element
/// (n, c / channel_block, h, w, c % channel_block). The rewrites at level `all` put them in place of the operators of the standard. What
/// the channels beyond C hold is not defined, but finite where the channels before them are.
namespace hone::inline HONE_ABI::ops {

inline constexpr std::int64_t channel_block = 16;

[[nodiscard]] constexpr std::int64_t channel_blocks(std::int64_t channels) noexcept {
  return channels / channel_block + (channels % channel_block != 0 ? 1 : 0);
}

namespace detail {

/// Errors: invalid_argument unless `x` is (N, blocks, H, W, channel_block).
inline void check_blocked(const Shape& x) {
  if (x.rank() != 5 || x[4] != channel_block) {
    fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, blocks, H, W, ", channel_block, ")");
  }
}

}  // namespace detail

/// Shapes: x (N, C, H, W) -> y (N, ceil(C / channel_block), H, W, channel_block); zeros in the channels beyond C.
struct BlockChannels {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "BlockChannels";

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    if (x.rank() != 4) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, C, H, W)");
    c.output(0, Shape{x[0], channel_blocks(x[1]), x[2], x[3], channel_block});
  }
};

/// The inverse of BlockChannels. Shapes: x (N, ceil(channels / channel_block), H, W, channel_block) -> y (N, channels, H, W).
struct UnblockChannels {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "UnblockChannels";

  std::int64_t channels = 0;

  void attributes(auto& a) { a.required("channels", channels); }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    detail::check_blocked(x);
    if (channels < 0 || x[1] != channel_blocks(channels)) {
      fail(ErrorCode::invalid_argument, "its input of shape ", x, " does not hold ", channels, " channels");
    }
    c.output(0, Shape{x[0], channels, x[2], x[3]});
  }
};

/// Conv in two dimensions with a blocked result. Shapes: x blocked or (N, C, H, W), w (M, C / group, kH, kW), bias (M) -> y blocked.
/// Weights and bias are constants.
struct BlockedConv : Conv {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "BlockedConv";

  /// Side of the tiles of Winograd's algorithm, 2 or 4; 0 without it. For kernels of 3 x 3, strides and dilations of 1, and one group.
  std::int64_t winograd_tile = 0;

  void attributes(auto& a) {
    Conv::attributes(a);
    a("winograd_tile", winograd_tile, 0);
    if (winograd_tile != 0 && winograd_tile != 2 && winograd_tile != 4) {
      fail(ErrorCode::invalid_graph, "the attribute 'winograd_tile' is ", winograd_tile, "; expected 0, 2 or 4");
    }
  }
  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    if (w.rank() != 4) fail(ErrorCode::invalid_argument, "its weights have shape ", w, "; expected (M, C / group, kH, kW)");
    Shape planes = x;
    if (x.rank() == 5) {
      detail::check_blocked(x);
      const std::int64_t channels = checked_product(w[1], group);
      if (x[1] != channel_blocks(channels)) {
        fail(ErrorCode::invalid_argument, "its input of shape ", x, " does not hold the ", channels, " channels of its weights");
      }
      planes = Shape{x[0], channels, x[2], x[3]};
    }
    const TensorRef input{nullptr, c.dtype(0), planes};
    const TensorRef weights{nullptr, c.dtype(1), w};
    const TensorRef bias{nullptr, c.dtype(1), c.has_input(2) ? c.shape(2) : Shape()};
    const TensorRef* const inputs[] = {&input, &weights, c.has_input(2) ? &bias : nullptr};
    Shape y[1];
    Conv::shapes(ShapeContext(inputs, y));
    c.output(0, Shape{y[0][0], channel_blocks(y[0][1]), y[0][2], y[0][3], channel_block});
  }
};

template <>
inline constexpr std::string_view fused_name<BlockedConv> = "FusedBlockedConv";

/// A Pool in two dimensions of a blocked tensor.
template <class Base>
struct BlockedPool : Base {
  static constexpr std::string_view domain = "hone";
  static constexpr Arity arity{};

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    detail::check_blocked(x);
    const TensorRef input{nullptr, c.dtype(0), Shape{x[0], x[1], x[2], x[3]}};
    const TensorRef* const inputs[] = {&input};
    Shape y[1];
    Base::shapes(ShapeContext(inputs, y));
    c.output(0, Shape{y[0][0], y[0][1], y[0][2], y[0][3], channel_block});
  }
};

struct BlockedMaxPool : BlockedPool<MaxPool> {
  static constexpr std::string_view name = "BlockedMaxPool";
  void types(const TypeContext& c) const { c.output(0, c.input(0)); }
};
struct BlockedAveragePool : BlockedPool<AveragePool> {
  static constexpr std::string_view name = "BlockedAveragePool";
};
struct BlockedGlobalAveragePool : BlockedPool<GlobalAveragePool> {
  static constexpr std::string_view name = "BlockedGlobalAveragePool";
};

}  // namespace hone::inline HONE_ABI::ops
