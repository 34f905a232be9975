#include <hone/simd/depthwise.hpp>
#include <hone/simd/functions.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const DepthwiseRow<float>& functions<DepthwiseRow<float>, ThisArch>() noexcept;
template const DepthwiseRow<double>& functions<DepthwiseRow<double>, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
