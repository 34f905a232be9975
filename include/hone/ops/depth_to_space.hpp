#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// What DepthToSpace and SpaceToDepth share.
struct SpaceBlocks {
  std::int64_t blocksize = 1;
  /// Order of the channels of the deep tensor: (block row, block column, channel), or with CRD (channel, block row, block column).
  bool channels_first = false;

 protected:
  void read(auto& a, int first_with_mode) {
    a.required("blocksize", blocksize);
    if (blocksize < 1) fail(ErrorCode::invalid_graph, "blocksize is ", blocksize);
    if (a.opset() < first_with_mode) return;
    std::string mode;
    a("mode", mode, "DCR");
    if (mode != "DCR" && mode != "CRD") fail(ErrorCode::invalid_graph, "unknown mode '", mode, "'");
    channels_first = mode == "CRD";
  }
  static void check_rank(const Shape& shape) {
    if (shape.rank() != 4) fail(ErrorCode::invalid_argument, "the input must have 4 dimensions, but its shape is ", shape);
  }
};

/// Shapes: x (N, C, H, W) -> y (N, C / b², H b, W b): b² channels become a block of b x b elements.
/// Source: ONNX DepthToSpace, opsets 1 to 28.
struct DepthToSpace : SpaceBlocks {
  static constexpr std::string_view name = "DepthToSpace";

  void attributes(auto& a) { read(a, 11); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    check_rank(from);
    const std::int64_t area = checked_product(blocksize, blocksize);
    if (from[1] % area != 0) fail(ErrorCode::invalid_argument, from[1], " channels cannot be split into blocks of ", area);
    c.output(0, {from[0], from[1] / area, checked_product(from[2], blocksize), checked_product(from[3], blocksize)});
  }
};

/// Shapes: x (N, C, H, W) -> y (N, C b², H / b, W / b), the inverse of DepthToSpace.
/// Source: ONNX SpaceToDepth, opsets 1 to 28.
struct SpaceToDepth : SpaceBlocks {
  static constexpr std::string_view name = "SpaceToDepth";

  void attributes(auto& a) { read(a, 28); }
  void shapes(const ShapeContext& c) const {
    const Shape& from = c.shape(0);
    check_rank(from);
    if (from[2] % blocksize != 0 || from[3] % blocksize != 0) {
      fail(ErrorCode::invalid_argument, "an input of shape ", from, " cannot be split into blocks of ", blocksize, " x ", blocksize);
    }
    const std::int64_t area = checked_product(blocksize, blocksize);
    c.output(0, {from[0], checked_product(from[1], area), from[2] / blocksize, from[3] / blocksize});
  }
};

}  // namespace hone::inline HONE_ABI::ops
