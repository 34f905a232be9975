#pragma once

#include <hone/kernels/cpu/cast.hpp>
#include <hone/kernels/cpu/resize.hpp>
#include <hone/providers/cpu_kernels/conversion.hpp>
