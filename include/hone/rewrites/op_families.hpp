#pragma once

#include <hone/config.hpp>
#include <hone/graph/graph.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/cast.hpp>
#include <hone/ops/identity.hpp>
#include <hone/ops/pointwise.hpp>
#include <hone/ops/pool.hpp>
#include <hone/ops/reduce.hpp>
#include <hone/ops/unary.hpp>
#include <hone/ops/where.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// y[i] = f(x[i]); inputs beyond the first, where there are some, are scalars.
using ElementwiseOps =
    ops::OpList<ops::Abs, ops::Acos, ops::Acosh, ops::Asin, ops::Asinh, ops::Atan, ops::Atanh, ops::BitwiseNot, ops::Cast, ops::Ceil,
                ops::Celu, ops::Clip, ops::Cos, ops::Cosh, ops::Elu, ops::Erf, ops::Exp, ops::Floor, ops::Gelu, ops::HardSigmoid,
                ops::HardSwish, ops::Identity, ops::IsInf, ops::IsNaN, ops::LeakyRelu, ops::Log, ops::Mish, ops::Neg, ops::Not,
                ops::Reciprocal, ops::Relu, ops::Round, ops::Selu, ops::Shrink, ops::Sigmoid, ops::Sign, ops::Sin, ops::Sinh, ops::Softplus,
                ops::Softsign, ops::Sqrt, ops::Swish, ops::Tan, ops::Tanh, ops::ThresholdedRelu>;

/// y = f(x0, x1, ...) with numpy broadcasting over all inputs.
using BroadcastOps = ops::OpList<ops::Add, ops::And, ops::BitShift, ops::BitwiseAnd, ops::BitwiseOr, ops::BitwiseXor, ops::Div, ops::Equal,
                                 ops::Greater, ops::GreaterOrEqual, ops::Less, ops::LessOrEqual, ops::Max, ops::Mean, ops::Min, ops::Mod,
                                 ops::Mul, ops::Or, ops::PRelu, ops::Pow, ops::Sub, ops::Sum, ops::Where, ops::Xor>;

using ReduceOps = ops::OpList<ops::ReduceL1, ops::ReduceL2, ops::ReduceLogSum, ops::ReduceLogSumExp, ops::ReduceMax, ops::ReduceMean,
                              ops::ReduceMin, ops::ReduceProd, ops::ReduceSum, ops::ReduceSumSquare>;

using PoolOps = ops::OpList<ops::AveragePool, ops::LpPool, ops::MaxPool>;
using GlobalPoolOps = ops::OpList<ops::GlobalAveragePool, ops::GlobalLpPool, ops::GlobalMaxPool>;

namespace detail {

template <class Base, class Op>
const Base* as_base(const Node& node) noexcept {
  return node.as<Op>();
}
template <class Base, class... Ops>
const Base* as_any(const Node& node, ops::OpList<Ops...>) noexcept {
  const Base* found = nullptr;
  (void)(((found = as_base<Base, Ops>(node)) != nullptr) || ...);
  return found;
}
template <class... Ops>
bool runs_any(const Node& node, ops::OpList<Ops...>) noexcept {
  return ((node.as<Ops>() != nullptr) || ...);
}
template <class Op>
bool has_own_axis(const Node& node) noexcept {
  const Op* op = node.as<Op>();
  if constexpr (requires { op->axis; }) return op != nullptr && op->axis;
  return false;
}
template <class... Ops>
bool has_own_axis(const Node& node, ops::OpList<Ops...>) noexcept {
  return (has_own_axis<Ops>(node) || ...);
}

}  // namespace detail

/// Whether the node runs an operator of the list.
template <class List>
[[nodiscard]] bool runs(const Node& node) noexcept {
  return detail::runs_any(node, List{});
}
/// What the operators of the list have in common, where the node runs one of them, else null.
template <class Base, class List>
[[nodiscard]] const Base* family(const Node& node) noexcept {
  return detail::as_any<Base>(node, List{});
}
/// Whether the node runs an operator of BroadcastOps that broadcasts as numpy does, which those with an `axis` of old opsets do not.
[[nodiscard]] inline bool broadcasts(const Node& node) noexcept {
  return runs<BroadcastOps>(node) && !detail::has_own_axis(node, BroadcastOps{});
}

}  // namespace hone::inline HONE_ABI::rewrites
