#pragma once

#include <hone/kernels/cpu/blocked.hpp>
#include <hone/providers/cpu_kernels/blocked.hpp>
