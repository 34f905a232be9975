#include <hone/simd/depthwise.hpp>
#include <hone/simd/functions.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const DepthwisePlane<float>& functions<DepthwisePlane<float>, ThisArch>() noexcept;
template const DepthwisePlane<double>& functions<DepthwisePlane<double>, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
