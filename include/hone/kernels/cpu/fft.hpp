#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI::cpu {

/// Fourier transforms of any length n in O(n log n): radix 2 for powers of two, else a convolution with a chirp by transforms of a power of
/// two (Bluestein, A linear filtering approach to the computation of discrete Fourier transform, 1970). Tables stand in memory of the
/// caller.
class Fft {
 public:
  using Complex = std::complex<double>;

  /// `tables`: table_size(n) numbers. Precondition: n > 0.
  Fft(std::int64_t n, Complex* tables) noexcept
      : n_(n), size_(transform_size(n)), roots_(tables), chirp_(tables + size_ / 2 + 1), filter_(chirp_ + n) {
    for (std::int64_t i = 0; i < size_ / 2; ++i) roots_[i] = root(i, size_);
    if (size_ == n_) return;
    std::fill_n(filter_, size_, Complex());
    for (std::int64_t i = 0; i < n_; ++i) {
      chirp_[i] = root(i * i % (2 * n_), 2 * n_);
      filter_[i] = std::conj(chirp_[i]);
      if (i != 0) filter_[size_ - i] = filter_[i];
    }
    radix_2(filter_);
  }

  [[nodiscard]] static std::int64_t table_size(std::int64_t n) noexcept {
    const std::int64_t size = transform_size(n);
    return size / 2 + 1 + (size == n ? 0 : n + size);
  }
  /// Numbers in the data that transform() works on.
  [[nodiscard]] static std::int64_t data_size(std::int64_t n) noexcept { return transform_size(n); }

  /// Transforms data[0 .. n) in place; what follows is scratch. The inverse is not divided by n.
  void transform(Complex* data, bool inverse) const noexcept {
    // The inverse is the conjugate of the transform of the conjugate.
    for (std::int64_t i = 0; inverse && i < n_; ++i) data[i] = std::conj(data[i]);
    if (size_ == n_) {
      radix_2(data);
    } else {
      for (std::int64_t i = 0; i < n_; ++i) data[i] = times(data[i], chirp_[i]);
      std::fill(data + n_, data + size_, Complex());
      radix_2(data);
      for (std::int64_t i = 0; i < size_; ++i) data[i] = std::conj(times(data[i], filter_[i]));
      radix_2(data);
      const double scale = 1.0 / static_cast<double>(size_);
      for (std::int64_t i = 0; i < n_; ++i) data[i] = times(std::conj(data[i]) * scale, chirp_[i]);
    }
    for (std::int64_t i = 0; inverse && i < n_; ++i) data[i] = std::conj(data[i]);
  }

 private:
  [[nodiscard]] static std::int64_t transform_size(std::int64_t n) noexcept {
    const auto size = static_cast<std::uint64_t>(n);
    return static_cast<std::int64_t>(std::has_single_bit(size) ? size : std::bit_ceil(2 * size - 1));
  }
  /// exp(-2 pi i k / n)
  [[nodiscard]] static Complex root(std::int64_t k, std::int64_t n) noexcept {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    return {std::cos(angle), std::sin(angle)};
  }
  /// std::complex multiplies with a test for infinities.
  [[nodiscard]] static Complex times(Complex a, Complex b) noexcept {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

  void radix_2(Complex* data) const noexcept {
    for (std::int64_t i = 1, j = 0; i < size_; ++i) {
      std::int64_t bit = size_ >> 1;
      for (; (j & bit) != 0; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) std::swap(data[i], data[j]);
    }
    for (std::int64_t half = 1; half < size_; half *= 2) {
      const std::int64_t step = size_ / (2 * half);
      for (std::int64_t begin = 0; begin < size_; begin += 2 * half) {
        for (std::int64_t k = 0; k < half; ++k) {
          const Complex odd = times(data[begin + half + k], roots_[k * step]);
          data[begin + half + k] = data[begin + k] - odd;
          data[begin + k] += odd;
        }
      }
    }
  }

  std::int64_t n_;
  std::int64_t size_;
  Complex* roots_;
  Complex* chirp_;
  Complex* filter_;
};

}  // namespace hone::inline HONE_ABI::cpu
