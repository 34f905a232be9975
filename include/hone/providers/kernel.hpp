#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <hone/config.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/text.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/core/value.hpp>
#include <hone/graph/graph.hpp>

namespace hone::inline HONE_ABI {

/// Whether a kernel can run a node; a refusal says why.
struct Support {
  bool supported = true;
  std::string reason;

  [[nodiscard]] static Support yes() { return {}; }
  template <class... Pieces>
  [[nodiscard]] static Support no(const Pieces&... pieces) {
    return {false, text(pieces...)};
  }
  explicit operator bool() const noexcept { return supported; }
};

/// A node in its graph, as kernels see it while a session is created.
class NodeView {
 public:
  NodeView(const Graph& graph, const Node& node) : graph_(&graph), node_(&node) {}

  [[nodiscard]] const Graph& graph() const noexcept { return *graph_; }
  [[nodiscard]] const Node& node() const noexcept { return *node_; }
  /// The members of the operator, which must be an Op.
  template <class Op>
  [[nodiscard]] const Op& op() const noexcept {
    return *node_->as<Op>();
  }
  [[nodiscard]] std::size_t input_count() const noexcept { return node_->inputs.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return node_->outputs.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < node_->inputs.size() && node_->inputs[i] != no_value; }
  [[nodiscard]] bool has_output(std::size_t i) const noexcept { return i < node_->outputs.size() && node_->outputs[i] != no_value; }
  /// Unknown type for an omitted input.
  [[nodiscard]] Type input_type(std::size_t i) const { return has_input(i) ? (*graph_)[node_->inputs[i]].type : Type(); }
  [[nodiscard]] Type output_type(std::size_t i) const { return has_output(i) ? (*graph_)[node_->outputs[i]].type : Type(); }
  [[nodiscard]] DType input_dtype(std::size_t i) const { return input_type(i).is_tensor() ? input_type(i).dtype : DType::undefined; }
  [[nodiscard]] DType output_dtype(std::size_t i) const { return output_type(i).is_tensor() ? output_type(i).dtype : DType::undefined; }
  /// The input when its elements are known for good, else null. Kernels pack such weights when they are made.
  [[nodiscard]] const TensorRef* constant(std::size_t i) const noexcept {
    if (!has_input(i)) return nullptr;
    const auto& constant = (*graph_)[node_->inputs[i]].constant;
    return constant ? &constant->tensor : nullptr;
  }

 private:
  const Graph* graph_;
  const Node* node_;
};

/// Where a value stands while a graph runs. Tensors are in `tensor`; sequences, optionals and maps in `object`.
struct Slot {
  TensorRef tensor;
  /// Memory of a tensor whose size is not planned.
  Buffer storage;
  Value object;

  /// Makes `tensor` a tensor of its own memory, which is kept and reused from run to run.
  void allocate(DType dtype, const Shape& shape) {
    const std::size_t bytes = checked_bytes(dtype, shape);
    if (dtype == DType::string) {
      storage = Buffer(dtype, shape);
    } else {
      storage.reserve(bytes);
    }
    tensor = {storage.data(), dtype, shape};
  }
};

class Context;

/// Runs the subgraphs of a node; implemented by the executor.
class SubgraphRunner {
 public:
  /// Runs subgraph number `subgraph` of the node of `context` with `inputs`, and puts its results into `outputs`, each in memory of its
  /// own. False when a kernel in it has failed; the failure is then that of `context`.
  virtual bool run(Context& context, std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) = 0;

 protected:
  ~SubgraphRunner() = default;
};

/// What a kernel sees while it runs. Inputs and outputs that the node omits are null.
class Context {
 public:
  Context(std::span<Slot* const> inputs, std::span<Slot* const> outputs, ThreadPool& pool)
      : inputs_(inputs), outputs_(outputs), pool_(&pool) {}

  [[nodiscard]] std::size_t input_count() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t output_count() const noexcept { return outputs_.size(); }
  [[nodiscard]] bool has_input(std::size_t i) const noexcept { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] bool has_output(std::size_t i) const noexcept { return i < outputs_.size() && outputs_[i] != nullptr; }
  [[nodiscard]] const TensorRef& input(std::size_t i) const noexcept { return inputs_[i]->tensor; }
  [[nodiscard]] const TensorRef& output(std::size_t i) const noexcept { return outputs_[i]->tensor; }
  template <class T>
  [[nodiscard]] const T* in(std::size_t i) const noexcept {
    return static_cast<const T*>(inputs_[i]->tensor.data);
  }
  template <class T>
  [[nodiscard]] T* out(std::size_t i) const noexcept {
    return static_cast<T*>(outputs_[i]->tensor.data);
  }
  /// Sequences, optionals and maps.
  [[nodiscard]] const Slot& input_slot(std::size_t i) const noexcept { return *inputs_[i]; }
  [[nodiscard]] Slot& output_slot(std::size_t i) const noexcept { return *outputs_[i]; }
  [[nodiscard]] std::span<Slot* const> output_slots() const noexcept { return outputs_; }

