#pragma once

#include <hone/config.hpp>
#include <hone/ops/attention.hpp>
#include <hone/ops/causal_conv.hpp>
#include <hone/ops/linear_attention.hpp>
#include <hone/ops/rotary_embedding.hpp>
#include <hone/ops/scaled_attention.hpp>
#include <hone/ops/swiglu.hpp>
#include <hone/ops/tensor_scatter.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuAttentionKernels = KernelList<
    entry<ops::Attention, float, double>,
    entry<ops::CausalConvWithState, float, double>,
    entry<ops::FlexAttention, float, double>,
    entry<ops::LinearAttention, float, double>,
    entry<ops::RotaryEmbedding, float, double>,
    entry<ops::ScaledAttention, float, double>,
    entry<ops::SwiGLU, float, double>,
    entry<ops::TensorScatter>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
