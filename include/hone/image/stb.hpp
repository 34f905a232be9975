#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stb_image.h>

#include <hone/image/image_decoder.hpp>

namespace hone::inline HONE_ABI {

/// PNG, BMP, PNM, GIF, TGA, PSD and JPEG by stb_image; nothing for all other bytes. One source file of the program defines
/// STB_IMAGE_IMPLEMENTATION and includes <stb_image.h>. Errors: resource_exhausted beyond a limit.
[[nodiscard]] inline std::optional<Picture> read_with_stb(std::span<const std::byte> bytes, const Limits& limits = {}) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const auto size = static_cast<int>(bytes.size());
  if (stbi_info_from_memory(data, size, &width, &height, &channels) == 0) return std::nullopt;
  detail::check_picture(height, width, limits);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(stbi_load_from_memory(data, size, &width, &height, &channels, 3), stbi_image_free);
  if (pixels == nullptr) return std::nullopt;
  Picture picture = detail::make_picture(height, width, limits);
  std::copy_n(pixels.get(), picture.pixels.size(), picture.pixels.begin());
  return picture;
}

}  // namespace hone::inline HONE_ABI
