#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <hone/config.hpp>
#include <hone/kernels/cpu/number_conversion.hpp>
#include <hone/kernels/cpu/strided_copy.hpp>
#include <hone/ops/trilu.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::Trilu, Cpu> {
 public:
  static Support supports(const NodeView& node) { return ElementMover::support(node.input_dtype(0)); }
  Kernel(const NodeView& node, const CpuDevice&) : upper_(node.op<ops::Trilu>().upper) {}
  void run(Context& c) const {
    const Shape& shape = c.output(0).shape;
    const std::int64_t columns = shape.back();
    const std::int64_t rows = shape[shape.rank() - 2];
    if (shape.elements() == 0) return;
    // Diagonals beyond the matrix all keep, or drop, everything.
    const std::int64_t k = c.has_input(1) ? std::clamp(ops::integer_at(c.input(1), 0), -rows, columns) : 0;
    const ElementMover mover(c.input(0).dtype);
    const std::int64_t grain = std::max<std::int64_t>(mover.block() / columns, 1);
    c.parallel_for(shape.elements() / columns, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        // Elements before `edge` are below the diagonal (or, in the lower part, on it too).
        const std::int64_t edge = std::clamp<std::int64_t>(r % rows + k + (upper_ ? 0 : 1), 0, columns);
        const void* from = mover.at(c.input(0).data, r * columns);
        std::byte* to = mover.at(c.output(0).data, r * columns);
        if (upper_) {
          to = mover.fill(to, edge, nullptr);
          mover.copy(mover.at(from, edge), columns - edge, to);
        } else {
          to = mover.copy(mover.at(from, 0), edge, to);
          mover.fill(to, columns - edge, nullptr);
        }
      }
    });
  }

 private:
  bool upper_;
};

template <>
class Kernel<ops::EyeLike, Cpu> {
 public:
  static Support supports(const NodeView& node) {
    const DType dtype = node.output_dtype(0);
    const bool good = is_integral(dtype) || dtype == DType::boolean || dtype == DType::float32 || dtype == DType::float64 ||
                      dtype == DType::float16 || dtype == DType::bfloat16;
    return good ? Support::yes() : Support::no("EyeLike of ", hone::name(dtype));
  }
  Kernel(const NodeView& node, const CpuDevice&) : k_(node.op<ops::EyeLike>().k) {
    const double one = 1;
    store_numbers(node.output_dtype(0), one_.data(), 0, 1, &one, {});
  }
  void run(Context& c) const {
    const TensorRef& y = c.output(0);
    if (y.elements() == 0) return;
    std::memset(y.data, 0, y.bytes());
    const auto size = static_cast<std::int64_t>(element_size(y.dtype));
    const std::int64_t rows = y.shape[0];
    const std::int64_t columns = y.shape[1];
    const std::int64_t k = std::clamp(k_, -rows, columns);
    for (std::int64_t r = std::max<std::int64_t>(0, -k); r < rows && r + k < columns; ++r) {
      std::memcpy(y.as<std::byte>() + (r * columns + r + k) * size, one_.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  alignas(8) std::array<std::byte, 8> one_{};
  std::int64_t k_;
};

}  // namespace hone::inline HONE_ABI
