#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/unary.hpp>
#include <hone/kernels/functors.hpp>
#include <hone/kernels/strided_box.hpp>
#include <hone/ops/binary.hpp>
#include <hone/ops/dimensions.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/binary.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

/// A row of a broadcast: offsets in elements of its first elements, and the strides of a and b along it, each 0 or 1.
struct BroadcastRow {
  std::int64_t a;
  std::int64_t b;
  std::int64_t y;
  std::int64_t size;
  std::int64_t a_stride;
  std::int64_t b_stride;
};

/// visit(row) for rows that together make up y, shared among the threads. Not a template: one copy serves all operators and types.
inline void for_broadcast_rows(const Shape& a_shape, const Shape& b_shape, const Shape& y_shape, const ThreadPool& pool,
                               FunctionRef<void(const BroadcastRow&)> visit) {
  // Elements that take a few microseconds: less is not worth a thread.
  constexpr std::int64_t worth_a_thread = 16 * 1024;
  StridedBox<3> box;
  for (std::size_t d = 0; d < y_shape.rank(); ++d) {
    box.push_back(y_shape[d], {broadcast_stride(a_shape, y_shape, d), broadcast_stride(b_shape, y_shape, d), y_shape.stride(d)});
  }
  if (box.elements() == 0) return;
  const std::int64_t size = box.row_size();
  const auto strides = box.row_strides();
  const std::int64_t chunk = std::min(size, worth_a_thread);
  const std::int64_t chunks = (size + chunk - 1) / chunk;
  pool.parallel_for(box.rows() * chunks, std::max<std::int64_t>(1, worth_a_thread / chunk), [&](std::int64_t begin, std::int64_t end) {
    if (chunks == 1) {
      box.for_rows(begin, end, [&](const auto& at) { visit({at[0], at[1], at[2], size, strides[0], strides[1]}); });
      return;
    }
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % chunks * chunk;
      box.for_rows(task / chunks, task / chunks + 1, [&](const auto& at) {
        visit(
            {at[0] + first * strides[0], at[1] + first * strides[1], at[2] + first, std::min(chunk, size - first), strides[0], strides[1]});
      });
    }
  });
}

/// Which loops a broadcast runs, on elements of what size in bytes.
struct BroadcastLoop {
  template <class F, class T, class R>
  explicit BroadcastLoop(const simd::BinaryLoop<F, T, R>& loop) : functions(loop.erased), size(sizeof(T)), result_size(sizeof(R)) {}

  /// y = f(a, b) for a and b broadcast to the shape of y. y may be a or b where that has the shape of y.
  /// Not a template on types: one copy serves all operators.
  void run(const void* a, const Shape& a_shape, const void* b, const Shape& b_shape, void* y, const Shape& y_shape,
           const ThreadPool& pool) const {
    const auto visit = [&](const BroadcastRow& row) {
      const auto* from_a = static_cast<const std::byte*>(a) + row.a * size;
      const auto* from_b = static_cast<const std::byte*>(b) + row.b * size;
      auto* to = static_cast<std::byte*>(y) + row.y * result_size;
      // Both strides are 0 where a row has one element.
      functions(from_a, row.a_stride == 0 && row.b_stride != 0, from_b, row.b_stride == 0, to, static_cast<std::size_t>(row.size));
    };
    for_broadcast_rows(a_shape, b_shape, y_shape, pool, visit);
  }

  simd::BinaryFunctions functions;
  std::int64_t size;
  std::int64_t result_size;
};

/// Whether an integer of `size` bytes in the tensor is zero: no integer is divided by it.
[[nodiscard]] inline bool has_zero(const TensorRef& tensor, std::int64_t size) {
  const std::int64_t n = tensor.elements();
  const auto search = [&]<class T>(const T* data) { return std::find(data, data + n, T(0)) != data + n; };
  switch (size) {
    case 1:
      return search(tensor.as<const std::uint8_t>());
    case 2:
      return search(tensor.as<const std::uint16_t>());
    case 4:
      return search(tensor.as<const std::uint32_t>());
    default:
      return search(tensor.as<const std::uint64_t>());
  }
}

/// Runs the operators on two inputs.
class BinaryKernel {
 public:
  using Shared = BinaryKernel;