  /// Memory for an output whose shape only the kernel knows (OpTraits::data_dependent), kept from run to run.
  /// Errors: std::bad_alloc.
  const TensorRef& allocate(std::size_t i, DType dtype, const Shape& shape) const {
    outputs_[i]->allocate(dtype, shape);
    return outputs_[i]->tensor;
  }

  /// The bytes that `workspace()` of the kernel asked for, aligned to buffer_alignment.
  [[nodiscard]] std::byte* workspace() const noexcept { return workspace_; }
  void set_workspace(std::byte* memory) noexcept { workspace_ = memory; }

  [[nodiscard]] ThreadPool& pool() const noexcept { return *pool_; }
  /// body(begin, end) over [0, count) in blocks of whole multiples of `grain`, on the threads of the session.
  template <class Body>
  void parallel_for(std::int64_t count, std::int64_t grain, Body&& body) const {
    pool_->parallel_for(count, grain, std::forward<Body>(body));
  }

  /// Reports a value that the operator does not allow; the run then ends with an Error that names the node.
  template <class... Pieces>
  void fail(const Pieces&... pieces) {
    failed_ = true;
    failure_ = text(pieces...);
  }
  void fail_as(const Context& inner) {
    failed_ = true;
    failure_ = inner.failure_;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] std::string take_failure() noexcept {
    failed_ = false;
    return std::move(failure_);
  }

  void set_runner(SubgraphRunner* runner) noexcept { runner_ = runner; }
  /// Runs a subgraph of the node: see SubgraphRunner::run.
  bool run_subgraph(std::size_t subgraph, std::span<const Slot* const> inputs, std::span<Slot* const> outputs) {
    return runner_->run(*this, subgraph, inputs, outputs);
  }

 private:
  std::span<Slot* const> inputs_;
  std::span<Slot* const> outputs_;
  ThreadPool* pool_;
  std::byte* workspace_ = nullptr;
  SubgraphRunner* runner_ = nullptr;
  bool failed_ = false;
  std::string failure_;
};

/// A kernel for one node of one session, its type erased. Immutable once made: many runs may share it.
class AnyKernel {
 public:
  virtual ~AnyKernel() = default;
  /// Bytes of scratch for the shapes in `context`, whose tensors have no data yet.
  [[nodiscard]] virtual std::size_t workspace(const Context& context) const = 0;
  virtual void run(Context& context) const = 0;
};

/// The computation of operator Op on a provider for element types T. Specialisations have
///   static Support supports(const NodeView&)      optional; by default the dtype of the deciding input must be T
///   Kernel(const NodeView&, const Device&)        reads attributes, packs constant weights
///   std::size_t workspace(const Context&) const   optional; bytes
///   void run(Context&) const
template <class Op, class Provider, class... T>
class Kernel {
  static_assert(
      sizeof(Op) == 0,
      "there is no kernel for this operator, provider and element type: include its header from kernels/, or take it off the list");
};

/// Element type of kernels that move elements without looking at them: one instantiation per size in bytes.
template <std::size_t Size>
struct Bytes {
  std::byte bytes[Size];
};

namespace detail {

template <class K>
class KernelOf final : public AnyKernel {
 public:
  template <class Device>
  KernelOf(const NodeView& node, const Device& device) : kernel_(node, device) {}
  [[nodiscard]] std::size_t workspace(const Context& context) const override {
    if constexpr (requires { kernel_.workspace(context); }) {
      return kernel_.workspace(context);
    } else {
      return 0;
    }
  }
  void run(Context& context) const override { kernel_.run(context); }

 private:
  K kernel_;
};

template <class T>
struct ElementMatch {
  static bool matches(DType dtype) noexcept { return dtype == dtype_of<T>; }
  static std::string describe() { return std::string(name(dtype_of<T>)); }
};
template <std::size_t Size>
struct ElementMatch<Bytes<Size>> {
  static bool matches(DType dtype) noexcept { return dtype != DType::string && element_size(dtype) == Size; }
  static std::string describe() { return text(Size, "-byte elements"); }
};

/// The dtype by which kernels of Op are chosen: of input `Op::type_input` (0 by default).
template <class Op>
DType deciding_dtype(const NodeView& node) {
  std::size_t deciding = 0;
  if constexpr (requires { Op::type_input; }) deciding = Op::type_input;
  return node.input_dtype(deciding);
}

}  // namespace detail
}  // namespace hone::inline HONE_ABI
