#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y[i] = f(a[i], b[i]) with numpy broadcasting. Shapes: a (*), b (*) -> y broadcast(a, b). The operators below differ by f alone.
/// Source: ONNX, all opsets.
struct Binary {
  static constexpr Arity arity{.min_inputs = 2, .max_inputs = 2};
  static constexpr OpTraits traits{.in_place = inputs(0, 1)};

  /// Before opset 7: the axis of a at which the dimensions of b stand, when it is not the last one that fits.
  std::optional<std::int64_t> axis;

  void attributes(auto& a) {
    if (a.opset() >= 7) return;
    a.ignored("consumed_inputs");
    a.ignored("broadcast");
    a("axis", axis);
  }
  /// The shape by which b is read: with trailing ones when `axis` puts it further to the front.
  [[nodiscard]] Shape right_shape(const Shape& a, Shape b) const {
    if (!axis) return b;
    const std::size_t at = normalized_axis(*axis, a.rank());
    while (at + b.rank() < a.rank()) b.push_back(1);
    return b;
  }
  void shapes(const ShapeContext& c) const { c.output(0, broadcast(c.shape(0), right_shape(c.shape(0), c.shape(1)))); }
};

// clang-format off
struct Add        : Binary { static constexpr std::string_view name = "Add"; };
struct BitwiseAnd : Binary { static constexpr std::string_view name = "BitwiseAnd"; };
struct BitwiseOr  : Binary { static constexpr std::string_view name = "BitwiseOr"; };
struct BitwiseXor : Binary { static constexpr std::string_view name = "BitwiseXor"; };
struct Div        : Binary { static constexpr std::string_view name = "Div"; };
struct Mul        : Binary { static constexpr std::string_view name = "Mul"; };
struct Pow        : Binary {
  static constexpr std::string_view name = "Pow";
  static constexpr InputTypes input_types[] = {{inputs(1), real_numbers}};
};
struct Sub        : Binary { static constexpr std::string_view name = "Sub"; };
// clang-format on

/// a < 0 ? a b : a. Before opset 7 b holds one slope per channel.
struct PRelu : Binary {
  static constexpr std::string_view name = "PRelu";
  void attributes(auto& a) {
    Binary::attributes(a);
    if (a.opset() < 7) axis = 1;
  }
};

/// The remainder of a / b: with the sign of b, or of a when `fmod` is set.
struct Mod : Binary {
  static constexpr std::string_view name = "Mod";
  bool fmod = false;
  void attributes(auto& a) { a("fmod", fmod, 0); }
};

/// a << b or a >> b, which copies the sign. A negative b, or one of the width of the type or more, moves every bit out.
struct BitShift : Binary {
  static constexpr std::string_view name = "BitShift";
  bool left = false;
  void attributes(auto& a) {
    std::string direction;
    a.required("direction", direction);
    if (direction != "LEFT" && direction != "RIGHT") {
      fail(ErrorCode::invalid_graph, "the attribute 'direction' is '", direction, "', neither 'LEFT' nor 'RIGHT'");
    }
    left = direction == "LEFT";
  }
};

/// A Binary whose result is a truth value.
struct Compare : Binary {
  static constexpr OpTraits traits{};
  void types(const TypeContext& c) const { c.output(0, DType::boolean); }
};

// clang-format off
struct And            : Compare { static constexpr std::string_view name = "And"; };
struct Equal          : Compare { static constexpr std::string_view name = "Equal"; };
struct Greater        : Compare { static constexpr std::string_view name = "Greater"; };
struct GreaterOrEqual : Compare { static constexpr std::string_view name = "GreaterOrEqual"; };
struct Less           : Compare { static constexpr std::string_view name = "Less"; };
struct LessOrEqual    : Compare { static constexpr std::string_view name = "LessOrEqual"; };
struct Or             : Compare { static constexpr std::string_view name = "Or"; };
struct Xor            : Compare { static constexpr std::string_view name = "Xor"; };
// clang-format on

/// y = f(... f(x0, x1) ..., xn) with numpy broadcasting. Source: ONNX, all opsets.
struct Variadic {
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = Arity::any};
  void attributes(auto& a) {
    if (a.opset() < 8) a.ignored("consumed_inputs");
  }
  void shapes(const ShapeContext& c) const {
    Shape y = c.shape(0);
    for (std::size_t i = 1; i < c.input_count(); ++i) y = broadcast(y, c.shape(i));
    c.output(0, y);
  }
};

// clang-format off
struct Max  : Variadic { static constexpr std::string_view name = "Max"; };
struct Mean : Variadic { static constexpr std::string_view name = "Mean"; };
struct Min  : Variadic { static constexpr std::string_view name = "Min"; };
struct Sum  : Variadic { static constexpr std::string_view name = "Sum"; };
// clang-format on

}  // namespace hone::inline HONE_ABI::ops
