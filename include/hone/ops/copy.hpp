#pragma once

#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x, in the memory of another device. Placement puts it where a value goes from one provider to the next; models never contain it.
/// Shapes: x (*) -> y (*).
struct Copy {
  static constexpr std::string_view domain = "hone";
  static constexpr std::string_view name = "Copy";

  void attributes(auto&) {}
};

}  // namespace hone::inline HONE_ABI::ops
