#pragma once

#include <hone/kernels/cpu/optimizer.hpp>
#include <hone/providers/cpu_kernels/training.hpp>
