#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/dtype.hpp>
#include <hone/core/tensor.hpp>

namespace hone::inline HONE_ABI::detail {

/// Name, type and shape of a tensor, without its elements.
inline void write_tensor_header(const TensorRef& tensor, std::string_view name, onnx::TensorProto& to) {
  if (!name.empty()) to.set_name(std::string(name));
  to.set_data_type(static_cast<int>(tensor.dtype));
  for (const std::int64_t dim : tensor.shape) to.add_dims(dim);
}

/// The counterpart of read_tensor(): all types as raw bytes, packed where they are narrower than a byte, but strings.
inline void write_tensor(const TensorRef& tensor, std::string_view name, onnx::TensorProto& to) {
  write_tensor_header(tensor, name, to);
  if (tensor.dtype == DType::string) {
    const auto* texts = tensor.as<const std::string>();
    for (std::int64_t i = 0; i < tensor.elements(); ++i) to.add_string_data(texts[i]);
  } else if (tensor.bytes() == 0) {
    to.set_raw_data(std::string());
  } else {
    to.set_raw_data(tensor.data, tensor.bytes());
  }
}

}  // namespace hone::inline HONE_ABI::detail
