#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// f, g and h of a recurrent network, with the parameters that some of them have.
struct Activation {
  enum class Kind : std::uint8_t {
    relu,
    tanh,
    sigmoid,
    affine,
    leaky_relu,
    thresholded_relu,
    scaled_tanh,
    hard_sigmoid,
    elu,
    softsign,
    softplus
  };
  Kind kind = Kind::tanh;
  float alpha = 0;
  float beta = 0;

  struct Facts {
    std::string_view name;
    int parameters;
    float alpha;
    float beta;
  };
  /// By Kind: name, and how many of alpha and beta it takes with which defaults.
  static constexpr std::array<Facts, 11> facts{{{"relu", 0, 0, 0},
                                                {"tanh", 0, 0, 0},
                                                {"sigmoid", 0, 0, 0},
                                                {"affine", 2, 1, 0},
                                                {"leakyrelu", 1, 0.01f, 0},
                                                {"thresholdedrelu", 1, 1, 0},
                                                {"scaledtanh", 2, 1, 1},
                                                {"hardsigmoid", 2, 0.2f, 0.5f},
                                                {"elu", 1, 1, 0},
                                                {"softsign", 0, 0, 0},
                                                {"softplus", 0, 0, 0}}};
};

/// A network that runs over a sequence, `Gates` rows of weights per hidden unit, `Outputs` results.
/// Shapes, with D directions, T steps, N the batch, I inputs and H hidden units: x (T, N, I), w (D, Gates H, I), r (D, Gates H, H),
/// b (D, 2 Gates H), sequence_lens (N), initial_h (D, N, H) -> y (T, D, N, H), y_h (D, N, H). With `batch_first` N comes first in all of x,
/// initial states and outputs. Source: ONNX RNN, GRU and LSTM, opsets 1 to 22.
template <int Gates, int Activations, int Outputs>
struct Recurrent {
  static constexpr int gates = Gates;

  std::int64_t hidden_size = 0;
  bool reverse = false;  ///< the only direction, when there is one
  int directions = 1;
  bool batch_first = false;
  /// 0 does not clip.
  float clip = 0;
  std::vector<Activation> activations;  ///< Activations per direction

  void shapes(const ShapeContext& c) const {
    const Shape& x = c.shape(0);
    const Shape& w = c.shape(1);
    const Shape& r = c.shape(2);
    if (x.rank() != 3 || w.rank() != 3 || r.rank() != 3)
      fail(ErrorCode::invalid_argument, "its inputs x, w and r must have three dimensions");
    const std::int64_t steps = x[batch_first ? 1 : 0];
    const std::int64_t batch = x[batch_first ? 0 : 1];
    const std::int64_t hidden = r[2];
    if (hidden_size != 0 && hidden_size != hidden)
      fail(ErrorCode::invalid_argument, "hidden_size is ", hidden_size, ", but its input 2 has shape ", r);
    const std::int64_t rows = checked_product(2 * Gates, hidden) / 2;
    const auto expect = [&](std::size_t i, const Shape& wanted) {
      if (c.has_input(i) && !(c.shape(i) == wanted)) {
        fail(ErrorCode::invalid_argument, "its input ", i, " has shape ", c.shape(i), "; expected ", wanted);
      }
    };
    expect(1, {directions, rows, x[2]});
    expect(2, {directions, rows, hidden});
    expect(3, {directions, 2 * rows});
    expect(4, {batch});
    const Shape state = batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
    expect(5, state);
    if (Outputs == 3) {
      expect(6, state);
      expect(7, {directions, 3 * hidden});
    }
    c.output(0, batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden});
    c.output(1, state);
    c.output(2, state);
  }

 protected:
  void read(auto& a, std::array<Activation::Kind, Activations> by_default) {
    std::string direction;
    std::vector<std::string> names;
    std::vector<float> alphas;
    std::vector<float> betas;
    a("direction", direction, "forward");
    a("hidden_size", hidden_size, 0);
    a("layout", batch_first, 0);
    a("clip", clip, 0.0f);
    a("activations", names, std::vector<std::string>{});
    a("activation_alpha", alphas, std::vector<float>{});
    a("activation_beta", betas, std::vector<float>{});
    if (a.opset() < 7) a.ignored("output_sequence");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
      fail(ErrorCode::invalid_graph, "the attribute 'direction' is '", direction, "', which ONNX does not define");
    }
    reverse = direction == "reverse";
    directions = direction == "bidirectional" ? 2 : 1;
    const auto wanted = static_cast<std::size_t>(Activations * directions);
    if (!names.empty() && names.size() != wanted) {
      fail(ErrorCode::invalid_graph, "the attribute 'activations' has ", names.size(), " values; it needs ", wanted);
    }
    std::size_t next_alpha = 0;
    std::size_t next_beta = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
      Activation& added = activations.emplace_back();
      added.kind = by_default[i % Activations];
      if (!names.empty()) added.kind = kind_of(names[i]);
      const Activation::Facts& facts = Activation::facts[static_cast<std::size_t>(added.kind)];
      added.alpha = facts.alpha;
      added.beta = facts.beta;
      if (facts.parameters > 0 && next_alpha < alphas.size()) added.alpha = alphas[next_alpha++];
      if (facts.parameters > 1 && next_beta < betas.size()) added.beta = betas[next_beta++];
    }
  }

 private:
  static Activation::Kind kind_of(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for (std::size_t i = 0; i < Activation::facts.size(); ++i)
      if (Activation::facts[i].name == name) return static_cast<Activation::Kind>(i);
    fail(ErrorCode::invalid_graph, "the activation '", name, "' is none of ONNX's");
  }
};

/// h = f(x w' + wb + h r' + rb)
struct RNN : Recurrent<1, 1, 2> {
  static constexpr std::string_view name = "RNN";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2};
  void attributes(auto& a) { read(a, {Activation::Kind::tanh}); }
};

/// Gates z, r, h: z = f(.), r = f(.), h~ = g(x w' + wb + (r h) r' + rb), or g(x w' + wb + r (h r' + rb)) with linear_before_reset;
/// h = (1 - z) h~ + z h
struct GRU : Recurrent<3, 2, 2> {
  static constexpr std::string_view name = "GRU";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 6, .min_outputs = 0, .max_outputs = 2};
  bool linear_before_reset = false;
  void attributes(auto& a) {
    read(a, {Activation::Kind::sigmoid, Activation::Kind::tanh});
    a("linear_before_reset", linear_before_reset, 0);
  }
};

/// Gates i, o, f, c: i = f(. + pi c), f = f(. + pf c), c~ = g(.), c = f c + i c~, o = f(. + po c), h = o h(c)
struct LSTM : Recurrent<4, 3, 3> {
  static constexpr std::string_view name = "LSTM";
  static constexpr InputTypes input_types[] = {{inputs(4), DTypeSet{DType::int32}}};
  static constexpr Arity arity{.min_inputs = 3, .max_inputs = 8, .min_outputs = 0, .max_outputs = 3};
  bool input_forget = false;
  void attributes(auto& a) {
    read(a, {Activation::Kind::sigmoid, Activation::Kind::tanh, Activation::Kind::tanh});
    a("input_forget", input_forget, 0);
  }
};

}  // namespace hone::inline HONE_ABI::ops
