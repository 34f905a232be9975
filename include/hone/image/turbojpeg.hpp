#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <turbojpeg.h>

#include <hone/image/image_decoder.hpp>

namespace hone::inline HONE_ABI {

/// JPEG by libjpeg-turbo. Errors: invalid_argument for a broken file; resource_exhausted beyond a limit.
[[nodiscard]] inline std::optional<Picture> read_with_turbojpeg(std::span<const std::byte> bytes, const Limits& limits = {}) {
  if (!detail::begins_with(bytes, "\xff\xd8\xff")) return std::nullopt;
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (decoder == nullptr) fail(ErrorCode::resource_exhausted, "libjpeg-turbo gives no decoder");
  const auto check = [&](int status) {
    if (status != 0)
      fail(ErrorCode::invalid_argument, "the JPEG picture cannot be read: ", std::string_view(tjGetErrorStr2(decoder.get())));
  };
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colorspace = 0;
  check(tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling, &colorspace));
  Picture picture = detail::make_picture(height, width, limits);
  check(tjDecompress2(decoder.get(), data, bytes.size(), picture.pixels.data(), width, 0, height, TJPF_RGB, TJFLAG_STOPONWARNING));
  return picture;
}

}  // namespace hone::inline HONE_ABI
