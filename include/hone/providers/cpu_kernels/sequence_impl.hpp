#pragma once

#include <hone/kernels/cpu/control_flow.hpp>
#include <hone/kernels/cpu/loop.hpp>
#include <hone/kernels/cpu/recurrent.hpp>
#include <hone/kernels/cpu/sequence.hpp>
#include <hone/providers/cpu_kernels/sequence.hpp>
