#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/value.hpp>
#include <hone/fwd.hpp>
#include <hone/session/model_interface.hpp>

namespace hone::inline HONE_ABI {

/// The inputs and outputs of a session, bound to memory once and used run after run:
///
///     hone::IoBinding binding = session.io_binding();
///     binding.bind_input("x", x);      // read in place
///     binding.bind_output("y", y);     // written in place
///     binding.bind_output("z");        // allocated by the session, of whatever shape it turns out to be
///     session.run(binding);
///     binding.output("z").view<float>();
///
/// Names and types are checked when they are bound, shapes when the session runs. A run copies nothing between the caller's memory and the
/// nodes, and from the second run of the same shapes on makes no heap call. Bound memory must outlive the runs, and stay where it is;
/// outputs must not overlap inputs. Fill the input again, or bind another, between runs.
///
/// A binding belongs to the model of the session that made it and survives Session::set_providers. One run at a time may use it.
class IoBinding {
 public:
  IoBinding(IoBinding&&) noexcept = default;
  IoBinding& operator=(IoBinding&&) noexcept = default;

  /// Binds an input, or an initializer that can be overridden; replaces what was bound.
  /// Errors: invalid_argument for an unknown name, a wrong type, rank or dimension, no or misaligned memory.
  void bind_input(std::string_view name, const ValueRef& value) {
    const std::size_t at = interface_->input_index(name);
    interface_->check_feed(at, value);
    inputs_[at] = value;
  }
  /// Binds an output to the caller's tensor, which must have the type and, when the session runs, the shape of the result; or to a Value,
  /// which the session allocates again when they differ.
  /// Errors: invalid_argument for an unknown name or a wrong type.
  void bind_output(std::string_view name, const ResultRef& result) {
    const std::size_t at = interface_->output_index(name);
    interface_->check_result(at, result);
    outputs_[at] = result;
  }
  /// Lets the session allocate the output; its memory is kept for the next run. Errors: invalid_argument for an unknown name.
  void bind_output(std::string_view name) {
    const std::size_t at = interface_->output_index(name);
    outputs_[at] = ResultRef(allocated_[at]);
  }

  /// The result of an output that the session allocates, as of the last run; empty before the first one.
  /// Errors: invalid_argument for an unknown name, or an output that is bound to the caller's memory.
  [[nodiscard]] const Value& output(std::string_view name) const {
    const std::size_t at = interface_->output_index(name);
    if (!outputs_[at] || outputs_[at]->value() != &allocated_[at]) {
      fail(ErrorCode::invalid_argument, "the output '", name, outputs_[at] ? "' is bound to memory of the caller" : "' is not bound");
    }
    return allocated_[at];
  }
  /// The names of the bound outputs, in the order of the model.
  [[nodiscard]] std::vector<std::string> bound_outputs() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i]) names.push_back(interface_->outputs[i].name);
    return names;
  }

  /// Unbinds all inputs.
  void clear_inputs() noexcept { std::fill(inputs_.begin(), inputs_.end(), std::nullopt); }
  /// Unbinds all outputs, and frees what was allocated for them.
  void clear_outputs() noexcept {
    std::fill(outputs_.begin(), outputs_.end(), std::nullopt);
    for (Value& value : allocated_) value = Value();
  }

 private:
  friend class Session;

  explicit IoBinding(std::shared_ptr<const detail::ModelInterface> interface)
      : interface_(std::move(interface)),
        inputs_(interface_->inputs.size() + interface_->overridable.size()),
        outputs_(interface_->outputs.size()),
        allocated_(interface_->outputs.size()) {}

  std::shared_ptr<const detail::ModelInterface> interface_;
  std::vector<std::optional<ValueRef>> inputs_;    // by ModelInterface::input_index
  std::vector<std::optional<ResultRef>> outputs_;  // by output
  std::vector<Value> allocated_;                   // by output
};

}  // namespace hone::inline HONE_ABI
