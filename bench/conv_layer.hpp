#pragma once

#include <cstdint>
#include <string>

#include <hone/core/text.hpp>

namespace hone_bench {

/// A convolution of one image whose result has the size of the image, divided by the stride.
struct ConvLayer {
  std::int64_t inputs;
  std::int64_t outputs;
  std::int64_t size;  ///< height and width of the input
  std::int64_t kernel;
  std::int64_t stride;
  std::int64_t group;

  [[nodiscard]] std::int64_t output_size() const { return (size + 2 * (kernel / 2) - kernel) / stride + 1; }
  /// As the definition has them: a multiply-add counts as two.
  [[nodiscard]] double operations() const {
    return 2.0 * static_cast<double>(outputs * inputs / group * kernel * kernel * output_size() * output_size());
  }
  [[nodiscard]] std::string label() const {
    return hone::text("c:", inputs, "/m:", outputs, "/size:", size, "/kernel:", kernel, "/stride:", stride, "/group:", group);
  }
};

}  // namespace hone_bench
