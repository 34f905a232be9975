#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>

namespace hone::inline HONE_ABI {

/// The operators that a session knows: those its providers have kernels for.
class OpRegistry {
 public:
  void add(const OpInfo* op) {
    auto& definitions = by_name_[key(op->domain, op->name)];
    for (const OpInfo* known : definitions)
      if (known == op) return;
    definitions.push_back(op);
  }

  /// The definition that reads version `opset` of the operator; null when there is none.
  [[nodiscard]] const OpInfo* find(std::string_view domain, std::string_view name, int opset) const {
    const auto found = by_name_.find(key(domain, name));
    if (found == by_name_.end()) return nullptr;
    for (const OpInfo* op : found->second)
      if (op->since <= opset && opset <= op->until) return op;
    return nullptr;
  }
  [[nodiscard]] bool knows(std::string_view domain, std::string_view name) const { return by_name_.contains(key(domain, name)); }

 private:
  static std::string key(std::string_view domain, std::string_view name) {
    std::string result(domain);
    result += ':';
    result += name;
    return result;
  }
  std::unordered_map<std::string, std::vector<const OpInfo*>> by_name_;
};

}  // namespace hone::inline HONE_ABI
