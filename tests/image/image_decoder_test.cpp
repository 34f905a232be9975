#include <cstddef>
#include <cstdint>
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
                    const std::vector<hone::PictureReader>& readers = tools::picture_readers()) {
  hone::SessionOptions options;
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

TEST_CASE("broken files of the formats that other libraries read") {
  using namespace std::string_literals;
  for (const std::string& bytes : {"\xff\xd8\xff\xe0 and no more"s, "II*\0\x08\0\0\0"s, "MM\0*\0\0\0\x08"s,
                                   "RIFF\x10\0\0\0WEBPVP8 \x04\0\0\0"s, "\0\0\0\x0cjP  \r\n\x87\n"s, "\xff\x4f\xff\x51\0\x29"s}) {
    CAPTURE(bytes);
    CHECK(error_of([&] { (void)decoded(bytes, "RGB"); }) != "no error");
  }
}

TEST_CASE("the first reader that knows the format reads") {
  const hone::PictureReader none = [](std::span<const std::byte>) { return std::optional<hone::Picture>(); };
  const hone::PictureReader one = [](std::span<const std::byte>) { return hone::Picture{1, 1, {7, 8, 9}}; };
  const hone::PictureReader other = [](std::span<const std::byte>) { return hone::Picture{1, 1, {1, 2, 3}}; };
  CHECK(values_of<std::uint8_t>(decoded("x", "RGB", {none, one, other})) == std::vector<std::uint8_t>{7, 8, 9});
  const hone::PictureReader thrower = [](std::span<const std::byte>) -> std::optional<hone::Picture> { throw std::runtime_error("torn"); };
  CHECK(contains(error_of([&] { (void)decoded("x", "RGB", {none, thrower}); }), "torn"));
}

TEST_CASE("without the decoder its operator is unknown") {
  const auto bytes =
      model(20, GraphBuilder().input("bytes", DType::uint8, {-1}).node(NodeBuilder("ImageDecoder", {"bytes"}, {"y"})).output("y"));
  CHECK(contains(error_of([&] { const hone::Session session(bytes); }), "ImageDecoder (opset 20)"));
}

}  // namespace image_decoder_test
