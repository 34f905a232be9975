#pragma once

#include <hone/kernels/cpu/random.hpp>
#include <hone/providers/cpu_kernels/random.hpp>
