#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/text.hpp>

namespace hone::inline HONE_ABI {

/// What kind of thing went wrong. The names are those of the ONNX Runtime status codes.
enum class ErrorCode : std::uint8_t {
  invalid_argument,    ///< a feed, option or call that does not fit the model
  no_such_file,        ///< a path that cannot be opened
  invalid_protobuf,    ///< bytes that are not a serialized ONNX model
  invalid_graph,       ///< a model that breaks a rule of ONNX
  not_implemented,     ///< nodes that no provider can run
  resource_exhausted,  ///< a limit of SessionOptions, or memory, ran out
  runtime_exception,   ///< a value met while running that the operator does not allow
  cancelled,           ///< the caller asked to stop
};

[[nodiscard]] constexpr std::string_view name(ErrorCode code) noexcept {
  constexpr std::string_view names[] = {"invalid_argument", "no_such_file",       "invalid_protobuf",  "invalid_graph",
                                        "not_implemented",  "resource_exhausted", "runtime_exception", "cancelled"};
  return names[static_cast<std::size_t>(code)];
}

/// The one exception type of hone. `what()` is a complete sentence; node() and op() say where, when a node is to blame.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  Error(ErrorCode code, std::string message, std::string node, std::string op, int opset = 0)
      : code_(code),
        message_(text("node '", node, "' (", op, opset > 0 ? text(", opset ", opset) : std::string{}, "): ", message)),
        node_(std::move(node)),
        op_(std::move(op)),
        opset_(opset) {}

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  /// Name of the node, empty when no single node is to blame.
  [[nodiscard]] const std::string& node() const noexcept { return node_; }
  /// Operator of that node, such as "Conv".
  [[nodiscard]] const std::string& op() const noexcept { return op_; }
  /// Opset version by which that node was read, 0 when no node is to blame.
  [[nodiscard]] int opset() const noexcept { return opset_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string node_;
  std::string op_;
  int opset_ = 0;
};

namespace detail {

[[noreturn]] HONE_COLD inline void throw_error(ErrorCode code, std::initializer_list<TextPiece> message) {
  throw Error(code, concatenated(message));
}

}  // namespace detail

/// Throws an Error whose message is the concatenation of `pieces`.
template <class... Pieces>
[[noreturn]] void fail(ErrorCode code, const Pieces&... pieces) {
  detail::throw_error(code, {TextPiece(pieces)...});
}

}  // namespace hone::inline HONE_ABI
