#pragma once

#include <hone/kernels/cpu/normalization.hpp>
#include <hone/kernels/cpu/reduce.hpp>
#include <hone/kernels/cpu/softmax.hpp>
#include <hone/providers/cpu_kernels/reduction.hpp>
