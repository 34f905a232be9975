#include <hone/simd/byte_quantization.hpp>
#include <hone/simd/functions.hpp>
#include <hone/simd/integer_depthwise.hpp>
#include <hone/simd/integer_gemm.hpp>

namespace hone::inline HONE_ABI::simd {

using ThisArch = Arch<Isa::HONE_SIMD_ISA>;

template const ByteQuantization& functions<ByteQuantization, ThisArch>() noexcept;
template const IntegerDepthwise& functions<IntegerDepthwise, ThisArch>() noexcept;
template const IntegerGemm& functions<IntegerGemm, ThisArch>() noexcept;

}  // namespace hone::inline HONE_ABI::simd
