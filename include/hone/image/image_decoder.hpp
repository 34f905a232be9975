#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stb_image.h>
#include <string>

#include <hone/config.hpp>
#include <hone/session/options.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// Pixels of a picture, three per pixel; null for what is no picture.
using Pixels = std::unique_ptr<stbi_uc, void (*)(void*)>;

/// Copies pixels in the order that `write(red, green, blue, to)` says, `channels` bytes each.
template <class Write>
void copy_pixels(const stbi_uc* from, std::int64_t count, std::uint8_t* to, std::int64_t channels, const Write& write) {
  for (std::int64_t i = 0; i < count; ++i) write(from[3 * i], from[3 * i + 1], from[3 * i + 2], to + channels * i);
}

inline void decode_image(Context& c, const std::string& pixel_format) {
  const TensorRef& encoded = c.input(0);
  if (encoded.dtype != DType::uint8 || encoded.shape.rank() != 1) {
    return c.fail("the encoded picture is ", name(encoded.dtype), " of shape ", encoded.shape, "; expected a list of uint8");
  }
  if (encoded.elements() > std::numeric_limits<int>::max()) return c.fail("the encoded picture has ", encoded.elements(), " bytes");
  int width = 0;
  int height = 0;
  int channels_in_file = 0;
  const Pixels pixels(
      stbi_load_from_memory(encoded.as<const stbi_uc>(), static_cast<int>(encoded.elements()), &width, &height, &channels_in_file, 3),
      stbi_image_free);
  if (pixels == nullptr) return c.fail("the bytes are no picture: ", std::string_view(stbi_failure_reason()));
  const std::int64_t count = std::int64_t{width} * height;
  const auto give = [&](std::int64_t channels, const auto& write) {
    copy_pixels(pixels.get(), count, c.allocate(0, DType::uint8, {height, width, channels}).template as<std::uint8_t>(), channels, write);
  };
  if (pixel_format == "RGB") {
    give(3, [](std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t* to) { to[0] = r, to[1] = g, to[2] = b; });
  } else if (pixel_format == "BGR") {
    give(3, [](std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint8_t* to) { to[0] = b, to[1] = g, to[2] = r; });
  } else if (pixel_format == "Grayscale") {
    // The luma of ITU-R BT.601, 0.299 r + 0.587 g + 0.114 b, in units of 2^-16.
    give(1, [](std::uint32_t r, std::uint32_t g, std::uint32_t b, std::uint8_t* to) {
      to[0] = static_cast<std::uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    });
  } else {
    c.fail("unknown pixel_format '", pixel_format, "'; expected RGB, BGR or Grayscale");
  }
}

}  // namespace detail

/// Adds the operator ImageDecoder, which this library leaves to stb_image: one source file of the program defines
/// STB_IMAGE_IMPLEMENTATION and includes <stb_image.h>. JPEG, PNG, BMP, PNM, GIF, TGA and PSD are read; TIFF, WebP and JPEG 2000 are not.
/// Shapes: encoded (bytes) -> pixels (H, W, 3) or (H, W, 1), uint8. Source: ONNX ImageDecoder, opset 20.
inline SessionOptions& add_image_decoder(SessionOptions& options) {
  return options.add_op("", "ImageDecoder", &detail::decode_image,
                        {.attributes = {{"pixel_format", std::string("RGB")}},
                         .types = [](const TypeContext& c) { c.output(0, DType::uint8); },
                         .traits = {.data_dependent = true},
                         .since = 20});
}

}  // namespace hone::inline HONE_ABI
