// Reads handwritten digits: one line per picture with the digit and its probability.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stb_image.h>
#include <stdexcept>
#include <string>

#include <hone/hone.hpp>

namespace {

constexpr int side = 8;

/// The picture as the network wants it: 8x8, 0 is paper and 1 is ink. Each cell is the mean of the pixels that it covers.
hone::Tensor<float> read_scan(const std::string& file) {
  int width = 0;
  int height = 0;
  int channels = 0;
  stbi_uc* grey = stbi_load(file.c_str(), &width, &height, &channels, 1);
  if (grey == nullptr) throw std::runtime_error(file + ": " + stbi_failure_reason());
  hone::Tensor<float> scan({1, 1, side, side});
  const bool fits = width % side == 0 && height % side == 0;
  if (fits) {
    std::fill(scan.begin(), scan.end(), 0.0f);
    const float share = 1.0f / static_cast<float>((width / side) * (height / side));
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        scan(0, 0, y / (height / side), x / (width / side)) += share * (1.0f - static_cast<float>(grey[y * width + x]) / 255.0f);
  }
  stbi_image_free(grey);
  if (!fits) throw std::runtime_error(file + ": width and height must be multiples of 8 pixels");
  return scan;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3 || std::string(argv[1]) == "--help") {
    std::puts("usage: digits MODEL.onnx PICTURE...\nPictures show one digit each, dark on light.");
    return argc < 2 || std::string(argv[1]) != "--help" ? 1 : 0;
  }
  const hone::Session session(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const hone::Tensor<float> scan = read_scan(argv[i]);
    const hone::Outputs outputs = session.run({{"image", scan}});
    const auto probabilities = outputs["probabilities"].view<float>();
    const float* best = std::max_element(probabilities.begin(), probabilities.end());
    std::printf("%s: %d (%.1f %%)\n", argv[i], static_cast<int>(best - probabilities.begin()), 100.0 * static_cast<double>(*best));
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "digits: %s\n", error.what());
  return 1;
}
