#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/limits.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

/// A picture: rows from the top; red, green and blue of each pixel, a byte each.
struct Picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Reads an encoded picture. Gives nothing for bytes of a format that is not its own. What it throws becomes the error of the run, as when
/// a picture of (H, W, 3) is beyond the limits of the session: a reader finds that out before it takes memory for the pixels.
/// The other headers of this folder have one for each library that they name.
using PictureReader = std::function<std::optional<Picture>(std::span<const std::byte>, const Limits&)>;

namespace detail {

/// Whether `bytes` begin with `signature`.
[[nodiscard]] inline bool begins_with(std::span<const std::byte> bytes, std::string_view signature) noexcept {
  if (bytes.size() < signature.size()) return false;
  for (std::size_t i = 0; i < signature.size(); ++i)
    if (bytes[i] != static_cast<std::byte>(signature[i])) return false;
  return true;
}

/// Bytes of the pixels of a picture of that size. Errors: invalid_argument for a size that is not positive; resource_exhausted.
inline std::size_t check_picture(std::int64_t height, std::int64_t width, const Limits& limits) {
  if (height < 1 || width < 1) fail(ErrorCode::invalid_argument, "a picture of ", height, " by ", width, " pixels");
  return limited_bytes(DType::uint8, {height, width, 3}, limits);
}

/// An empty picture of that size. Errors: those of check_picture().
[[nodiscard]] inline Picture make_picture(std::int64_t height, std::int64_t width, const Limits& limits) {
  return {height, width, std::vector<std::uint8_t>(check_picture(height, width, limits))};
}

inline void give_picture(Context& c, const Picture& picture, std::int64_t channels, const auto& write) {
  auto* to = c.allocate(0, DType::uint8, {picture.height, picture.width, channels}).template as<std::uint8_t>();
  for (std::size_t i = 0; i + 2 < picture.pixels.size(); i += 3, to += channels)
    write(picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2], to);
}

inline void decode_image(Context& c, const std::vector<PictureReader>& readers, const std::string& pixel_format) {
  const TensorRef& encoded = c.input(0);
  if (encoded.dtype != DType::uint8 || encoded.shape.rank() != 1) {
    return c.fail("the encoded picture is ", name(encoded.dtype), " of shape ", encoded.shape, "; expected a list of uint8");
  }
  const Limits* limits = c.output_slot(0).limits;
  std::optional<Picture> picture;
  for (const PictureReader& read : readers) {
    picture = read({encoded.as<const std::byte>(), encoded.bytes()}, limits != nullptr ? *limits : Limits{});
    if (picture) break;
  }
  if (!picture) return c.fail("the bytes are no picture of a format that is read here");
  if (picture->pixels.size() != checked_bytes(DType::uint8, {picture->height, picture->width, 3}))
    return c.fail("a reader gave ", picture->pixels.size(), " bytes for a picture of ", picture->height, " by ", picture->width, " pixels");
  if (pixel_format == "RGB") {
    give_picture(c, *picture, 3, [](std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t* to) { to[0] = r, to[1] = g, to[2] = b; });
  } else if (pixel_format == "BGR") {
    give_picture(c, *picture, 3, [](std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t* to) { to[0] = b, to[1] = g, to[2] = r; });
  } else if (pixel_format == "Grayscale") {
    // The luma of ITU-R BT.601, 0.299 r + 0.587 g + 0.114 b, in units of 2^-16.
    give_picture(c, *picture, 1, [](std::uint32_t r, std::uint32_t g, std::uint32_t b, std::uint8_t* to) {
      to[0] = static_cast<std::uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    });
  } else {
    c.fail("unknown pixel_format '", pixel_format, "'; expected RGB, BGR or Grayscale");
  }
}

}  // namespace detail

/// Adds the operator ImageDecoder, which reads pictures with the first of `readers` that knows their format.
/// Shapes: encoded (bytes) -> pixels (H, W, 3) or (H, W, 1), uint8. Source: ONNX ImageDecoder, opset 20.
inline SessionOptions& add_image_decoder(SessionOptions& options, std::vector<PictureReader> readers) {
  return options.add_op(
      "", "ImageDecoder",
      [readers = std::move(readers)](Context& c, const std::string& pixel_format) { detail::decode_image(c, readers, pixel_format); },
      {.attributes = {{"pixel_format", std::string("RGB")}},
       .types = [](const TypeContext& c) { c.output(0, DType::uint8); },
       .traits = {.data_dependent = true},
       .since = 20});
}

}  // namespace hone::inline HONE_ABI
