#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <openjpeg.h>
#include <optional>
#include <span>
#include <string_view>

#include <hone/image/image_decoder.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// A file in memory, as OpenJPEG reads one.
struct OpenJpegBytes {
  std::span<const std::byte> bytes;
  std::size_t at = 0;

  static OPJ_SIZE_T read(void* to, OPJ_SIZE_T size, void* user) noexcept {
    OpenJpegBytes& file = *static_cast<OpenJpegBytes*>(user);
    const std::size_t n = std::min<std::size_t>(size, file.bytes.size() - file.at);
    if (n == 0) return static_cast<OPJ_SIZE_T>(-1);
    std::memcpy(to, file.bytes.data() + file.at, n);
    file.at += n;
    return n;
  }
  static OPJ_OFF_T skip(OPJ_OFF_T count, void* user) noexcept {
    OpenJpegBytes& file = *static_cast<OpenJpegBytes*>(user);
    const OPJ_OFF_T n = std::clamp<OPJ_OFF_T>(count, 0, static_cast<OPJ_OFF_T>(file.bytes.size() - file.at));
    file.at += static_cast<std::size_t>(n);
    return n;
  }
  static OPJ_BOOL seek(OPJ_OFF_T to, void* user) noexcept {
    OpenJpegBytes& file = *static_cast<OpenJpegBytes*>(user);
    if (to < 0 || static_cast<std::size_t>(to) > file.bytes.size()) return OPJ_FALSE;
    file.at = static_cast<std::size_t>(to);
    return OPJ_TRUE;
  }
};

}  // namespace detail

/// JPEG 2000, as a file or as a bare code stream, by OpenJPEG. Errors: invalid_argument for a broken file, and for components of
/// different sizes.
[[nodiscard]] inline std::optional<Picture> read_with_openjpeg(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  const bool file_format = detail::begins_with(bytes, "\0\0\0\x0cjP  \r\n\x87\n"sv);
  if (!file_format && !detail::begins_with(bytes, "\xff\x4f\xff\x51"sv)) return std::nullopt;
  const auto check = [](bool good) {
    if (!good) fail(ErrorCode::invalid_argument, "the JPEG 2000 picture cannot be read");
  };
  detail::OpenJpegBytes file{bytes};
  const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_default_create(OPJ_TRUE), opj_stream_destroy);
  const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_decompress(file_format ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K),
                                                                   opj_destroy_codec);
  check(stream != nullptr && codec != nullptr);
  opj_stream_set_user_data(stream.get(), &file, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), &detail::OpenJpegBytes::read);
  opj_stream_set_skip_function(stream.get(), &detail::OpenJpegBytes::skip);
  opj_stream_set_seek_function(stream.get(), &detail::OpenJpegBytes::seek);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  check(opj_setup_decoder(codec.get(), &parameters) != OPJ_FALSE);
  opj_image_t* header = nullptr;
  const bool has_header = opj_read_header(stream.get(), codec.get(), &header) != OPJ_FALSE;
  const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(header, opj_image_destroy);
  check(has_header && opj_decode(codec.get(), stream.get(), image.get()) != OPJ_FALSE);

  const std::span components(image->comps, image->numcomps);
  check(components.size() == 1 || components.size() >= 3);
  for (const opj_image_comp_t& c : components)
    check(c.data != nullptr && c.w == components[0].w && c.h == components[0].h && c.prec >= 1 && c.prec <= 24);
  Picture picture = detail::make_picture(components[0].h, components[0].w);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const opj_image_comp_t& c = components[components.size() == 1 ? 0 : channel];
    const int bias = c.sgnd != 0 ? 1 << (c.prec - 1) : 0;
    for (std::size_t i = 0; i < picture.pixels.size() / 3; ++i) {
      const int value = c.data[i] + bias;
      picture.pixels[3 * i + channel] = static_cast<std::uint8_t>(c.prec > 8 ? value >> (c.prec - 8) : value << (8 - c.prec));
    }
  }
  return picture;
}

}  // namespace hone::inline HONE_ABI
