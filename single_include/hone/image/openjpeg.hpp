#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <openjpeg.h>
#include <optional>
#include <span>
#include <string_view>

#include <hone/hone.hpp>
#include <hone/image/memory_file.hpp>

namespace hone::inline HONE_ABI {

namespace detail {

/// A MemoryFile, as OpenJPEG reads one.
struct OpenJpegFile {
  static MemoryFile& of(void* user) noexcept { return *static_cast<MemoryFile*>(user); }
  static OPJ_SIZE_T read(void* to, OPJ_SIZE_T size, void* user) noexcept {
    const std::size_t n = of(user).read(to, size);
    return n != 0 ? n : static_cast<OPJ_SIZE_T>(-1);
  }
  static OPJ_OFF_T skip(OPJ_OFF_T count, void* user) noexcept {
    MemoryFile& file = of(user);
    const std::size_t from = file.position();
    return static_cast<OPJ_OFF_T>(file.move_to(from + static_cast<std::size_t>(std::max<OPJ_OFF_T>(count, 0))) - from);
  }
  static OPJ_BOOL seek(OPJ_OFF_T to, void* user) noexcept {
    if (to < 0 || static_cast<std::size_t>(to) > of(user).size()) return OPJ_FALSE;
    of(user).move_to(static_cast<std::size_t>(to));
    return OPJ_TRUE;
  }
};

/// The components of grey, or of red, green, blue and perhaps one more. Errors: invalid_argument for others.
[[nodiscard]] inline std::span<const opj_image_comp_t> openjpeg_components(const opj_image_t& image) {
  const std::span<const opj_image_comp_t> components(image.comps, image.numcomps);
  if (components.size() != 1 && components.size() != 3 && components.size() != 4)
    fail(ErrorCode::invalid_argument, "the JPEG 2000 picture has ", components.size(), " components; expected 1, 3 or 4");
  for (const opj_image_comp_t& c : components) {
    if (c.w != components[0].w || c.h != components[0].h)
      fail(ErrorCode::invalid_argument, "the components of the JPEG 2000 picture have different sizes");
    if (c.prec < 1 || c.prec > 24)
      fail(ErrorCode::invalid_argument, "the JPEG 2000 picture has ", c.prec, " bits per component; expected 1 to 24");
  }
  return components;
}

/// Errors: invalid_argument for a space in which three components are not red, green and blue.
inline void check_openjpeg_colors(const opj_image_t& image) {
  const auto refuse = [](std::string_view space) {
    fail(ErrorCode::invalid_argument, "the JPEG 2000 picture has the colour space ", space, "; expected sRGB or grey");
  };
  if (image.color_space == OPJ_CLRSPC_SYCC) refuse("sYCC");
  if (image.color_space == OPJ_CLRSPC_EYCC) refuse("e-YCC");
  if (image.color_space == OPJ_CLRSPC_CMYK) refuse("CMYK");
}

}  // namespace detail

/// JPEG 2000, as a file or as a bare code stream, by OpenJPEG. Errors: invalid_argument for a broken file, for components of different
/// sizes and for colours that are neither sRGB nor grey; resource_exhausted beyond a limit.
[[nodiscard]] inline std::optional<Picture> read_with_openjpeg(std::span<const std::byte> bytes, const Limits& limits = {}) {
  using namespace std::string_view_literals;
  const bool file_format = detail::begins_with(bytes, "\0\0\0\x0cjP  \r\n\x87\n"sv);
  if (!file_format && !detail::begins_with(bytes, "\xff\x4f\xff\x51"sv)) return std::nullopt;
  const auto check = [](bool good) {
    if (!good) fail(ErrorCode::invalid_argument, "the JPEG 2000 picture cannot be read");
  };
  detail::MemoryFile file(bytes);
  const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_default_create(OPJ_TRUE), opj_stream_destroy);
  const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_decompress(file_format ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K),
                                                                   opj_destroy_codec);
  check(stream != nullptr && codec != nullptr);
  opj_stream_set_user_data(stream.get(), &file, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), &detail::OpenJpegFile::read);
  opj_stream_set_skip_function(stream.get(), &detail::OpenJpegFile::skip);
  opj_stream_set_seek_function(stream.get(), &detail::OpenJpegFile::seek);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  check(opj_setup_decoder(codec.get(), &parameters) != OPJ_FALSE);
  opj_image_t* header = nullptr;
  const bool has_header = opj_read_header(stream.get(), codec.get(), &header) != OPJ_FALSE;
  const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(header, opj_image_destroy);
  check(has_header);
  const opj_image_comp_t& first = detail::openjpeg_components(*image)[0];
  detail::check_picture(first.h, first.w, limits);
  check(opj_decode(codec.get(), stream.get(), image.get()) != OPJ_FALSE);

  // A palette has become components, and some versions know the colours only now.
  detail::check_openjpeg_colors(*image);
  const std::span components = detail::openjpeg_components(*image);
  for (const opj_image_comp_t& c : components) check(c.data != nullptr);
  Picture picture = detail::make_picture(components[0].h, components[0].w, limits);
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
