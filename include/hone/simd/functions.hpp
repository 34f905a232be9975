#pragma once

#include <hone/config.hpp>
#include <hone/simd/table.hpp>

namespace hone::inline HONE_ABI::simd {

template <class Family, class Arch>
const Family& functions() noexcept {
  static constexpr Family family = Family::template make<Arch>();
  return family;
}

}  // namespace hone::inline HONE_ABI::simd
