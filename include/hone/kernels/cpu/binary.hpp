#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/core/function_ref.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/strided_box.hpp>
#include <hone/kernels/cpu/unary.hpp>
#include <hone/ops/binary.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/simd/binary.hpp>

namespace hone::inline HONE_ABI {

namespace cpu {

// What each operator computes: one line per operator.
// clang-format off
constexpr simd::Add            binary(const ops::Add&) noexcept { return {}; }
constexpr simd::And            binary(const ops::And&) noexcept { return {}; }
constexpr simd::BitAnd         binary(const ops::BitwiseAnd&) noexcept { return {}; }
constexpr simd::BitOr          binary(const ops::BitwiseOr&) noexcept { return {}; }
constexpr simd::BitXor         binary(const ops::BitwiseXor&) noexcept { return {}; }
constexpr simd::Div            binary(const ops::Div&) noexcept { return {}; }
constexpr simd::Equal          binary(const ops::Equal&) noexcept { return {}; }
constexpr simd::Greater        binary(const ops::Greater&) noexcept { return {}; }
constexpr simd::GreaterOrEqual binary(const ops::GreaterOrEqual&) noexcept { return {}; }
constexpr simd::Less           binary(const ops::Less&) noexcept { return {}; }
constexpr simd::LessOrEqual    binary(const ops::LessOrEqual&) noexcept { return {}; }
constexpr simd::Max            binary(const ops::Max&) noexcept { return {}; }
constexpr simd::Add            binary(const ops::Mean&) noexcept { return {}; }
constexpr simd::Min            binary(const ops::Min&) noexcept { return {}; }
constexpr simd::Mul            binary(const ops::Mul&) noexcept { return {}; }
constexpr simd::Or             binary(const ops::Or&) noexcept { return {}; }
constexpr simd::PRelu          binary(const ops::PRelu&) noexcept { return {}; }
constexpr simd::Sub            binary(const ops::Sub&) noexcept { return {}; }
constexpr simd::Add            binary(const ops::Sum&) noexcept { return {}; }
constexpr simd::Xor            binary(const ops::Xor&) noexcept { return {}; }
// clang-format on

template <class Op>
concept BinaryOp = std::derived_from<Op, ops::Binary> && requires(const Op& op) {
  binary(op);
};
template <class Op>
concept VariadicOp = std::derived_from<Op, ops::Variadic> && requires(const Op& op) {
  binary(op);
};

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

/// y = f(a, b) for a and b broadcast to the shape of y. y may be a or b where that has the shape of y.
template <class F, class T, class R>
void run_binary(const simd::BinaryLoop<F, T, R>& loop, const F& f, const T* a, const Shape& a_shape, const T* b, const Shape& b_shape, R* y,
                const Shape& y_shape, const ThreadPool& pool) {
  const auto visit = [&](const BroadcastRow& row) {
    const auto n = static_cast<std::size_t>(row.size);
    if (row.a_stride == 0) {
      loop.sv(f, a[row.a], b + row.b, y + row.y, n);
    } else if (row.b_stride == 0) {
      loop.vs(f, a + row.a, b[row.b], y + row.y, n);
    } else {
      loop.vv(f, a + row.a, b + row.b, y + row.y, n);
    }
  };
  for_broadcast_rows(a_shape, b_shape, y_shape, pool, visit);
}

/// The same for inputs 0 and 1 and output 0 of a node.
template <class Op, class F, class T, class R>
void run_binary(const Op& op, const simd::BinaryLoop<F, T, R>& loop, const F& f, const Context& c) {
  run_binary(loop, f, c.in<T>(0), c.input(0).shape, c.in<T>(1), op.right_shape(c.input(0).shape, c.input(1).shape), c.out<R>(0),
             c.output(0).shape, c.pool());
}

/// Whether the integer tensor holds a zero: no integer is divided by it.
template <class T>
bool has_zero(const TensorRef& tensor) {
  const T* data = tensor.as<const T>();
  return std::find(data, data + tensor.elements(), T(0)) != data + tensor.elements();
}

}  // namespace cpu

template <cpu::BinaryOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  using F = decltype(cpu::binary(std::declval<const Op&>()));
  using R = std::conditional_t<std::derived_from<Op, ops::Compare>, bool, T>;

  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<Op>()), loop_(&simd::table<simd::BinaryLoop<F, T, R>>(device.isa)) {}
  void run(Context& c) const {
    if constexpr (std::same_as<Op, ops::Div> && std::integral<T>) {
      if (cpu::has_zero<T>(c.input(1))) return c.fail("an integer is divided by zero");
    }
    cpu::run_binary(op_, *loop_, cpu::binary(op_), c);
  }

 private:
  Op op_;
  const simd::BinaryLoop<F, T, R>* loop_;
};

