#pragma once

#include <hone/kernels/cpu/signal.hpp>
#include <hone/providers/cpu_kernels/signal.hpp>
