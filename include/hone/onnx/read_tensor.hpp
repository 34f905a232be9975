#pragma once

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/file_identity.hpp>
#include <hone/core/limits.hpp>
#include <hone/core/mapped_file.hpp>
#include <hone/core/packed_bits.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/attribute.hpp>
#include <hone/onnx/model_proto.hpp>
#include <hone/onnx/type_proto.hpp>

namespace hone::inline HONE_ABI::detail {

static_assert(std::endian::native == std::endian::little, "ONNX stores raw tensors little-endian; big-endian hosts are not supported");

/// The files beside a model that hold its large tensors: each is mapped once, and none may lie outside the model's folder. Those that the
/// caller has in memory are taken from there. So is raw data that was taken out of the message.
class ExternalData {
 public:
  struct File {
    std::span<const std::byte> bytes;
    std::shared_ptr<const MappedFile> mapped;  ///< null: the bytes are the caller's
  };

  explicit ExternalData(std::filesystem::path folder, const std::map<std::string, std::span<const std::byte>>* in_memory = nullptr,
                        const RawData* raw_data = nullptr, const Limits& limits = {})
      : folder_(std::move(folder)), in_memory_(in_memory), raw_data_(raw_data), limits_(limits) {}

  File open(const std::string& location) {
    if (in_memory_ != nullptr)
      if (const auto found = in_memory_->find(location); found != in_memory_->end()) return {found->second, nullptr};
    auto& file = mapped_[location];
    if (!file) {
      const std::filesystem::path path = confined(location);
      // Not the target of links, which may be pointed elsewhere later.
      files_.emplace_back(std::filesystem::absolute(folder_ / location));
      file = std::make_shared<const MappedFile>(path);
    }
    return {file->bytes(), file};
  }
  /// An owner of a part of a file, whose memory goes back to the system with it.
  static std::shared_ptr<const void> owner_of(std::span<const std::byte> part, const File& file) {
    if (file.mapped == nullptr) return nullptr;
    return {part.data(), [part, mapped = file.mapped](const void*) { mapped->release(part); }};
  }
  /// The raw data of a tensor, where it was taken out of the message; else null.
  [[nodiscard]] std::shared_ptr<const std::string> raw_data(const onnx::TensorProto& tensor) const {
    if (raw_data_ == nullptr) return nullptr;
    const auto found = raw_data_->find(&tensor);
    return found != raw_data_->end() ? found->second : nullptr;
  }
  [[nodiscard]] const Limits& limits() const noexcept { return limits_; }
  /// Those that have been mapped.
  [[nodiscard]] const std::vector<SourceFile>& files() const noexcept { return files_; }

 private:
  std::filesystem::path confined(const std::string& location) const {
    namespace fs = std::filesystem;
    const fs::path relative(location);
    std::error_code error;
    const fs::path root = fs::weakly_canonical(folder_.empty() ? fs::path(".") : folder_, error);
    const fs::path target = fs::weakly_canonical(root / relative, error);
    const bool inside = std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
    if (location.empty() || relative.is_absolute() || !inside || error) {
      fail(ErrorCode::invalid_graph, "the external data '", location, "' is not inside the folder of the model");
    }
    return target;
  }

