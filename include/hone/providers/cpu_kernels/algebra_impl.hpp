#pragma once

#include <hone/kernels/cpu/det.hpp>
#include <hone/kernels/cpu/einsum.hpp>
#include <hone/kernels/cpu/standardize.hpp>
#include <hone/providers/cpu_kernels/algebra.hpp>
