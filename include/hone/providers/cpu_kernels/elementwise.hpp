#pragma once

#include <cstdint>
#include <string>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/unary.hpp>
#include <hone/providers/kernel_list.hpp>

namespace hone::inline HONE_ABI {

template <class Op>
using RealEntry = entry<Op, float, double>;
template <class Op>
using SignedEntry = entry<Op, float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
template <class Op>
using IntegerEntry =
    entry<Op, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
template <class Op>
using NumberEntry = entry<Op, float, double, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t,
                          std::int32_t, std::int64_t>;

template <class Op>
using FloatEntry = entry<Op, float, double, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ>;

using CpuUnaryKernels =
    KernelList<NumberEntry<ops::Abs>, RealEntry<ops::Acos>, RealEntry<ops::Acosh>, RealEntry<ops::Asin>, RealEntry<ops::Asinh>,
               RealEntry<ops::Atan>, RealEntry<ops::Atanh>, entry<ops::BitwiseNot>, RealEntry<ops::Ceil>, RealEntry<ops::Celu>,
               NumberEntry<ops::Clip>, RealEntry<ops::Cos>, RealEntry<ops::Cosh>, RealEntry<ops::Elu>, RealEntry<ops::Erf>,
               RealEntry<ops::Exp>, RealEntry<ops::Floor>, RealEntry<ops::Gelu>, RealEntry<ops::HardSigmoid>, RealEntry<ops::HardSwish>,
               FloatEntry<ops::IsInf>, FloatEntry<ops::IsNaN>, RealEntry<ops::LeakyRelu>, RealEntry<ops::Log>, RealEntry<ops::Mish>,
               SignedEntry<ops::Neg>, entry<ops::Not, bool>, entry<ops::Pointwise, float>, RealEntry<ops::Reciprocal>,
               SignedEntry<ops::Relu>, RealEntry<ops::Round>, RealEntry<ops::Selu>, NumberEntry<ops::Shrink>, RealEntry<ops::Sigmoid>,
               NumberEntry<ops::Sign>, RealEntry<ops::Sin>, RealEntry<ops::Sinh>, RealEntry<ops::Softplus>, RealEntry<ops::Softsign>,
               RealEntry<ops::Sqrt>, RealEntry<ops::Swish>, RealEntry<ops::Tan>, RealEntry<ops::Tanh>, RealEntry<ops::ThresholdedRelu>>;

using CpuBinaryKernels =
    KernelList<NumberEntry<ops::Add>, entry<ops::And, bool>, IntegerEntry<ops::BitShift>, IntegerEntry<ops::BitwiseAnd>,
               IntegerEntry<ops::BitwiseOr>, IntegerEntry<ops::BitwiseXor>, NumberEntry<ops::Div>,
               entry<ops::Equal, bool, float, double, std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::int8_t, std::int16_t,
                     std::int32_t, std::int64_t, std::string>,
               NumberEntry<ops::Greater>, NumberEntry<ops::GreaterOrEqual>, NumberEntry<ops::Less>, NumberEntry<ops::LessOrEqual>,
               NumberEntry<ops::Max>, RealEntry<ops::Mean>, NumberEntry<ops::Min>, NumberEntry<ops::Mod>, NumberEntry<ops::Mul>,
               entry<ops::Or, bool>, NumberEntry<ops::PRelu>, entry<ops::Pow, float, double, std::int32_t, std::int64_t>,
               NumberEntry<ops::Sub>, RealEntry<ops::Sum>, entry<ops::Xor, bool>>;

}  // namespace hone::inline HONE_ABI
