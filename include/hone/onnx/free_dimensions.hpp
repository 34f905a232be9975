#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/onnx/type_proto.hpp>

namespace hone::inline HONE_ABI::detail {

/// Reads declared dimensions, and gives sizes to those that the caller has fixed.
class FreeDimensions {
 public:
  using Sizes = std::map<std::string, std::int64_t>;

  /// Null: none.
  FreeDimensions(const Sizes* by_name, const Sizes* by_denotation) : by_name_(by_name), by_denotation_(by_denotation) {}

  /// The dimensions that a tensor type declares, when it does.
  std::optional<std::vector<Dim>> read(const onnx::TypeProto& proto) {
    std::optional<std::vector<Dim>> dims = read_dims(proto);
    if (!dims || (by_name_ == nullptr && by_denotation_ == nullptr)) return dims;
    for (std::size_t i = 0; i < dims->size(); ++i) {
      Dim& dim = (*dims)[i];
      if (dim.value >= 0) continue;
      const std::string& denotation = proto.tensor_type().shape().dim(static_cast<int>(i)).denotation();
      const std::int64_t* by_name = find(by_name_, dim.symbol, names_);
      const std::int64_t* by_denotation = find(by_denotation_, denotation, denotations_);
      if (by_name != nullptr || by_denotation != nullptr) dim.value = by_name != nullptr ? *by_name : *by_denotation;
    }
    return dims;
  }

  /// Errors: invalid_argument when a size is given for a dimension that read() has not met; lists those that it has.
  void check_all_used() const {
    check(by_name_, names_, "name");
    check(by_denotation_, denotations_, "denotation");
  }

 private:
  static const std::int64_t* find(const Sizes* sizes, const std::string& key, std::set<std::string>& met) {
    if (key.empty()) return nullptr;
    met.insert(key);
    if (sizes == nullptr) return nullptr;
    const auto found = sizes->find(key);
    return found != sizes->end() ? &found->second : nullptr;
  }

  static void check(const Sizes* sizes, const std::set<std::string>& met, const char* kind) {
    if (sizes == nullptr) return;
    for (const auto& [key, size] : *sizes) {
      if (met.contains(key)) continue;
      fail(ErrorCode::invalid_argument, "the model has no free dimension of the ", kind, " '", key,
           "'; it has: ", met.empty() ? std::string("none") : join(met, ", "));
    }
  }

  const Sizes* by_name_;
  const Sizes* by_denotation_;
  std::set<std::string> names_;
  std::set<std::string> denotations_;
};

}  // namespace hone::inline HONE_ABI::detail
