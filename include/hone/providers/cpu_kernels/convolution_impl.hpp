#pragma once

#include <hone/kernels/cpu/conv.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/kernels/cpu/pool.hpp>
#include <hone/providers/cpu_kernels/convolution.hpp>
