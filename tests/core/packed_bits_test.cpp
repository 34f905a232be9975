#include <array>
#include <cstdint>

#include <doctest/doctest.h>

#include <hone/core/packed_bits.hpp>

namespace packed_bits_test {

using namespace hone;

using Bytes = std::array<std::uint8_t, 3>;

TEST_CASE("four elements of 6 bits take three bytes, as TensorProto.raw_data says") {
  const unsigned x0 = 0x21;
  const unsigned x1 = 0x3e;
  const unsigned x2 = 0x15;
  const unsigned x3 = 0x0b;
  const Bytes bytes{static_cast<std::uint8_t>(x0 | (x1 & 0x3) << 6), static_cast<std::uint8_t>(x1 >> 2 | (x2 & 0xf) << 4),
                    static_cast<std::uint8_t>(x2 >> 4 | x3 << 2)};
  const std::array<unsigned, 4> elements{x0, x1, x2, x3};
  Bytes appended;
  appended.fill(0xaa);
  for (std::int64_t i = 0; i < 4; ++i) {
    CHECK(packed_bits(bytes.data(), i, 6) == elements[static_cast<std::size_t>(i)]);
    append_packed_bits(appended.data(), i, 6, elements[static_cast<std::size_t>(i)]);
  }
  CHECK(appended == bytes);
}

TEST_CASE("elements of every width are set without their neighbours, and appended over whatever is there") {
  for (const int bits : {2, 4, 6, 8}) {
    CAPTURE(bits);
    const unsigned all = (1U << bits) - 1;
    const std::int64_t count = 24 / bits;
    for (std::int64_t i = 0; i < count; ++i) {
      Bytes ones;
      ones.fill(0xff);
      set_packed_bits(ones.data(), i, bits, 0x100);  // what is above the width falls away
      Bytes zeros{};
      set_packed_bits(zeros.data(), i, bits, ~0U);
      for (std::int64_t k = 0; k < count; ++k) {
        CHECK(packed_bits(ones.data(), k, bits) == (k == i ? 0 : all));
        CHECK(packed_bits(zeros.data(), k, bits) == (k == i ? all : 0));
      }
      // An element that is appended leaves zeros behind it, up to the end of its byte.
      Bytes appended;
      appended.fill(0xff);
      for (std::int64_t k = 0; k <= i; ++k) append_packed_bits(appended.data(), k, bits, 0);
      const std::int64_t whole = ((i + 1) * bits + 7) / 8;
      for (std::int64_t byte = 0; byte < 3; ++byte) CHECK(appended[static_cast<std::size_t>(byte)] == (byte < whole ? 0 : 0xff));
    }
  }
}

}  // namespace packed_bits_test
