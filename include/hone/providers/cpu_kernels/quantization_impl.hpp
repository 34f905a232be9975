#pragma once

#include <hone/kernels/cpu/quantize.hpp>
#include <hone/kernels/cpu/quantized_product.hpp>
#include <hone/providers/cpu_kernels/quantization.hpp>
