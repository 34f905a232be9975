#pragma once

#include <hone/kernels/cpu/gemm.hpp>
#include <hone/kernels/cpu/matmul.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/providers/cpu_kernels/matrix.hpp>
