#include <cstdint>

#include <hone/simd/functions.hpp>
#include <hone/simd/reduce.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

#define HONE_REDUCE(F, T) template const Reduce<F, T>& functions<Reduce<F, T>, ThisArch>() noexcept;
#define HONE_REDUCE_WIDE(F) HONE_REDUCE(F, float) HONE_REDUCE(F, double) HONE_REDUCE(F, std::int32_t) HONE_REDUCE(F, std::int64_t)
#define HONE_REDUCE_UNSIGNED(F) HONE_REDUCE(F, std::uint32_t) HONE_REDUCE(F, std::uint64_t)
#define HONE_REDUCE_NARROW(F) HONE_REDUCE(F, std::int8_t) HONE_REDUCE(F, std::uint8_t)

HONE_REDUCE_WIDE(Sum)
HONE_REDUCE_UNSIGNED(Sum)
HONE_REDUCE_WIDE(SumAbs)
HONE_REDUCE_WIDE(SumSquare)
HONE_REDUCE_UNSIGNED(SumSquare)
HONE_REDUCE_WIDE(Prod)
HONE_REDUCE_UNSIGNED(Prod)
HONE_REDUCE_WIDE(MaxOf)
HONE_REDUCE_UNSIGNED(MaxOf)
HONE_REDUCE_NARROW(MaxOf)
HONE_REDUCE_WIDE(MinOf)
HONE_REDUCE_UNSIGNED(MinOf)
HONE_REDUCE_NARROW(MinOf)

}  // namespace hone::inline HONE_ABI::simd
