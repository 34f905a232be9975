#pragma once

#include <hone/config.hpp>
#include <hone/ops/control_flow.hpp>
#include <hone/ops/recurrent.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

using CpuControlFlowKernels = KernelList<entry<ops::If>>;
using CpuRecurrentKernels = KernelList<entry<ops::GRU, float, double>, entry<ops::LSTM, float, double>, entry<ops::RNN, float, double>>;

}  // namespace hone::inline HONE_ABI
