#pragma once

#include <hone/config.hpp>
#include <hone/simd/arch.hpp>

namespace hone::inline HONE_ABI::simd {

/// The functions of a family for one instruction set.
///
/// A family is a struct of function pointers with a member `Isa isa` and a member `template <class Arch> static constexpr make()`.
/// Defined in simd/functions.hpp. In compiled mode only src/simd/*.cpp sees that definition, so nothing outside of them can
/// instantiate a kernel with the wrong flags; a family that they do not list is a link error.
template <class Family, class Arch>
const Family& functions() noexcept;

/// The functions of a family for `isa`. Precondition: `isa` is in available_isas().
template <class Family>
const Family& table(Isa isa) noexcept {
  return [isa]<class First, class... Rest>(IsaList<First, Rest...>) -> const Family& {
    const Family* found = &functions<Family, typename First::Arch>();
    ((isa == Rest::isa ? void(found = &functions<Family, typename Rest::Arch>()) : void()), ...);
    return *found;
  }(CompiledIsas{});
}

}  // namespace hone::inline HONE_ABI::simd

#if !HONE_COMPILED
#include <hone/simd/functions.hpp>
#endif
