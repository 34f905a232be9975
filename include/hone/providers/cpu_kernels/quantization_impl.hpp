#pragma once

#include <hone/kernels/cpu/channels_last_conv.hpp>
#include <hone/kernels/cpu/channels_last_pool.hpp>
#include <hone/kernels/cpu/integer_matmul.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/kernels/cpu/quantize.hpp>
#include <hone/kernels/cpu/quantized_pointwise.hpp>
#include <hone/kernels/cpu/quantized_product.hpp>
#include <hone/providers/cpu_kernels/quantization.hpp>
