#pragma once

#include <cmath>
#include <cstdint>

#include <hone/config.hpp>
#include <hone/ops/swiglu.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <class T>
class Kernel<ops::SwiGLU, Cpu, T> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) : alpha_(static_cast<T>(node.op<ops::SwiGLU>().alpha)) {}
  void run(Context& c) const {
    const T* a = c.in<T>(0);
    const T* b = c.in<T>(1);
    T* y = c.out<T>(0);
    c.parallel_for(c.output(0).elements(), 4 * 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) y[i] = a[i] / (T(1) + std::exp(-alpha_ * a[i])) * b[i];
    });
  }

 private:
  T alpha_;
};

}  // namespace hone::inline HONE_ABI
