#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stb_image.h>
#include <vector>

#include <hone/core/error.hpp>

namespace tools {

/// A picture: rows from the top, channels interleaved, 0 to 255.
struct Image {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<float> pixels;  // (height, width, channels)

  [[nodiscard]] float at(std::int64_t y, std::int64_t x, std::int64_t c) const {
    return pixels[static_cast<std::size_t>((y * width + x) * channels + c)];
  }
};

/// Reads PNG, JPEG, BMP, GIF, TGA, PSD or PNM with `channels` (1 grey, 3 RGB, 4 RGBA).
/// Errors: no_such_file; invalid_argument for a file that is no picture.
[[nodiscard]] inline Image read_image(const std::filesystem::path& file, int channels) {
  if (!std::filesystem::exists(file)) hone::fail(hone::ErrorCode::no_such_file, "cannot open '", file.string(), "'");
  int width = 0;
  int height = 0;
  int channels_in_file = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> bytes(stbi_load(file.c_str(), &width, &height, &channels_in_file, channels),
                                                        stbi_image_free);
  if (bytes == nullptr)
    hone::fail(hone::ErrorCode::invalid_argument, "'", file.string(), "' is no picture: ", std::string_view(stbi_failure_reason()));
  Image result{height, width, channels, {}};
  result.pixels.assign(
      bytes.get(), bytes.get() + static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels));
  return result;
}

/// The picture at another size: each new pixel is the mean of the area that it covers, each old pixel weighted by its share of it.
[[nodiscard]] inline Image resized(const Image& image, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return image;
  Image result{height, width, image.channels, {}};
  const auto area = [](std::int64_t i, std::int64_t from, std::int64_t to, auto&& visit) {
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double begin = static_cast<double>(i) * scale;
    const double end = begin + scale;
    for (auto k = static_cast<std::int64_t>(begin); k < from && static_cast<double>(k) < end; ++k) {
      visit(k, (std::min(end, static_cast<double>(k + 1)) - std::max(begin, static_cast<double>(k))) / scale);
    }
  };
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < image.channels; ++c) {
        double sum = 0;
        area(y, image.height, height, [&](std::int64_t from_y, double share_y) {
          area(x, image.width, width,
               [&](std::int64_t from_x, double share_x) { sum += share_y * share_x * static_cast<double>(image.at(from_y, from_x, c)); });
        });
        result.pixels.push_back(static_cast<float>(sum));
      }
    }
  }
  return result;
}

}  // namespace tools