  /// `divides`: zeros among the right operands are errors.
  BinaryKernel(const ops::Binary& op, const BroadcastLoop& loop, bool divides = false) : op_(op), loop_(loop), divides_(divides) {}

  void run(Context& c) const {
    const TensorRef& a = c.input(0);
    const TensorRef& b = c.input(1);
    if (divides_ && has_zero(b, loop_.size)) return c.fail("an integer is divided by zero");
    loop_.run(a.data, a.shape, b.data, op_.right_shape(a.shape, b.shape), c.output(0).data, c.output(0).shape, c.pool());
  }

 private:
  ops::Binary op_;
  BroadcastLoop loop_;
  bool divides_;
};

/// Folds any number of inputs, two at a time.
class VariadicKernel {
 public:
  using Shared = VariadicKernel;

  /// `scale`: divides the result by the number of inputs.
  VariadicKernel(const BroadcastLoop& loop, const BroadcastLoop* scale)
      : loop_(loop), scale_(scale != nullptr ? *scale : loop), scales_(scale != nullptr) {}

  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    std::size_t next = 2;
    if (c.input_count() > 1 && broadcast_is(c.input(0).shape, c.input(1).shape, y.shape)) {
      loop_.run(c.input(0).data, c.input(0).shape, c.input(1).data, c.input(1).shape, y.data, y.shape, c.pool());
    } else {
      spread(c.input(0), y, loop_.size);
      next = 1;
    }
    for (; next < c.input_count(); ++next) {
      loop_.run(y.data, y.shape, c.input(next).data, c.input(next).shape, y.data, y.shape, c.pool());
    }
    if (scales_) {
      std::uint64_t divisor = 0;  // room for a number of any type
      const auto count = static_cast<double>(c.input_count());
      store_numbers(y.dtype, &divisor, 0, 1, &count, {});
      scale_.run(y.data, y.shape, &divisor, Shape{}, y.data, y.shape, c.pool());
    }
  }

 private:
  static bool broadcast_is(const Shape& a, const Shape& b, const Shape& y) noexcept {
    if (std::max(a.rank(), b.rank()) != y.rank()) return false;
    for (std::size_t d = 0; d < y.rank(); ++d) {
      const auto dim = [&](const Shape& s) { return d + s.rank() < y.rank() ? 1 : s[d + s.rank() - y.rank()]; };
      if (dim(a) != y[d] && dim(b) != y[d]) return false;
    }
    return true;
  }
  static void spread(const TensorRef& x, const TensorRef& y, std::int64_t size) {
    StridedBox<2> box;
    for (std::size_t d = 0; d < y.shape.rank(); ++d) box.push_back(y.shape[d], {broadcast_stride(x.shape, y.shape, d), y.shape.stride(d)});
    if (box.elements() == 0) return;
    const std::int64_t step = box.row_strides()[0] * size;
    const auto bytes = static_cast<std::size_t>(size);
    box.for_rows(0, box.rows(), [&](const auto& at) {
      const auto* from = x.as<const std::byte>() + at[0] * size;
      auto* to = y.as<std::byte>() + at[1] * size;
      if (step == size) {
        std::memcpy(to, from, static_cast<std::size_t>(box.row_size()) * bytes);
      } else {
        for (std::int64_t i = 0; i < box.row_size(); ++i) std::memcpy(to + i * size, from + i * step, bytes);
      }
    });
  }

  BroadcastLoop loop_;
  BroadcastLoop scale_;
  bool scales_;
};

}  // namespace cpu

template <BinaryOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::BinaryKernel {
 public:
  using F = decltype(functor(std::declval<const Op&>()));
  using R = std::conditional_t<std::derived_from<Op, ops::Compare>, bool, T>;

  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<Op>(), cpu::BroadcastLoop(simd::table<simd::BinaryLoop<F, T, R>>(device.isa)),
                     std::same_as<Op, ops::Div> && std::integral<T>) {}
};

template <class T>
class Kernel<ops::Mod, Cpu, T> : public cpu::BinaryKernel {
 public:
  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<ops::Mod>(), loop(node.op<ops::Mod>(), device.isa), std::integral<T>) {}

 private:
  static cpu::BroadcastLoop loop(const ops::Mod& op, simd::Isa isa) {
    // Without signs the two are the same.
    if (op.fmod || std::unsigned_integral<T>) return cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Fmod, T>>(isa));
    return cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Mod, T>>(isa));
  }
};

