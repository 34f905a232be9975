#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <webp/decode.h>

#include <hone/hone.hpp>

namespace hone::inline HONE_ABI {

/// WebP by libwebp. Errors: invalid_argument for a broken file.
[[nodiscard]] inline std::optional<Picture> read_with_webp(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  int width = 0;
  int height = 0;
  if (!detail::begins_with(bytes, "RIFF") || WebPGetInfo(data, bytes.size(), &width, &height) == 0) return std::nullopt;
  Picture picture = detail::make_picture(height, width);
  if (WebPDecodeRGBInto(data, bytes.size(), picture.pixels.data(), picture.pixels.size(), 3 * width) == nullptr)
    fail(ErrorCode::invalid_argument, "the WebP picture cannot be read");
  return picture;
}

}  // namespace hone::inline HONE_ABI
