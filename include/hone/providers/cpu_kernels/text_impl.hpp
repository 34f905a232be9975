#pragma once

#include <hone/kernels/cpu/text.hpp>
#include <hone/providers/cpu_kernels/text.hpp>
