#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <tiffio.h>
#include <vector>

#include <hone/hone.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// A file in memory, as libtiff reads one.
struct TiffBytes {
  std::span<const std::byte> bytes;
  std::size_t at = 0;

  static TiffBytes& of(thandle_t handle) noexcept { return *static_cast<TiffBytes*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t size) noexcept {
    TiffBytes& file = of(handle);
    const std::size_t n = std::min(static_cast<std::size_t>(size), file.bytes.size() - file.at);
    if (n != 0) std::memcpy(to, file.bytes.data() + file.at, n);
    file.at += n;
    return static_cast<tmsize_t>(n);
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) noexcept { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int from) noexcept {
    TiffBytes& file = of(handle);
    const std::size_t base = from == SEEK_CUR ? file.at : from == SEEK_END ? file.bytes.size() : 0;
    file.at = std::min(base + static_cast<std::size_t>(offset), file.bytes.size());
    return file.at;
  }
  static int close(thandle_t) noexcept { return 0; }
  static toff_t size(thandle_t handle) noexcept { return of(handle).bytes.size(); }
};

}  // namespace detail

/// The first picture of a TIFF file, by libtiff. Errors: invalid_argument for a broken file.
[[nodiscard]] inline std::optional<Picture> read_with_tiff(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  if (!detail::begins_with(bytes, "II*\0"sv) && !detail::begins_with(bytes, "MM\0*"sv)) return std::nullopt;
  detail::TiffBytes file{bytes};
  const std::unique_ptr<TIFF, void (*)(TIFF*)> tiff(
      TIFFClientOpen("picture", "rm", &file, &detail::TiffBytes::read, &detail::TiffBytes::write, &detail::TiffBytes::seek,
                     &detail::TiffBytes::close, &detail::TiffBytes::size, nullptr, nullptr),
      TIFFClose);
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  const auto broken = [] { fail(ErrorCode::invalid_argument, "the TIFF picture cannot be read"); };
  if (tiff == nullptr || TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) == 0 ||
      TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) == 0)
    broken();
  Picture picture = detail::make_picture(height, width);
  std::vector<std::uint32_t> packed(picture.pixels.size() / 3);
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, packed.data(), ORIENTATION_TOPLEFT, 1) == 0) broken();
  for (std::size_t i = 0; i < packed.size(); ++i) {
    picture.pixels[3 * i] = static_cast<std::uint8_t>(TIFFGetR(packed[i]));
    picture.pixels[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(packed[i]));
    picture.pixels[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(packed[i]));
  }
  return picture;
}

}  // namespace hone::inline HONE_ABI
