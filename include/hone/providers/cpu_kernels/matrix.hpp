#pragma once

#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/gemm.hpp>
#include <hone/ops/matmul.hpp>
#include <hone/ops/permuted_matmul.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

using CpuMatrixKernels =
    KernelList<entry<ops::Fused<ops::Gemm>, float>, entry<ops::Fused<ops::MatMul>, float>, entry<ops::Fused<ops::PermutedMatMul>, float>,
               entry<ops::Gemm, float, double, std::int32_t, std::int64_t>, entry<ops::MatMul, float, double, std::int32_t, std::int64_t>,
               entry<ops::PermutedMatMul, float, double, std::int32_t, std::int64_t>>;

}  // namespace hone::inline HONE_ABI
