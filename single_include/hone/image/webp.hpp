#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <webp/decode.h>

#include <hone/hone.hpp>

namespace hone::inline HONE_ABI {

/// WebP by libwebp. Errors: invalid_argument for a broken file; resource_exhausted beyond a limit.
[[nodiscard]] inline std::optional<Picture> read_with_webp(std::span<const std::byte> bytes, const Limits& limits = {}) {
  // RIFF is the form of other files too.
  if (!detail::begins_with(bytes, "RIFF") || !detail::begins_with(bytes.subspan(std::min<std::size_t>(bytes.size(), 8)), "WEBP"))
    return std::nullopt;
  const auto check = [](bool good) {
    if (!good) fail(ErrorCode::invalid_argument, "the WebP picture cannot be read");
  };
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  int width = 0;
  int height = 0;
  check(WebPGetInfo(data, bytes.size(), &width, &height) != 0);
  Picture picture = detail::make_picture(height, width, limits);
  check(WebPDecodeRGBInto(data, bytes.size(), picture.pixels.data(), picture.pixels.size(), 3 * width) != nullptr);
  return picture;
}

}  // namespace hone::inline HONE_ABI
