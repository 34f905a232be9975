#include <cstdint>

#include <hone/simd/functions.hpp>
#include <hone/simd/gemm.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const Gemm<float>& functions<Gemm<float>, ThisArch>() noexcept;
template const Gemm<double>& functions<Gemm<double>, ThisArch>() noexcept;
template const Gemm<std::int32_t>& functions<Gemm<std::int32_t>, ThisArch>() noexcept;
template const Gemm<std::int64_t>& functions<Gemm<std::int64_t>, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
