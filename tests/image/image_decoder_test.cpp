#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/image/image_decoder.hpp>
#include <hone/image/stb.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "../../tools/picture_readers.hpp"
#include "support/model.hpp"

namespace image_decoder_test {

using namespace hone_test;
using hone::DType;

/// Two pixels beside each other.
const std::string portable_pixmap = std::string("P6\n2 1\n255\n") + "\xff\x01\x02" + "\x0a\x80\x1e";

hone::Value decoded(const std::string& bytes, const std::string& format,
                    const std::vector<hone::PictureReader>& readers = tools::picture_readers(), const hone::Limits& limits = {}) {
  hone::SessionOptions options{.limits = limits};
  hone::add_image_decoder(options, readers);
  const auto node = [] { return NodeBuilder("ImageDecoder", {"bytes"}, {"pixels"}); };
  const hone::Session session(model(20, GraphBuilder()
                                            .input("bytes", DType::uint8, {-1})
                                            .node(format.empty() ? node() : node().attribute("pixel_format", format))
                                            .output("pixels")),
                              options);
  const std::vector<std::uint8_t> elements(bytes.begin(), bytes.end());
  const hone::Tensor<std::uint8_t> encoded({static_cast<std::int64_t>(elements.size())}, elements);
  hone::Outputs outputs = session.run({{"bytes", encoded}});
  return outputs["pixels"].clone();
}

TEST_CASE("pixels come in the order that pixel_format says, as RGB without it") {
  CHECK(decoded(portable_pixmap, "").shape() == hone::Shape{1, 2, 3});
  CHECK(values_of<std::uint8_t>(decoded(portable_pixmap, "")) == std::vector<std::uint8_t>{255, 1, 2, 10, 128, 30});
  CHECK(values_of<std::uint8_t>(decoded(portable_pixmap, "RGB")) == std::vector<std::uint8_t>{255, 1, 2, 10, 128, 30});
  CHECK(values_of<std::uint8_t>(decoded(portable_pixmap, "BGR")) == std::vector<std::uint8_t>{2, 1, 255, 30, 128, 10});
}

TEST_CASE("grey is 0.299 r + 0.587 g + 0.114 b, rounded") {
  // 76.245 + 0.587 + 0.228 = 77.06; 2.99 + 75.136 + 3.42 = 81.546
  CHECK(decoded(portable_pixmap, "Grayscale").shape() == hone::Shape{1, 2, 1});
  CHECK(values_of<std::uint8_t>(decoded(portable_pixmap, "Grayscale")) == std::vector<std::uint8_t>{77, 82});
}

TEST_CASE("what is no picture is an error that says so") {
  for (const std::string& bytes : {std::string(), std::string("no picture at all"), std::string("\x89PNG\r\n\x1a\n")}) {
    CAPTURE(bytes);
    CHECK(contains(error_of([&] { (void)decoded(bytes, "RGB"); }), "the bytes are no picture of a format that is read here"));
  }
  CHECK(contains(error_of([&] { (void)decoded(portable_pixmap, "CMYK"); }), "unknown pixel_format 'CMYK'"));
}

/// `count` bytes, the most significant first.
std::string big_endian(std::uint32_t value, int count) {
  std::string bytes;
  for (int i = count - 1; i >= 0; --i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

/// A file of one format up to where its size is known: 1000 rows of 2000 pixels.
struct Beginning {
  std::string format;
  bool is_read;  ///< whether its library was there when this was built
  std::string bytes;
  std::string problem;  ///< what its reader says of a file that ends there
};

/// A code stream of JPEG 2000, without its end: one tile, samples of 8 bits, no wavelet.
std::string jpeg_2000(std::uint32_t height, std::uint32_t width, int components) {
  using namespace std::string_literals;
  const std::string size = big_endian(width, 4) + big_endian(height, 4);
  const std::string origin(8, '\0');
  std::string siz = big_endian(0, 2) + size + origin + size + origin + big_endian(static_cast<std::uint32_t>(components), 2);
  for (int i = 0; i < components; ++i) siz += "\x07\x01\x01"s;
  return "\xff\x4f\xff\x51"s + big_endian(static_cast<std::uint32_t>(siz.size()) + 2, 2) + siz +
         "\xff\x52\0\x0c\0\0\0\x01\0\0\x04\x04\0\x01"s + "\xff\x5c\0\x04\x40\x40"s + "\xff\x90\0\x0a\0\0\0\0\0\0\0\x01"s;
}

/// A file of JPEG 2000 in the colour space of that number: 2 by 3 pixels of the middle of their range, since each packet is empty.
std::string jpeg_2000_file(std::uint32_t color_space, int components) {
  using namespace std::string_literals;
  const auto box = [](const std::string& type, const std::string& content) {
    return big_endian(static_cast<std::uint32_t>(content.size()) + 8, 4) + type + content;
  };
  const std::string header = big_endian(2, 4) + big_endian(3, 4) + big_endian(static_cast<std::uint32_t>(components), 2) + "\x07\x07\0\0"s;
  const std::string packets(static_cast<std::size_t>(components), '\0');
  return box("jP  ", "\r\n\x87\n") + box("ftyp", "jp2 \0\0\0\0jp2 "s) +
         box("jp2h", box("ihdr", header) + box("colr", "\x01\0\0"s + big_endian(color_space, 4))) +
         box("jp2c", jpeg_2000(2, 3, components) + "\xff\x93" + packets + "\xff\xd9");
}

std::vector<Beginning> beginnings() {
  using namespace std::string_literals;
  const std::string tiff = "the TIFF picture cannot be read";
  return {
      {"JPEG", HONE_TOOLS_WITH_TURBOJPEG,
       "\xff\xd8\xff\xc0\0\x0b\x08"s + big_endian(1000, 2) + big_endian(2000, 2) + "\x01\x01\x11\0"s + "\xff\xda\0\x08\x01\x01\0\0\x3f\0"s,
       "the JPEG picture cannot be read: "},
      {"little-endian TIFF", HONE_TOOLS_WITH_TIFF,
       "II*\0\x08\0\0\0\x03\0\0\x01\x03\0\x01\0\0\0\xd0\x07\0\0\x01\x01\x03\0\x01\0\0\0\xe8\x03\0\0\x11\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0"s,
       tiff},
      {"big-endian TIFF", HONE_TOOLS_WITH_TIFF,
       "MM\0*\0\0\0\x08\0\x03\x01\0\0\x03\0\0\0\x01\x07\xd0\0\0\x01\x01\0\x03\0\0\0\x01\x03\xe8\0\0\x01\x11\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"s,
       tiff},
      // 14 bits each: the width less 1, the height less 1
      {"WebP", HONE_TOOLS_WITH_WEBP, "RIFF\x12\0\0\0WEBPVP8L\x06\0\0\0\x2f\xcf\xc7\xf9\0\0"s, "the WebP picture cannot be read"},
      {"JPEG 2000", HONE_TOOLS_WITH_OPENJPEG, jpeg_2000(1000, 2000, 3), "the JPEG 2000 picture cannot be read"},
  };
}

TEST_CASE("broken files of the formats that other libraries read") {
  hone::Limits limits;
  limits.max_tensor_bytes = 5'999'999;
  for (const Beginning& file : beginnings()) {
    if (!file.is_read) {
      std::cout << "SKIPPED image_decoder_test, " << file.format << ": its library is not there\n";
      continue;
    }
    CAPTURE(file.format);
    CHECK(contains(error_of([&] { (void)decoded(file.bytes, "RGB"); }), file.problem));
    CHECK(contains(error_of([&] { (void)decoded(file.bytes.substr(0, 16), "RGB"); }), file.problem));
    // Its size is held against the limits before its pixels are read.
    const auto limited = [&] { (void)decoded(file.bytes, "RGB", tools::picture_readers(), limits); };
    CHECK(contains(error_of(limited), "a tensor, in bytes, takes 6000000; SessionOptions::limits.max_tensor_bytes is 5999999"));
  }
}

TEST_CASE("other files in the form of RIFF are no WebP") {
  using namespace std::string_literals;
  for (const std::string& bytes : {"RIFF\x04\0\0\0WAVE"s, "RIFF"s})
    CHECK(contains(error_of([&] { (void)decoded(bytes, "RGB"); }), "the bytes are no picture of a format that is read here"));
}

TEST_CASE("JPEG 2000 is read in sRGB and grey; other colours are refused") {
  if (HONE_TOOLS_WITH_OPENJPEG == 0) return;  // printed above
  CHECK(values_of<std::uint8_t>(decoded(jpeg_2000_file(16, 3), "RGB")) == std::vector<std::uint8_t>(18, 128));
  CHECK(values_of<std::uint8_t>(decoded(jpeg_2000_file(17, 1), "RGB")) == std::vector<std::uint8_t>(18, 128));
  const auto problem = [](std::uint32_t color_space, int components) {
    return error_of([&] { (void)decoded(jpeg_2000_file(color_space, components), "RGB"); });
  };
  CHECK(contains(problem(18, 3), "has the colour space sYCC; expected sRGB or grey"));
  CHECK(contains(problem(24, 3), "has the colour space e-YCC; expected sRGB or grey"));
  CHECK(contains(problem(12, 4), "has the colour space CMYK; expected sRGB or grey"));
  CHECK(contains(problem(16, 2), "has 2 components; expected 1, 3 or 4"));
}

TEST_CASE("a picture beyond a limit of the session is refused") {
  const auto shape = [](std::size_t bytes) {
    return decoded(portable_pixmap, "RGB", {&hone::read_with_stb}, {.max_tensor_bytes = bytes}).shape();
  };
  CHECK(shape(6) == hone::Shape{1, 2, 3});
  CHECK(contains(error_of([&] { (void)shape(5); }), "a tensor, in bytes, takes 6; SessionOptions::limits.max_tensor_bytes is 5"));
}

TEST_CASE("a picture in the model is held against the limits too, when a rewrite or a plan reads it") {
  // Grey: the pixels take three times the bytes of the file.
  const std::string file = "P5\n8 1\n255\n12345678";
  const auto shape = [&](hone::GraphOptimizationLevel level, std::size_t bytes) {
    hone::SessionOptions options{.graph_optimization_level = level, .limits = {.max_tensor_bytes = bytes}};
    hone::add_image_decoder(options, {&hone::read_with_stb});
    const auto encoded = tensor<std::uint8_t>("bytes", {static_cast<std::int64_t>(file.size())}, {file.begin(), file.end()});
    const hone::Session session(
        model(20, GraphBuilder().initializer(encoded).node(NodeBuilder("ImageDecoder", {"bytes"}, {"y"})).output("y")), options);
    return session.run({})["y"].shape();
  };
  for (const auto level : {hone::GraphOptimizationLevel::disabled, hone::GraphOptimizationLevel::basic}) {
    CHECK(shape(level, 24) == hone::Shape{1, 8, 3});
    CHECK(shape(level, hone::Limits::unlimited) == hone::Shape{1, 8, 3});
    CHECK(
        contains(error_of([&] { (void)shape(level, 23); }), "a tensor, in bytes, takes 24; SessionOptions::limits.max_tensor_bytes is 23"));
  }
}

TEST_CASE("the first reader that knows the format reads") {
  const hone::PictureReader none = [](std::span<const std::byte>, const hone::Limits&) { return std::optional<hone::Picture>(); };
  const hone::PictureReader one = [](std::span<const std::byte>, const hone::Limits&) { return hone::Picture{1, 1, {7, 8, 9}}; };
  const hone::PictureReader other = [](std::span<const std::byte>, const hone::Limits&) { return hone::Picture{1, 1, {1, 2, 3}}; };
  CHECK(values_of<std::uint8_t>(decoded("x", "RGB", {none, one, other})) == std::vector<std::uint8_t>{7, 8, 9});
  const hone::PictureReader thrower = [](std::span<const std::byte>, const hone::Limits&) -> std::optional<hone::Picture> {
    throw std::runtime_error("torn");
  };
  CHECK(contains(error_of([&] { (void)decoded("x", "RGB", {none, thrower}); }), "torn"));
  const hone::PictureReader liar = [](std::span<const std::byte>, const hone::Limits&) { return hone::Picture{1, 1, {1, 2, 3, 4}}; };
  CHECK(contains(error_of([&] { (void)decoded("x", "RGB", {liar}); }), "a reader gave 4 bytes for a picture of 1 by 1 pixels"));
}

TEST_CASE("without the decoder its operator is unknown") {
  const auto bytes =
      model(20, GraphBuilder().input("bytes", DType::uint8, {-1}).node(NodeBuilder("ImageDecoder", {"bytes"}, {"y"})).output("y"));
  CHECK(contains(error_of([&] { const hone::Session session(bytes); }), "ImageDecoder (opset 20)"));
}

}  // namespace image_decoder_test
