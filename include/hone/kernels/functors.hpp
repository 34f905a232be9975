#pragma once

#include <concepts>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/unary.hpp>
#include <hone/simd/binary.hpp>
#include <hone/simd/unary.hpp>

namespace hone::inline HONE_ABI {

// What each operator computes on one element, on any provider: one line per operator.

// clang-format off
constexpr simd::Abs             functor(const ops::Abs&) noexcept { return {}; }
constexpr simd::Acos            functor(const ops::Acos&) noexcept { return {}; }
constexpr simd::Acosh           functor(const ops::Acosh&) noexcept { return {}; }
constexpr simd::Asin            functor(const ops::Asin&) noexcept { return {}; }
constexpr simd::Asinh           functor(const ops::Asinh&) noexcept { return {}; }
constexpr simd::Atan            functor(const ops::Atan&) noexcept { return {}; }
constexpr simd::Atanh           functor(const ops::Atanh&) noexcept { return {}; }
constexpr simd::Ceil            functor(const ops::Ceil&) noexcept { return {}; }
constexpr simd::Celu            functor(const ops::Celu& op) noexcept { return {op.alpha}; }
constexpr simd::Cos             functor(const ops::Cos&) noexcept { return {}; }
constexpr simd::Cosh            functor(const ops::Cosh&) noexcept { return {}; }
constexpr simd::Elu             functor(const ops::Elu& op) noexcept { return {op.alpha}; }
constexpr simd::Erf             functor(const ops::Erf&) noexcept { return {}; }
constexpr simd::Exp             functor(const ops::Exp&) noexcept { return {}; }
constexpr simd::Floor           functor(const ops::Floor&) noexcept { return {}; }
constexpr simd::HardSigmoid     functor(const ops::HardSigmoid& op) noexcept { return {op.alpha, op.beta}; }
constexpr simd::HardSwish       functor(const ops::HardSwish&) noexcept { return {}; }
constexpr simd::LeakyRelu       functor(const ops::LeakyRelu& op) noexcept { return {op.alpha}; }
constexpr simd::Log             functor(const ops::Log&) noexcept { return {}; }
constexpr simd::Mish            functor(const ops::Mish&) noexcept { return {}; }
constexpr simd::Neg             functor(const ops::Neg&) noexcept { return {}; }
constexpr simd::Reciprocal      functor(const ops::Reciprocal&) noexcept { return {}; }
constexpr simd::Relu            functor(const ops::Relu&) noexcept { return {}; }
constexpr simd::Round           functor(const ops::Round&) noexcept { return {}; }
constexpr simd::Selu            functor(const ops::Selu& op) noexcept { return {op.alpha, op.gamma}; }
constexpr simd::Sigmoid         functor(const ops::Sigmoid&) noexcept { return {}; }
constexpr simd::Sign            functor(const ops::Sign&) noexcept { return {}; }
constexpr simd::Sin             functor(const ops::Sin&) noexcept { return {}; }
constexpr simd::Sinh            functor(const ops::Sinh&) noexcept { return {}; }
constexpr simd::Softplus        functor(const ops::Softplus&) noexcept { return {}; }
constexpr simd::Softsign        functor(const ops::Softsign&) noexcept { return {}; }
constexpr simd::Sqrt            functor(const ops::Sqrt&) noexcept { return {}; }
constexpr simd::Swish           functor(const ops::Swish& op) noexcept { return {op.alpha}; }
constexpr simd::Tan             functor(const ops::Tan&) noexcept { return {}; }
constexpr simd::Tanh            functor(const ops::Tanh&) noexcept { return {}; }
constexpr simd::ThresholdedRelu functor(const ops::ThresholdedRelu& op) noexcept { return {op.alpha}; }
// clang-format on

template <class Op>
concept UnaryOp = std::derived_from<Op, ops::Unary> && requires(const Op& op) {
  functor(op);
};

// clang-format off
constexpr simd::Add            functor(const ops::Add&) noexcept { return {}; }
constexpr simd::And            functor(const ops::And&) noexcept { return {}; }
constexpr simd::BitAnd         functor(const ops::BitwiseAnd&) noexcept { return {}; }
constexpr simd::BitOr          functor(const ops::BitwiseOr&) noexcept { return {}; }
constexpr simd::BitXor         functor(const ops::BitwiseXor&) noexcept { return {}; }
constexpr simd::Div            functor(const ops::Div&) noexcept { return {}; }
constexpr simd::Equal          functor(const ops::Equal&) noexcept { return {}; }
constexpr simd::Greater        functor(const ops::Greater&) noexcept { return {}; }
constexpr simd::GreaterOrEqual functor(const ops::GreaterOrEqual&) noexcept { return {}; }
constexpr simd::Less           functor(const ops::Less&) noexcept { return {}; }
constexpr simd::LessOrEqual    functor(const ops::LessOrEqual&) noexcept { return {}; }
constexpr simd::Max            functor(const ops::Max&) noexcept { return {}; }
constexpr simd::Min            functor(const ops::Min&) noexcept { return {}; }
constexpr simd::Mul            functor(const ops::Mul&) noexcept { return {}; }
constexpr simd::Or             functor(const ops::Or&) noexcept { return {}; }
constexpr simd::PRelu          functor(const ops::PRelu&) noexcept { return {}; }
constexpr simd::Sub            functor(const ops::Sub&) noexcept { return {}; }
constexpr simd::Add            functor(const ops::Sum&) noexcept { return {}; }
constexpr simd::Xor            functor(const ops::Xor&) noexcept { return {}; }
// clang-format on

template <class Op>
concept BinaryOp = std::derived_from<Op, ops::Binary> && requires(const Op& op) {
  functor(op);
};
template <class Op>
concept VariadicOp = std::derived_from<Op, ops::Variadic> && requires(const Op& op) {
  functor(op);
};

}  // namespace hone::inline HONE_ABI