  std::filesystem::path folder_;
  const std::map<std::string, std::span<const std::byte>>* in_memory_;
  const RawData* raw_data_;
  Limits limits_;
  std::unordered_map<std::string, std::shared_ptr<const MappedFile>> mapped_;
  std::vector<SourceFile> files_;
};

/// The bytes of `constant` in memory of their own, aligned for any kernel.
inline Constant aligned_copy(const TensorRef& tensor) {
  auto value = std::make_shared<Value>(Value::copy_of(tensor));
  const TensorRef ref = value->ref();
  return {ref, std::move(value)};
}

template <class To, class Repeated>
Constant converted(const Shape& shape, DType dtype, const Repeated& from) {
  auto value = std::make_shared<Value>(Value::tensor(dtype, shape));
  const TensorRef ref = value->ref();
  std::transform(from.begin(), from.end(), ref.as<To>(), [](auto element) { return static_cast<To>(element); });
  return {ref, std::move(value)};
}

/// The constant of a TensorProto. It refers into `owner`, which holds the message, to external data or into a mapped file, wherever the
/// layout allows. With a null `owner` it does not refer into the message.
/// Errors: invalid_graph when size and shape disagree or the data lie outside their file; no_such_file.
inline Constant read_tensor(const onnx::TensorProto& proto, const std::shared_ptr<const void>& owner, ExternalData& external) {
  const auto broken = [&](const auto&... why) { fail(ErrorCode::invalid_graph, "the tensor '", proto.name(), "' ", why...); };
  Shape shape;
  for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
  const DType dtype = read_dtype(proto.data_type());
  const std::size_t bytes = limited_bytes(dtype, shape, external.limits());
  const std::size_t elements = static_cast<std::size_t>(shape.elements());

  const auto refer = [&](const void* data, const std::shared_ptr<const void>& keeper) -> Constant {
    const TensorRef ref{const_cast<void*>(data), dtype, shape};
    const std::size_t alignment = std::min<std::size_t>(std::max<std::size_t>(element_size(dtype), 1), 8);
    if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0) return aligned_copy(ref);
    return {ref, keeper};
  };
  const auto refer_message = [&](const void* data) {
    return owner != nullptr ? refer(data, owner) : aligned_copy({const_cast<void*>(data), dtype, shape});
  };

  if (proto.has_data_location() && proto.data_location() == onnx::TensorProto::EXTERNAL) {
    std::string location;
    std::uint64_t offset = 0;
    std::uint64_t length = bytes;
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
      const auto number = [&](std::uint64_t& to) {
        const auto [end, error] = std::from_chars(entry.value().data(), entry.value().data() + entry.value().size(), to);
        if (error != std::errc{} || end != entry.value().data() + entry.value().size()) broken("has a malformed external ", entry.key());
      };
      if (entry.key() == "offset") number(offset);
      if (entry.key() == "length") number(length);
    }
    if (dtype == DType::string) broken("holds strings, which external data cannot");
    const ExternalData::File file = external.open(location);
    const std::size_t size = file.bytes.size();
    if (length != bytes) broken("needs ", bytes, " bytes, but its external data has ", length);
    if (offset > size || bytes > size - offset) broken("lies beyond the end of '", location, "'");
    if (bytes == 0) return aligned_copy({nullptr, dtype, shape});
    const std::span<const std::byte> part = file.bytes.subspan(static_cast<std::size_t>(offset), bytes);
    return refer(part.data(), ExternalData::owner_of(part, file));
  }
  if (proto.has_raw_data()) {
    if (dtype == DType::string) broken("holds strings as raw data, which ONNX does not allow");
    const std::shared_ptr<const std::string> taken = external.raw_data(proto);
    const std::string& raw = taken != nullptr ? *taken : proto.raw_data();
    if (raw.size() != bytes) broken("needs ", bytes, " bytes, but has ", raw.size());
    return taken != nullptr ? refer(raw.data(), taken) : refer_message(raw.data());
  }

  const auto expect = [&](std::size_t wanted, int found) {
    if (static_cast<std::size_t>(found) != wanted) broken("needs ", wanted, " elements, but has ", found);
  };
  switch (dtype) {
    case DType::float32:
      expect(elements, proto.float_data_size());
      return refer_message(proto.float_data().data());
    case DType::complex64:
      expect(elements * 2, proto.float_data_size());
      return refer_message(proto.float_data().data());
    case DType::float64:
      expect(elements, proto.double_data_size());
      return refer_message(proto.double_data().data());
    case DType::complex128:
      expect(elements * 2, proto.double_data_size());
      return refer_message(proto.double_data().data());
    case DType::int64:
      expect(elements, proto.int64_data_size());
      return refer_message(proto.int64_data().data());
    case DType::uint64:
      expect(elements, proto.uint64_data_size());
      return refer_message(proto.uint64_data().data());
    case DType::int32:
      expect(elements, proto.int32_data_size());
      return refer_message(proto.int32_data().data());
    case DType::uint32:
      expect(elements, proto.uint64_data_size());
      return converted<std::uint32_t>(shape, dtype, proto.uint64_data());
    case DType::string: {
      expect(elements, proto.string_data_size());
      auto value = std::make_shared<Value>(Value::tensor(dtype, shape));
      const TensorRef ref = value->ref();
      std::copy(proto.string_data().begin(), proto.string_data().end(), ref.as<std::string>());
      return {ref, std::move(value)};
    }
    default:
      break;
  }
  // Everything of 16 bits or less travels in int32_data: one entry per element, or per byte of elements of 2 and 4 bits.
  const bool by_byte = bit_width(dtype) == 2 || bit_width(dtype) == 4;
  expect(by_byte ? bytes : elements, proto.int32_data_size());
  if (bit_width(dtype) == 6) {
    auto value = std::make_shared<Value>(Value::tensor(dtype, shape));
    const TensorRef ref = value->ref();
    std::int64_t i = 0;
    for (const std::int32_t code : proto.int32_data()) {
      if (code < 0 || code >= 1 << 6) broken("has element ", code, ", which is no ", name(dtype));
      append_packed_bits(ref.as<std::uint8_t>(), i++, 6, static_cast<unsigned>(code));
    }
    return {ref, std::move(value)};
  }
  return element_size(dtype) == 2 ? converted<std::uint16_t>(shape, dtype, proto.int32_data())
                                  : converted<std::uint8_t>(shape, dtype, proto.int32_data());
}

