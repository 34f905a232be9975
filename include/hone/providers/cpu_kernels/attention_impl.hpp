#pragma once

#include <hone/kernels/cpu/attention.hpp>
#include <hone/kernels/cpu/causal_conv.hpp>
#include <hone/kernels/cpu/linear_attention.hpp>
#include <hone/kernels/cpu/rotary_embedding.hpp>
#include <hone/kernels/cpu/scaled_attention.hpp>
#include <hone/kernels/cpu/swiglu.hpp>
#include <hone/kernels/cpu/tensor_scatter.hpp>
#include <hone/providers/cpu_kernels/attention.hpp>
