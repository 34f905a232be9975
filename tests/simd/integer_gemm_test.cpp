#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <hone/simd/integer_gemm.hpp>

namespace integer_gemm_test {

using hone::simd::IntegerForm;
using hone::simd::IntegerGemm;

/// Element i of a word as the form multiplies it.
inline std::int32_t element(const IntegerForm& form, const std::byte* word, std::size_t i, bool is_signed) {
  if (form.element == 1) {
    return is_signed ? static_cast<std::int32_t>(static_cast<std::int8_t>(word[i])) : static_cast<std::int32_t>(word[i]);
  }
  std::int16_t value;
  std::memcpy(&value, word + 2 * i, 2);
  return value;
}

struct Problem {
  std::size_t rows;
  std::size_t segments;
  std::size_t steps;    ///< whole multiples of IntegerForm::word_multiple words in a segment
  std::size_t columns;  ///< in registers
};

/// Whether the form computes the tile as the definition has it.
inline bool is_right(const IntegerForm& form, const Problem& p, std::mt19937& random) {
  const std::size_t words = p.steps * form.word_multiple;
  const std::size_t columns = p.columns * form.vector;
  const std::size_t row = 4 * words + 12;  // rows overlap, as those of convolutions do
  std::vector<std::ptrdiff_t> segments;
  for (std::size_t s = 0; s < p.segments; ++s) segments.push_back(static_cast<std::ptrdiff_t>(s * 3 * row));
  std::vector<std::byte> a((p.rows + 3 * p.segments) * row);
  std::vector<std::byte> b(p.segments * words * columns * 4);
  const auto fill = [&](std::vector<std::byte>& bytes) {
    if (form.element == 1) {
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      return;
    }
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
      const auto value = static_cast<std::int16_t>(static_cast<int>(random() % 511) - 255);
      std::memcpy(bytes.data() + i, &value, 2);
    }
  };
  fill(a);
  fill(b);
  constexpr std::int32_t guard = 0x5A5A5A5A;
  const auto stride = static_cast<std::ptrdiff_t>(columns + 1);
  std::vector<std::int32_t> c(p.rows * (columns + 1), guard);
  form.run({a.data(), static_cast<std::ptrdiff_t>(row), segments.data(), p.segments, words, b.data(), columns, c.data(), stride, p.rows});
  for (std::size_t r = 0; r < p.rows; ++r) {
    for (std::size_t j = 0; j < columns; ++j) {
      std::int32_t sum = 0;
      for (std::size_t s = 0; s < p.segments; ++s) {
        for (std::size_t w = 0; w < words; ++w) {
          const std::byte* left = a.data() + r * row + static_cast<std::size_t>(segments[s]) + 4 * w;
          const std::byte* right = b.data() + ((s * words + w) * columns + j) * 4;
          for (std::size_t i = 0; i < 4 / form.element; ++i) sum += element(form, left, i, false) * element(form, right, i, true);
        }
      }
      if (c[r * (columns + 1) + j] != sum) return false;
    }
    if (c[r * (columns + 1) + columns] != guard) return false;
  }
  return true;
}

TEST_CASE("every form that runs here multiplies every shape of tile") {
  std::mt19937 random(1);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const IntegerGemm& kernels = hone::simd::table<IntegerGemm>(isa);
    CHECK(kernels.forms[kernels.form_count - 1].runs_here());
    for (std::size_t f = 0; f < kernels.form_count; ++f) {
      const IntegerForm& form = kernels.forms[f];
      if (!form.runs_here()) continue;
      for (const std::size_t rows : {1, 2, 3, 5, 6, 7, 13, 16, 17, 31, 32, 33, 48, 49, 64}) {
        for (std::size_t columns = 1; columns <= form.columns / form.vector; ++columns) {
          CAPTURE(hone::simd::name(isa));
          CAPTURE(f);
          CAPTURE(rows);
          CAPTURE(columns);
          CHECK(is_right(form, {rows, 1 + rows % 3, 1 + rows % 2, columns}, random));
        }
      }
    }
  }
}

TEST_CASE("sums become integers, floats and bytes") {
  constexpr std::size_t rows = 3;
  constexpr std::size_t padded = 64;
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    const IntegerGemm& kernels = hone::simd::table<IntegerGemm>(isa);
    for (const std::size_t columns : {1, 7, 16, 33, 64}) {
      CAPTURE(hone::simd::name(isa));
      CAPTURE(columns);
      std::vector<std::int32_t> c(rows * padded);
      std::vector<std::int32_t> offsets(padded);
      std::vector<std::int32_t> zeros(padded);
      std::vector<float> scales(padded);
      std::vector<float> bias(padded);
      const std::vector<std::int32_t> row_sums{11, -3, 100};
      for (std::size_t i = 0; i < c.size(); ++i) c[i] = static_cast<std::int32_t>(i * 37 % 1000) - 500;
      for (std::size_t j = 0; j < padded; ++j) {
        offsets[j] = static_cast<std::int32_t>(j) - 30;
        zeros[j] = static_cast<std::int32_t>(j % 5) - 2;
        scales[j] = 0.25F + 0.001F * static_cast<float>(j);
        bias[j] = static_cast<float>(j % 7);
      }
      const hone::simd::IntegerStore store{.c = c.data(),
                                           .c_stride = padded,
                                           .rows = rows,
                                           .columns = columns,
                                           .offsets = offsets.data(),
                                           .row_sums = row_sums.data(),
                                           .zeros = zeros.data(),
                                           .scales = scales.data(),
                                           .bias = bias.data(),
                                           .lower = -40,
                                           .upper = 60,
                                           .zero = 40};
      std::vector<std::int32_t> integers(rows * columns);
      std::vector<float> floats(rows * columns);
      std::vector<std::uint8_t> bytes(rows * columns);
      const auto stride = static_cast<std::ptrdiff_t>(columns);
      kernels.store_integers(store, integers.data(), stride);
      kernels.store_floats(store, floats.data(), stride);
      kernels.store_bytes(store, bytes.data(), stride);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t j = 0; j < columns; ++j) {
          const std::int32_t sum = c[r * padded + j] + offsets[j] - row_sums[r] * zeros[j];
          const float value = static_cast<float>(sum) * scales[j] + bias[j];
          CHECK(integers[r * columns + j] == sum);
          CHECK(floats[r * columns + j] == doctest::Approx(value));
          const float rounded = std::nearbyint(std::clamp(floats[r * columns + j], -40.0F, 60.0F)) + 40;
          CHECK(static_cast<float>(bytes[r * columns + j]) == rounded);
        }
      }
    }
  }
}

TEST_CASE("bytes are summed") {
  std::vector<std::uint8_t> x(100);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(255 - i);
  for (const hone::simd::Isa isa : hone::simd::available_isas()) {
    std::int32_t sum = 0;
    for (std::size_t n = 0; n < x.size(); ++n) {
      CHECK(hone::simd::table<IntegerGemm>(isa).sum_bytes(x.data(), n) == sum);
      sum += x[n];
    }
  }
}

}  // namespace integer_gemm_test
