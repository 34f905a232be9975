#pragma once

#include <hone/kernels/cpu/loss.hpp>
#include <hone/providers/cpu_kernels/loss.hpp>
