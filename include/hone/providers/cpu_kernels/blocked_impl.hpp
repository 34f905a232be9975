#pragma once

#include <hone/kernels/cpu/block_channels.hpp>
#include <hone/kernels/cpu/blocked_conv.hpp>
#include <hone/kernels/cpu/blocked_pool.hpp>
#include <hone/providers/cpu_kernels/blocked.hpp>
