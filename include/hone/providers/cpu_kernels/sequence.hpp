#pragma once

#include <hone/config.hpp>
#include <hone/ops/control_flow.hpp>
#include <hone/ops/loop.hpp>
#include <hone/ops/recurrent.hpp>
#include <hone/ops/sequence.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuControlFlowKernels = KernelList<
    entry<ops::If>,
    entry<ops::Loop>,
    entry<ops::Scan>,
    entry<ops::SequenceMap>>;

using CpuSequenceKernels = KernelList<
    entry<ops::ConcatFromSequence>,
    entry<ops::Optional>,
    entry<ops::OptionalGetElement>,
    entry<ops::OptionalHasElement>,
    entry<ops::SequenceAt>,
    entry<ops::SequenceConstruct>,
    entry<ops::SequenceEmpty>,
    entry<ops::SequenceErase>,
    entry<ops::SequenceInsert>,
    entry<ops::SequenceLength>,
    entry<ops::SplitToSequence>>;
// clang-format on

using CpuRecurrentKernels = KernelList<entry<ops::GRU, float, double>, entry<ops::LSTM, float, double>, entry<ops::RNN, float, double>>;

}  // namespace hone::inline HONE_ABI
