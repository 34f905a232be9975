#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <tiffio.h>
#include <vector>

#include <hone/hone.hpp>
#include <hone/image/memory_file.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// A MemoryFile, as libtiff reads one.
struct TiffFile {
  static MemoryFile& of(thandle_t handle) noexcept { return *static_cast<MemoryFile*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t size) noexcept {
    return static_cast<tmsize_t>(of(handle).read(to, static_cast<std::size_t>(size)));
  }
  static tmsize_t write(thandle_t, void*, tmsize_t) noexcept { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int from) noexcept {
    MemoryFile& file = of(handle);
    const std::size_t base = from == SEEK_CUR ? file.position() : from == SEEK_END ? file.size() : 0;
    return file.move_to(base + static_cast<std::size_t>(offset));
  }
  static int close(thandle_t) noexcept { return 0; }
  static toff_t size(thandle_t handle) noexcept { return of(handle).size(); }
};

using TiffHandle = std::unique_ptr<TIFF, void (*)(TIFF*)>;

/// Null for a broken file. Before version 4.5 libtiff prints what is wrong with it, unless the program has set its handlers.
[[nodiscard]] inline TiffHandle open_tiff(MemoryFile& file) {
#if defined(TIFFLIB_AT_LEAST)
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  const auto silent = [](TIFF*, void*, const char*, const char*, va_list) { return 1; };
  if (options == nullptr) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), silent, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), silent, nullptr);
  return {TIFFClientOpenExt("picture", "rm", &file, &TiffFile::read, &TiffFile::write, &TiffFile::seek, &TiffFile::close, &TiffFile::size,
                            nullptr, nullptr, options.get()),
          TIFFClose};
#else
  return {TIFFClientOpen("picture", "rm", &file, &TiffFile::read, &TiffFile::write, &TiffFile::seek, &TiffFile::close, &TiffFile::size,
                         nullptr, nullptr),
          TIFFClose};
#endif
}

}  // namespace detail

/// The first picture of a TIFF file, by libtiff. Errors: invalid_argument for a broken file; resource_exhausted beyond a limit.
[[nodiscard]] inline std::optional<Picture> read_with_tiff(std::span<const std::byte> bytes, const Limits& limits = {}) {
  using namespace std::string_view_literals;
  if (!detail::begins_with(bytes, "II*\0"sv) && !detail::begins_with(bytes, "MM\0*"sv)) return std::nullopt;
  detail::MemoryFile file(bytes);
  const detail::TiffHandle tiff = detail::open_tiff(file);
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  const auto check = [](bool good) {
    if (!good) fail(ErrorCode::invalid_argument, "the TIFF picture cannot be read");
  };
  check(tiff != nullptr && TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) != 0 &&
        TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) != 0);
  Picture picture = detail::make_picture(height, width, limits);
  std::vector<std::uint32_t> packed(picture.pixels.size() / 3);
  check(TIFFReadRGBAImageOriented(tiff.get(), width, height, packed.data(), ORIENTATION_TOPLEFT, 1) != 0);
  for (std::size_t i = 0; i < packed.size(); ++i) {
    picture.pixels[3 * i] = static_cast<std::uint8_t>(TIFFGetR(packed[i]));
    picture.pixels[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(packed[i]));
    picture.pixels[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(packed[i]));
  }
  return picture;
}

}  // namespace hone::inline HONE_ABI
