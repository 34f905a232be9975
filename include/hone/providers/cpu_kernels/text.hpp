#pragma once

#include <string>

#include <hone/config.hpp>
#include <hone/ops/text.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

// clang-format off
using CpuTextKernels = KernelList<
    entry<ops::RegexFullMatch, std::string>,
    entry<ops::StringConcat, std::string>,
    entry<ops::StringNormalizer, std::string>,
    entry<ops::StringSplit, std::string>,
    entry<ops::TfIdfVectorizer>,
    entry<ops::Tokenizer, std::string>>;
// clang-format on

}  // namespace hone::inline HONE_ABI