template <class T>
class Kernel<ops::BitShift, Cpu, T> : public cpu::BinaryKernel {
 public:
  using Bits = std::make_unsigned_t<T>;  // as which a negative shift is a large one

  Kernel(const NodeView& node, const CpuDevice& device)
      : BinaryKernel(node.op<ops::BitShift>(), node.op<ops::BitShift>().left
                                                   ? cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::ShiftLeft, Bits>>(device.isa))
                                                   : cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::ShiftRight, T>>(device.isa))) {}
};

namespace cpu {

/// The exponent may have another type than the base; both are then converted to double, element by element.
class PowKernel {
 public:
  using Shared = PowKernel;

  PowKernel(const ops::Pow& op, const BroadcastLoop& loop) : op_(op), same_(op, loop) {}

  void run(Context& c) const {
    const TensorRef a = c.input(0);
    const TensorRef b = c.input(1);
    const TensorRef y = c.output(0);
    if (a.dtype == b.dtype) return same_.run(c);
    const auto visit = [&](const BroadcastRow& row) {
      double power[block];
      for (std::int64_t i = 0; i < row.size; i += block) {
        const std::int64_t n = std::min(block, row.size - i);
        for (std::int64_t k = 0; k < n; ++k) {
          power[k] = std::pow(ops::number_at(a, row.a + (i + k) * row.a_stride), ops::number_at(b, row.b + (i + k) * row.b_stride));
        }
        store_numbers(y.dtype, y.data, row.y + i, n, power, {});
      }
    };
    for_broadcast_rows(a.shape, op_.right_shape(a.shape, b.shape), y.shape, c.pool(), visit);
  }

 private:
  static constexpr std::int64_t block = 128;

  ops::Pow op_;
  BinaryKernel same_;
};

}  // namespace cpu

template <class T>
class Kernel<ops::Pow, Cpu, T> : public cpu::PowKernel {
 public:
  static Support supports(const NodeView& node) {
    const DType exponent = node.input_dtype(1);
    const bool real = exponent == DType::float32 || exponent == DType::float64 || exponent == DType::float16 || exponent == DType::bfloat16;
    return real || is_integral(exponent) ? Support::yes() : Support::no("no kernel for exponents of ", name(exponent));
  }
  Kernel(const NodeView& node, const CpuDevice& device)
      : PowKernel(node.op<ops::Pow>(), cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Pow, T>>(device.isa))) {}
};

template <VariadicOp Op, class T>
class Kernel<Op, Cpu, T> : public cpu::VariadicKernel {
 public:
  using F = decltype(functor(std::declval<const Op&>()));

  Kernel(const NodeView&, const CpuDevice& device)
      : VariadicKernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<F, T>>(device.isa)), nullptr) {}
};

template <class T>
class Kernel<ops::Mean, Cpu, T> : public cpu::VariadicKernel {
 public:
  Kernel(const NodeView&, const CpuDevice& device)
      : Kernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Div, T>>(device.isa)), device) {}

 private:
  Kernel(const cpu::BroadcastLoop& scale, const CpuDevice& device)
      : VariadicKernel(cpu::BroadcastLoop(simd::table<simd::BinaryLoop<simd::Add, T>>(device.isa)), &scale) {}
};

/// Strings are compared as a whole.
template <>
class Kernel<ops::Equal, Cpu, std::string> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : op_(node.op<ops::Equal>()) {}
  void run(Context& c) const {
    const auto visit = [&](const cpu::BroadcastRow& row) {
      for (std::int64_t i = 0; i < row.size; ++i) {
        c.out<bool>(0)[row.y + i] = c.in<std::string>(0)[row.a + i * row.a_stride] == c.in<std::string>(1)[row.b + i * row.b_stride];
      }
    };
    cpu::for_broadcast_rows(c.input(0).shape, op_.right_shape(c.input(0).shape, c.input(1).shape), c.output(0).shape, c.pool(), visit);
  }

 private:
  ops::Equal op_;
};

}  // namespace hone::inline HONE_ABI
