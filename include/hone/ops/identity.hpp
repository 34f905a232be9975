#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI::ops {

/// y = x, for tensors, sequences and optionals.
/// Source: ONNX Identity, opsets 1 to 25.
struct Identity {
  static constexpr std::string_view name = "Identity";
  static constexpr OpTraits traits{.alias = true};
  void shapes(const ShapeContext& c) const {
    if (c.has_input(0)) c.output(0, c.shape(0));
  }
};

/// y = x and mask = true, except in training mode: then each element of the mask is true with probability 1 - ratio, and
/// y = x * mask / (1 - ratio).
/// Inputs: x, ratio (0.5), training_mode (false). Older opsets, which have no training_mode, run as inference.
/// Source: ONNX Dropout, opsets 1 to 22.
struct Dropout {
  static constexpr std::string_view name = "Dropout";
  static constexpr DTypeSet ratios{DType::float32,      DType::float64,        DType::float16,    DType::bfloat16,
                                   DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2, DType::float8e5m2fnuz};
  static constexpr InputTypes input_types[] = {{inputs(1), ratios}, {inputs(2), DTypeSet{DType::boolean}}};
  static constexpr Arity arity{.min_inputs = 1, .max_inputs = 3, .max_outputs = 2};
  static constexpr OpTraits traits{.deterministic = false, .in_place = inputs(0)};

  std::optional<std::int64_t> seed;
  bool mask_is_bool = true;

  void attributes(auto& a) {
    mask_is_bool = a.opset() >= 10;
    if (a.opset() < 6) a.ignored("consumed_inputs");
    if (a.opset() < 7) a.ignored("is_test");
    if (a.opset() < 12) {
      a.ignored("ratio");
    } else {
      a("seed", seed);
    }
  }
  void types(const TypeContext& c) const {
    c.output(0, c.input(0));
    c.output(1, mask_is_bool ? Type(DType::boolean) : c.input(0));
  }
};

}  // namespace hone::inline HONE_ABI::ops