/// A dense tensor with the elements of a SparseTensorProto, zero elsewhere.
inline Constant read_sparse_tensor(const onnx::SparseTensorProto& proto, const std::shared_ptr<const void>& owner, ExternalData& external) {
  const Constant values = read_tensor(proto.values(), owner, external);
  const Constant indices = read_tensor(proto.indices(), owner, external);
  Shape shape;
  for (const std::int64_t dim : proto.dims()) shape.push_back(dim);
  const std::size_t size = element_size(values.tensor.dtype);
  const std::int64_t count = values.tensor.elements();
  const bool linear = indices.tensor.shape.rank() == 1;
  if (size == 0 || values.tensor.dtype == DType::string || indices.tensor.dtype != DType::int64 ||
      indices.tensor.elements() != (linear ? count : count * static_cast<std::int64_t>(shape.rank()))) {
    fail(ErrorCode::invalid_graph, "the sparse tensor '", proto.values().name(), "' is malformed");
  }
  (void)limited_bytes(values.tensor.dtype, shape, external.limits());
  auto value = std::make_shared<Value>(Value::tensor(values.tensor.dtype, shape));
  const TensorRef ref = value->ref();
  std::memset(ref.data, 0, ref.bytes());
  const auto* index = indices.tensor.as<const std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t at = linear ? index[i] : 0;
    bool inside = !linear || (at >= 0 && at < ref.elements());
    for (std::size_t axis = 0; !linear && axis < shape.rank(); ++axis) {
      const std::int64_t position = index[static_cast<std::size_t>(i) * shape.rank() + axis];
      inside = inside && position >= 0 && position < shape[axis];
      if (inside) at += position * shape.stride(axis);
    }
    if (!inside) fail(ErrorCode::invalid_graph, "the sparse tensor '", proto.values().name(), "' has an index outside its shape");
    std::memcpy(ref.as<std::byte>() + static_cast<std::size_t>(at) * size,
                values.tensor.as<std::byte>() + static_cast<std::size_t>(i) * size, size);
  }
  return {ref, std::move(value)};
}

}  // namespace hone::inline HONE_ABI::detail
