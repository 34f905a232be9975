#include <hone/simd/functions.hpp>
#include <hone/simd/normalize.hpp>
#include <hone/simd/softmax.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const SoftmaxRow<float>& functions<SoftmaxRow<float>, ThisArch>() noexcept;
template const SoftmaxRow<double>& functions<SoftmaxRow<double>, ThisArch>() noexcept;
template const NormalizeRow<float>& functions<NormalizeRow<float>, ThisArch>() noexcept;
template const NormalizeRow<double>& functions<NormalizeRow<double>, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