template <class T>
class Kernel<ops::Mod, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::Mod>()), isa_(device.isa) {}
  void run(Context& c) const {
    if constexpr (std::integral<T>) {
      if (cpu::has_zero<T>(c.input(1))) return c.fail("an integer is divided by zero");
    }
    if (op_.fmod) {
      cpu::run_binary(op_, simd::table<simd::BinaryLoop<simd::Fmod, T>>(isa_), simd::Fmod{}, c);
    } else {
      cpu::run_binary(op_, simd::table<simd::BinaryLoop<simd::Mod, T>>(isa_), simd::Mod{}, c);
    }
  }

 private:
  ops::Mod op_;
  simd::Isa isa_;
};

template <class T>
class Kernel<ops::BitShift, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::BitShift>()), isa_(device.isa) {}
  void run(Context& c) const {
    if (op_.left) {
      cpu::run_binary(op_, simd::table<simd::BinaryLoop<simd::ShiftLeft, T>>(isa_), simd::ShiftLeft{}, c);
    } else {
      cpu::run_binary(op_, simd::table<simd::BinaryLoop<simd::ShiftRight, T>>(isa_), simd::ShiftRight{}, c);
    }
  }

 private:
  ops::BitShift op_;
  simd::Isa isa_;
};

/// The exponent may have another type than the base; it is then converted to float or double, whichever holds it, element by element.
template <class T>
class Kernel<ops::Pow, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice& device) : op_(node.op<ops::Pow>()), isa_(device.isa) {}

  static Support supports(const NodeView& node) {
    if (node.input_dtype(0) != dtype_of<T>) return {false, {}};
    switch (node.input_dtype(1)) {
      case DType::float32:
      case DType::float64:
      case DType::int32:
      case DType::int64:
        return Support::yes();
      default:
        return node.input_dtype(1) == dtype_of<T> ? Support::yes() : Support::no("no kernel for exponents of ", name(node.input_dtype(1)));
    }
  }

  void run(Context& c) const {
    if (c.input(1).dtype == dtype_of<T>) {
      return cpu::run_binary(op_, simd::table<simd::BinaryLoop<simd::Pow, T>>(isa_), simd::Pow{}, c);
    }
    switch (c.input(1).dtype) {
      case DType::float32:
        return run_mixed<float>(c);
      case DType::float64:
        return run_mixed<double>(c);
      case DType::int32:
        return run_mixed<std::int32_t>(c);
      default:
        return run_mixed<std::int64_t>(c);
    }
  }

 private:
  template <class E>
  void run_mixed(const Context& c) const {
    const T* a = c.in<T>(0);
    const E* b = c.in<E>(1);
    T* y = c.out<T>(0);
    const auto visit = [&](const cpu::BroadcastRow& row) {
      for (std::int64_t i = 0; i < row.size; ++i) {
        const auto base = static_cast<double>(a[row.a + i * row.a_stride]);
        y[row.y + i] = static_cast<T>(std::pow(base, static_cast<double>(b[row.b + i * row.b_stride])));
      }
    };
    cpu::for_broadcast_rows(c.input(0).shape, op_.right_shape(c.input(0).shape, c.input(1).shape), c.output(0).shape, c.pool(), visit);
  }

  ops::Pow op_;
  simd::Isa isa_;
};

template <cpu::VariadicOp Op, class T>
class Kernel<Op, Cpu, T> {
 public:
  using F = decltype(cpu::binary(std::declval<const Op&>()));

  Kernel(const NodeView&, const CpuDevice& device)
      : loop_(&simd::table<simd::BinaryLoop<F, T>>(device.isa)), scale_(&simd::table<simd::BinaryLoop<simd::Div, T>>(device.isa)) {}

  void run(Context& c) const {
    const Shape& shape = c.output(0).shape;
    T* y = c.out<T>(0);
    const F f{};
    std::size_t next = 2;
    if (c.input_count() > 1 && broadcast_is(c.input(0).shape, c.input(1).shape, shape)) {
      cpu::run_binary(*loop_, f, c.in<T>(0), c.input(0).shape, c.in<T>(1), c.input(1).shape, y, shape, c.pool());
    } else {
      spread(c.input(0), y, shape);
      next = 1;
    }
    for (; next < c.input_count(); ++next) {
      cpu::run_binary(*loop_, f, y, shape, c.in<T>(next), c.input(next).shape, y, shape, c.pool());
    }
    if constexpr (std::same_as<Op, ops::Mean>) {
      const T count = static_cast<T>(c.input_count());
      cpu::run_binary(*scale_, simd::Div{}, y, shape, &count, Shape{}, y, shape, c.pool());
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
  static void spread(const TensorRef& x, T* y, const Shape& shape) {
    StridedBox<2> box;
    for (std::size_t d = 0; d < shape.rank(); ++d) box.push_back(shape[d], {broadcast_stride(x.shape, shape, d), shape.stride(d)});
    if (box.elements() == 0) return;
    const std::int64_t step = box.row_strides()[0];
    box.for_rows(0, box.rows(), [&](const auto& at) {
      for (std::int64_t i = 0; i < box.row_size(); ++i) y[at[1] + i] = x.as<const T>()[at[0] + i * step];
    });
  }

  const simd::BinaryLoop<F, T>* loop_;
  const simd::BinaryLoop<simd::Div, T>* scale_;
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
