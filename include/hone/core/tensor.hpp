#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/error.hpp>
#include <hone/core/shape.hpp>

namespace hone::inline HONE_ABI {

/// A tensor somebody else owns, typed at run time: row-major, dense, sub-byte types packed.
struct TensorRef {
  void* data = nullptr;
  DType dtype = DType::undefined;
  Shape shape;

  [[nodiscard]] std::int64_t elements() const noexcept { return shape.elements(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return storage_bytes(dtype, static_cast<std::size_t>(shape.elements())); }
  /// The elements as T, unchecked: the caller has compared dtype already.
  template <class T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(data);
  }
};

/// A tensor somebody else owns, typed at compile time: row-major and dense. Copying it copies the reference.
template <Element T>
class TensorView {
 public:
  using value_type = std::remove_const_t<T>;

  TensorView() = default;
  TensorView(T* data, const Shape& shape) noexcept : data_(data), shape_(shape) {}
  operator TensorView<const T>() const noexcept { return {data_, shape_}; }

  [[nodiscard]] T* data() const noexcept { return data_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  /// Number of objects of type T behind data(): elements, or bytes of packed elements.
  [[nodiscard]] std::size_t size() const noexcept {
    return storage_bytes(dtype_of<T>, static_cast<std::size_t>(shape_.elements())) / sizeof(T);
  }
  [[nodiscard]] std::span<T> span() const noexcept { return {data_, size()}; }
  [[nodiscard]] T* begin() const noexcept { return data_; }
  [[nodiscard]] T* end() const noexcept { return data_ + size(); }
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return data_[i]; }
  /// Element at one index per dimension, unchecked: `view(n, c, h, w)`.
  template <class... Index>
  [[nodiscard]] T& operator()(Index... index) const noexcept {
    std::size_t offset = 0;
    std::size_t axis = 0;
    ((offset = offset * static_cast<std::size_t>(shape_[axis++]) + static_cast<std::size_t>(index)), ...);
    return data_[offset];
  }

 private:
  T* data_ = nullptr;
  Shape shape_{0};
};

/// A dense row-major tensor: owns its memory, or stands over the caller's. Movable; `clone()` copies.
template <Element T>
class Tensor {
  static_assert(!std::is_const_v<T>, "hone::Tensor<T> holds mutable elements; use hone::TensorView<const T> for constant ones");

 public:
  using value_type = T;

  Tensor() = default;
  /// Owns uninitialised elements (empty strings for std::string).
  /// Errors: invalid_argument for a negative or overflowing shape; resource_exhausted.
  explicit Tensor(const Shape& shape) : buffer_(dtype_of<T>, shape), view_(static_cast<T*>(buffer_.data()), shape) {}
  /// Owns a copy of `values`. Errors: invalid_argument when their number is not that of the shape.
  Tensor(const Shape& shape, std::span<const T> values) : Tensor(shape) {
    if (values.size() != size()) {
      fail(ErrorCode::invalid_argument, "a tensor of shape ", shape, " needs ", size(), " values, not ", values.size());
    }
    std::copy(values.begin(), values.end(), data());
  }
  Tensor(const Shape& shape, std::initializer_list<T> values) : Tensor(shape, std::span<const T>(values.begin(), values.size())) {}
  /// Stands over the caller's memory, which must outlive the tensor.
  [[nodiscard]] static Tensor over(T* data, const Shape& shape) {
    (void)checked_bytes(dtype_of<T>, shape);
    Tensor result;
    result.view_ = TensorView<T>(data, shape);
    return result;
  }
  [[nodiscard]] static Tensor filled(const Shape& shape, const T& value) {
    Tensor result(shape);
    std::fill(result.begin(), result.end(), value);
    return result;
  }
  [[nodiscard]] Tensor clone() const { return Tensor(shape(), std::span<const T>(data(), size())); }

  Tensor(Tensor&& other) noexcept : buffer_(std::move(other.buffer_)), view_(std::exchange(other.view_, {})) {}
  Tensor& operator=(Tensor&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    view_ = std::exchange(other.view_, {});
    return *this;
  }

  [[nodiscard]] T* data() noexcept { return view_.data(); }
  [[nodiscard]] const T* data() const noexcept { return view_.data(); }
  [[nodiscard]] const Shape& shape() const noexcept { return view_.shape(); }
  [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
  [[nodiscard]] T* begin() noexcept { return view_.begin(); }
  [[nodiscard]] T* end() noexcept { return view_.end(); }
  [[nodiscard]] const T* begin() const noexcept { return view_.begin(); }
  [[nodiscard]] const T* end() const noexcept { return view_.end(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return view_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return view_[i]; }
  template <class... Index>
  [[nodiscard]] T& operator()(Index... index) noexcept {
    return view_(index...);
  }
  template <class... Index>
  [[nodiscard]] const T& operator()(Index... index) const noexcept {
    return view_(index...);
  }
  [[nodiscard]] TensorView<T> view() noexcept { return view_; }
  [[nodiscard]] TensorView<const T> view() const noexcept { return view_; }
  [[nodiscard]] TensorRef ref() const noexcept { return {const_cast<T*>(view_.data()), dtype_of<T>, view_.shape()}; }

  /// Gives up the memory; for hone::Value, which takes it over.
  [[nodiscard]] Buffer release() && noexcept {
    view_ = {};
    return std::move(buffer_);
  }

 private:
  Buffer buffer_;
  TensorView<T> view_;
};

}  // namespace hone::inline HONE_ABI
