#pragma once

#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[i] = f(x[i]). Shapes: x (*) -> y (*). The operators below differ by f alone; Source: ONNX, all opsets.
struct Unary {
  static constexpr OpTraits traits{.in_place = inputs(0)};
  void attributes(auto& a) {
    if (a.opset() < 6) a.ignored("consumed_inputs");
  }
};

// clang-format off
struct Abs        : Unary { static constexpr std::string_view name = "Abs"; };
struct Acos       : Unary { static constexpr std::string_view name = "Acos"; };
struct Acosh      : Unary { static constexpr std::string_view name = "Acosh"; };
struct Asin       : Unary { static constexpr std::string_view name = "Asin"; };
struct Asinh      : Unary { static constexpr std::string_view name = "Asinh"; };
struct Atan       : Unary { static constexpr std::string_view name = "Atan"; };
struct Atanh      : Unary { static constexpr std::string_view name = "Atanh"; };
struct BitwiseNot : Unary { static constexpr std::string_view name = "BitwiseNot"; };
struct Ceil       : Unary { static constexpr std::string_view name = "Ceil"; };
struct Cos        : Unary { static constexpr std::string_view name = "Cos"; };
struct Cosh       : Unary { static constexpr std::string_view name = "Cosh"; };
struct Erf : Unary {
  static constexpr std::string_view name = "Erf";
  static constexpr OpTraits traits{.in_place = inputs(0), .integers = StandIn::real_numbers};
};
struct Exp        : Unary { static constexpr std::string_view name = "Exp"; };
struct Floor      : Unary { static constexpr std::string_view name = "Floor"; };
/// x min(max(x / 6 + 1/2, 0), 1)
struct HardSwish  : Unary { static constexpr std::string_view name = "HardSwish"; };
struct Log        : Unary { static constexpr std::string_view name = "Log"; };
/// x tanh(log(1 + exp(x)))
struct Mish       : Unary { static constexpr std::string_view name = "Mish"; };
struct Neg        : Unary { static constexpr std::string_view name = "Neg"; };
struct Not        : Unary { static constexpr std::string_view name = "Not"; };
struct Reciprocal : Unary { static constexpr std::string_view name = "Reciprocal"; };
struct Relu       : Unary { static constexpr std::string_view name = "Relu"; };
/// Halfway cases to even.
struct Round      : Unary { static constexpr std::string_view name = "Round"; };
struct Sigmoid    : Unary { static constexpr std::string_view name = "Sigmoid"; };
struct Sign       : Unary { static constexpr std::string_view name = "Sign"; };
struct Sin        : Unary { static constexpr std::string_view name = "Sin"; };
struct Sinh       : Unary { static constexpr std::string_view name = "Sinh"; };
/// log(1 + exp(x))
struct Softplus   : Unary { static constexpr std::string_view name = "Softplus"; };
/// x / (1 + |x|)
struct Softsign   : Unary { static constexpr std::string_view name = "Softsign"; };
struct Sqrt       : Unary { static constexpr std::string_view name = "Sqrt"; };
struct Tan        : Unary { static constexpr std::string_view name = "Tan"; };
struct Tanh       : Unary { static constexpr std::string_view name = "Tanh"; };
// clang-format on

/// max(0, x) + min(0, alpha (exp(x / alpha) - 1))
struct Celu : Unary {
  static constexpr std::string_view name = "Celu";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// x < 0 ? alpha (exp(x) - 1) : x
struct Elu : Unary {
  static constexpr std::string_view name = "Elu";
  float alpha = 1;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 1.0f);
  }
};

/// x/2 (1 + erf(x / sqrt(2))), or by tanh when `tanh` is set.
struct Gelu : Unary {
  static constexpr std::string_view name = "Gelu";
  bool tanh = false;
  void attributes(auto& a) {
    std::string approximate;
    a("approximate", approximate, "none");
    if (approximate != "none" && approximate != "tanh") {
      fail(ErrorCode::invalid_graph, "the attribute 'approximate' is '", approximate, "', neither 'none' nor 'tanh'");
    }
    tanh = approximate == "tanh";
  }
};

/// min(max(alpha x + beta, 0), 1)
struct HardSigmoid : Unary {
  static constexpr std::string_view name = "HardSigmoid";
  float alpha = 0.2f;
  float beta = 0.5f;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 0.2f);
    a("beta", beta, 0.5f);
  }
};

/// x < 0 ? alpha x : x
struct LeakyRelu : Unary {
  static constexpr std::string_view name = "LeakyRelu";
  float alpha = 0.01f;
  void attributes(auto& a) {
    Unary::attributes(a);
    a("alpha", alpha, 0.01f);
  }
};

/// gamma (x < 0 ? alpha (exp(x) - 1) : x)
struct Selu : Unary {
  static constexpr std::string_view name = "Selu";
  float alpha = 0;
  float gamma = 0;
  void attributes(auto& a) {
    Unary::attributes(a);
    // The defaults of opset 1 were rounded to four digits.
    a("alpha", alpha, a.opset() < 6 ? 1.6732f : 1.67326319217681884765625f);
    a("gamma", gamma, a.opset() < 6 ? 1.0507f : 1.05070102214813232421875f);
  }
};

/// x / (1 + exp(-alpha x))
struct Swish : Unary {
  static constexpr std::string_view name = "Swish";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// x < -lambd ? x + bias : x > lambd ? x - bias : 0
struct Shrink : Unary {
  static constexpr std::string_view name = "Shrink";
  float bias = 0;
  float lambd = 0.5f;
  void attributes(auto& a) {
    a("bias", bias, 0.0f);
    a("lambd", lambd, 0.5f);
  }
};

/// x > alpha ? x : 0
struct ThresholdedRelu : Unary {
  static constexpr std::string_view name = "ThresholdedRelu";
  float alpha = 1;
  void attributes(auto& a) { a("alpha", alpha, 1.0f); }
};

/// min(max(x, lo), hi); an omitted bound does not bound. Shapes: x (*), lo (), hi () -> y (*). Source: ONNX Clip, opsets 1 to 13.
struct Clip : Unary {
  static constexpr std::string_view name = "Clip";
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 3};
  void attributes(auto& a) {
    Unary::attributes(a);
    if (a.opset() >= 11) return;
    a.moved_to_input("min", 1, true);
    a.moved_to_input("max", 2, true);
  }
  void shapes(const ShapeContext& c) const {
    for (const std::size_t i : {1, 2})
      if (c.has_input(i) && c.shape(i).elements() != 1)
        fail(ErrorCode::invalid_argument, "its input ", i, ", a bound, has shape ", c.shape(i), "; expected one element");
    c.output(0, c.shape(0));
  }
};

/// Whether x is NaN. Source: ONNX IsNaN, opsets 9 to 20.
struct IsNaN : Unary {
  static constexpr std::string_view name = "IsNaN";
  static constexpr OpTraits traits{};
  void attributes(auto&) {}
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

/// Whether x is infinite, of the signs asked for. Source: ONNX IsInf, opsets 10 to 20.
struct IsInf : Unary {
  static constexpr std::string_view name = "IsInf";
  static constexpr OpTraits traits{};
  bool positive = true;
  bool negative = true;
  void attributes(auto& a) {
    a("detect_positive", positive, 1);
    a("detect_negative", negative, 1);
  }
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

}  // namespace hone::inline HONE_ABI::ops
