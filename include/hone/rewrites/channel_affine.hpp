#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/normalization.hpp>
#include <hone/rewrites/data_flow.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// y = scale[c] x + shift[c] for channel c, the second dimension of x.
struct ChannelAffine {
  std::vector<double> scale;
  std::vector<double> shift;
};

namespace detail {

/// A float constant as one number per channel, where it has one or one per channel of an (N, C, *) tensor of `rank` dimensions.
inline std::optional<std::vector<double>> per_channel(const TensorRef* tensor, std::size_t channels, std::size_t rank) {
  if (tensor == nullptr || tensor->dtype != DType::float32 || tensor->shape.rank() > rank) return std::nullopt;
  const auto* data = tensor->as<const float>();
  const auto elements = static_cast<std::size_t>(tensor->elements());
  if (elements == 1) return std::vector<double>(channels, *data);
  const std::size_t missing = rank - tensor->shape.rank();
  if (elements != channels || missing > 1 || tensor->shape[1 - missing] != static_cast<std::int64_t>(channels)) return std::nullopt;
  return std::vector<double>(data, data + elements);
}

}  // namespace detail

/// A BatchNormalization outside of training, with constant parameters.
[[nodiscard]] inline std::optional<ChannelAffine> read_batch_normalization(const DataFlow& flow, const Node& node) {
  const auto* op = node.as<ops::BatchNormalization>();
  if (op == nullptr || op->training) return std::nullopt;
  for (std::size_t k = 1; k < node.outputs.size(); ++k)
    if (node.outputs[k] != no_value && (!flow.users(node.outputs[k]).empty() || flow.is_output(node.outputs[k]))) return std::nullopt;
  const TensorRef* parameters[4];  // scale, bias, mean, variance
  for (std::size_t k = 0; k < 4; ++k) {
    parameters[k] = flow.constant(node.inputs[k + 1]);
    if (parameters[k] == nullptr || parameters[k]->dtype != DType::float32 || parameters[k]->elements() != parameters[0]->elements()) {
      return std::nullopt;
    }
  }
  ChannelAffine affine;
  for (std::int64_t c = 0; c < parameters[0]->elements(); ++c) {
    const auto at = [&](std::size_t k) { return static_cast<double>(parameters[k]->as<const float>()[c]); };
    affine.scale.push_back(at(0) / std::sqrt(at(3) + static_cast<double>(op->epsilon)));
    affine.shift.push_back(at(1) - at(2) * affine.scale.back());
  }
  return affine;
}

/// What a node does to its input `x` of `channels` channels and `rank` dimensions, when that is one multiplication and addition per
/// channel.
[[nodiscard]] inline std::optional<ChannelAffine> read_channel_affine(const DataFlow& flow, const Node& node, ValueId x,
                                                                      std::size_t channels, std::size_t rank) {
  if (node.inputs[0] == x) {
    if (auto affine = read_batch_normalization(flow, node); affine && affine->scale.size() == channels) return affine;
  }
  const auto* add = node.as<ops::Add>();
  const auto* sub = node.as<ops::Sub>();
  const auto* mul = node.as<ops::Mul>();
  const auto* div = node.as<ops::Div>();
  if ((add == nullptr || add->axis) && (sub == nullptr || sub->axis) && (mul == nullptr || mul->axis) && (div == nullptr || div->axis)) {
    return std::nullopt;
  }
  const std::size_t k = node.inputs[0] == x ? 1 : 0;
  if (node.inputs[1 - k] != x || (k == 0 && (sub != nullptr || div != nullptr))) return std::nullopt;
  auto numbers = detail::per_channel(flow.constant(node.inputs[k]), channels, rank);
  if (!numbers) return std::nullopt;
  if (sub != nullptr)
    for (double& number : *numbers) number = -number;
  if (div != nullptr)
    for (double& number : *numbers) number = 1 / number;
  if (add != nullptr || sub != nullptr) return ChannelAffine{std::vector<double>(channels, 1.0), std::move(*numbers)};
  return ChannelAffine{std::move(*numbers), std::vector<double>(channels, 0.0)};
}

}  // namespace hone::inline HONE_ABI::rewrites
