#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/kernels/cpu/cast.hpp>
#include <hone/kernels/cpu/sequence.hpp>
#include <hone/ops/map.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::ZipMap, Cpu> : public cpu::SequenceKernel<ops::ZipMap> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const TensorRef& x = c.input(0);
    const auto classes = static_cast<std::int64_t>(op.labels.size());
    if (x.shape.rank() < 1 || x.shape.rank() > 2 || x.shape.back() != classes)
      return c.fail("scores of shape ", x.shape, " for ", classes, " classes");
    std::vector<Value> maps;
    const std::size_t row_bytes =
        x.bytes() / static_cast<std::size_t>(std::max<std::int64_t>(x.elements() / std::max<std::int64_t>(classes, 1), 1));
    for (std::int64_t row = 0; row < (x.shape.rank() == 2 ? x.shape[0] : 1); ++row) {
      TensorRef scores = x;
      scores.shape = {classes};
      scores.data = x.as<std::byte>() + static_cast<std::size_t>(row) * row_bytes;
      Value keys = op.labels.strings.empty() ? Value(Tensor<std::int64_t>({classes}, op.labels.numbers))
                                             : Value(Tensor<std::string>({classes}, op.labels.strings));
      maps.push_back(Value::map(std::move(keys), Value::copy_of(scores)));
    }
    cpu::object_of(c, 0) = Value::sequence(Type::map_of(op.labels.dtype(), x.dtype), std::move(maps));
  }
};

template <>
class Kernel<ops::DictVectorizer, Cpu> : public cpu::SequenceKernel<ops::DictVectorizer> {
 public:
  using SequenceKernel::SequenceKernel;
  void run(Context& c) const {
    const Value& map = c.input_slot(0).object;
    const TensorRef& keys = map.keys().ref();
    const TensorRef& values = map.values().ref();
    const auto n = static_cast<std::int64_t>(op.vocabulary.size());
    const TensorRef& y = c.allocate(0, values.dtype, {1, n});
    const ElementMover mover(values.dtype);
    mover.fill(y.as<std::byte>(), n, nullptr);
    for (std::int64_t i = 0; i < keys.elements(); ++i) {
      for (std::int64_t k = 0; k < n; ++k) {
        const auto at = static_cast<std::size_t>(k);
        const bool same = keys.dtype == DType::string ? keys.as<const std::string>()[i] == op.vocabulary.strings[at]
                                                      : keys.as<const std::int64_t>()[i] == op.vocabulary.numbers[at];
        if (same) mover.copy(mover.at(static_cast<const void*>(values.data), i), 1, mover.at(y.data, k));
      }
    }
  }
};

template <>
class Kernel<ops::CastMap, Cpu> : public cpu::SequenceKernel<ops::CastMap> {
 public:
  using SequenceKernel::SequenceKernel;
  static Support supports(const NodeView& node) {
    return node.input_type(0).dtype == DType::int64 ? Support::yes() : Support::no("the keys must be int64");
  }
  void run(Context& c) const {
    const Value& map = c.input_slot(0).object;
    const TensorRef& values = map.values().ref();
    const std::int64_t n = values.elements();
    const auto* keys = map.keys().ref().as<const std::int64_t>();
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return keys[a] < keys[b]; });
    Value sorted = Value::tensor(values.dtype, {1, op.sparse ? op.max_map : n});
    const ElementMover mover(values.dtype);
    mover.fill(sorted.ref().as<std::byte>(), sorted.ref().elements(), nullptr);
    for (std::int64_t k = 0; k < n; ++k) {
      const std::int64_t from = order[static_cast<std::size_t>(k)];
      const std::int64_t to = op.sparse ? keys[from] : k;
      if (to < 0 || to >= sorted.ref().elements()) return c.fail("key ", to, " is out of range for max_map ", op.max_map);
      mover.copy(mover.at(static_cast<const void*>(values.data), from), 1, mover.at(sorted.ref().data, to));
    }
    // Converted as Cast does it.
    Slot from;
    Slot to;
    from.tensor = sorted.ref();
    to.tensor = c.allocate(0, op.to, sorted.shape());
    Slot* input[]{&from};
    Slot* output[]{&to};
    Context cast(input, output, c.pool());
    CastKernel(true, ops::Cast::Rounding::up).run(cast);
    if (cast.failed()) c.fail_as(cast);
  }
};

}  // namespace hone::inline HONE_ABI
