#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace hone_test {

/// What the rewrites make of a model whose inputs are float tensors.
struct Rewritten {
  std::vector<std::string> ops;    ///< of the nodes that are left
  std::vector<std::string> fired;  ///< names of passes
  double error = 0;                ///< largest difference of an output to that of the model as it was written, over the largest output

  [[nodiscard]] bool has_fired(const std::string& pass) const { return std::find(fired.begin(), fired.end(), pass) != fired.end(); }
};

/// Runs the model with and without rewrites on the same random inputs; open dimensions are 3.
inline Rewritten rewritten(const onnx::ModelProto& proto, hone::GraphOptimizationLevel level = hone::GraphOptimizationLevel::all) {
  const hone::Session plain(proto, {.graph_optimization_level = hone::GraphOptimizationLevel::disabled});
  const hone::Session session(proto, {.graph_optimization_level = level});
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 2);
  std::deque<hone::Tensor<float>> inputs;
  std::vector<hone::Feed> feeds;
  for (const hone::NodeArg& arg : plain.inputs()) {
    hone::Shape shape;
    for (const hone::Dim& dim : *arg.shape) shape.push_back(dim.value < 0 ? 3 : dim.value);
    inputs.emplace_back(shape);
    for (float& x : inputs.back()) x = normal(random);
    feeds.push_back({arg.name, inputs.back()});
  }
  const hone::Outputs expected = plain.run(feeds);
  const hone::Outputs outputs = session.run(feeds);
  Rewritten result;
  for (const auto& [name, value] : expected) {
    const std::vector<float> want = values_of<float>(value);
    const std::vector<float> got = values_of<float>(outputs[name]);
    if (!(outputs[name].shape() == value.shape())) result.error = INFINITY;
    double largest = 1e-6;
    for (const float x : want) largest = std::max(largest, std::abs(static_cast<double>(x)));
    for (std::size_t i = 0; i < want.size() && i < got.size(); ++i) {
      const double error = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])) / largest;
      if (!(error <= result.error)) result.error = error;
    }
  }
  for (const hone::NodeReport& node : session.report().nodes) result.ops.push_back(node.op);
  for (const auto& [pass, patches] : session.report().rewrites) result.fired.push_back(pass);
  return result;
}

}  // namespace hone_test
