#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include <doctest/doctest.h>

#include <hone/hone.hpp>

#include "../../tools/npy.hpp"

namespace digits_test {

TEST_CASE("digits: 97 % or more of the scans that the network was not trained on") {
  const std::filesystem::path folder = std::filesystem::path(HONE_SOURCE_DIR) / "examples" / "digits";
  const hone::Value scans = tools::read_npy(folder / "held_out_images.npy");   // (N, 8, 8), 0 to 16
  const hone::Value labels = tools::read_npy(folder / "held_out_labels.npy");  // (N,)
  const auto pixels = scans.view<std::uint8_t>();
  const std::int64_t count = scans.shape()[0];
  REQUIRE(scans.shape() == hone::Shape{count, 8, 8});
  REQUIRE(labels.shape() == hone::Shape{count});

  hone::Tensor<float> images({count, 1, 8, 8});
  std::transform(pixels.begin(), pixels.end(), images.begin(), [](std::uint8_t grey) { return static_cast<float>(grey) / 16; });
  const hone::Session session(folder / "digits.onnx");
  const hone::Outputs outputs = session.run({{"image", images}});
  const auto probabilities = outputs["probabilities"].view<float>();
  REQUIRE(probabilities.shape() == hone::Shape{count, 10});

  std::int64_t right = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* row = probabilities.data() + 10 * i;
    right += std::max_element(row, row + 10) - row == labels.view<std::uint8_t>()[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  MESSAGE("held-out scans read right: " << right << " of " << count);
  CHECK(static_cast<double>(right) >= 0.97 * static_cast<double>(count));
}

}  // namespace digits_test
