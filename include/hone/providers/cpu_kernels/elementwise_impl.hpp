#pragma once

#include <hone/kernels/cpu/binary.hpp>
#include <hone/kernels/cpu/pointwise.hpp>
#include <hone/kernels/cpu/unary.hpp>
#include <hone/providers/cpu_kernels/elementwise.hpp>
