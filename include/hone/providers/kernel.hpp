#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/any_object.hpp>
#include <hone/core/buffer.hpp>
#include <hone/core/device.hpp>
#include <hone/core/function_ref.hpp>
#include <hone/core/limits.hpp>
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

/// Shows tensors of some types as tensors of a wider one, to a kernel that another one converts for.
struct Widening {
  DTypeSet from{};
  DType to = DType::undefined;
  InputSet shape_inputs = 0;
  /// One per input: constants of the types `from` in the wider type, else none.
  std::vector<std::optional<Constant>> constants;

  [[nodiscard]] Type operator()(const Type& type) const { return type.is_tensor() && from.contains(type.dtype) ? Type(to) : type; }
};

/// A node in its graph, as kernels see it while a session is created.
class NodeView {
 public:
  NodeView(const Graph& graph, const Node& node) : graph_(&graph), node_(&node) {}
  /// The node as `widening`, which must outlive the view, shows it.
  NodeView(const NodeView& node, const Widening& widening) : graph_(node.graph_), node_(node.node_), widening_(&widening) {}

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
  [[nodiscard]] Type input_type(std::size_t i) const { return has_input(i) ? type_of(node_->inputs[i]) : Type(); }
  [[nodiscard]] Type output_type(std::size_t i) const { return has_output(i) ? type_of(node_->outputs[i]) : Type(); }
  [[nodiscard]] DType input_dtype(std::size_t i) const { return input_type(i).is_tensor() ? input_type(i).dtype : DType::undefined; }
  [[nodiscard]] DType output_dtype(std::size_t i) const { return output_type(i).is_tensor() ? output_type(i).dtype : DType::undefined; }
  /// The input when its elements are known for good, else null. Kernels pack such weights when they are made.
  [[nodiscard]] const TensorRef* constant(std::size_t i) const noexcept {
    if (!has_input(i)) return nullptr;
    if (widening_ != nullptr && widening_->constants[i]) return &widening_->constants[i]->tensor;
    const auto& constant = (*graph_)[node_->inputs[i]].constant;
    return constant ? &constant->tensor : nullptr;
  }

 private:
  [[nodiscard]] Type type_of(ValueId id) const {
    const Type& type = (*graph_)[id].type;
    return widening_ != nullptr ? (*widening_)(type) : type;
  }

  const Graph* graph_;
  const Node* node_;
  const Widening* widening_ = nullptr;
};

/// Where a value stands while a graph runs. Tensors are in `tensor`; sequences, optionals and maps in `object`.
struct Slot {
  TensorRef tensor;
  /// Memory of a tensor whose size is not planned.
  Buffer storage;
  Value object;
  /// Null: none.
  const Limits* limits = nullptr;
  /// Where the tensor is; null: in the memory of the host.
  const Device* device = nullptr;

  /// Makes `tensor` a tensor of its own memory, which is kept and reused from run to run.
  /// Errors: resource_exhausted beyond a limit; std::bad_alloc.
  void allocate(DType dtype, const Shape& shape) {
    const std::size_t bytes = limits != nullptr ? limited_bytes(dtype, shape, *limits) : checked_bytes(dtype, shape);
    if (dtype == DType::string) {
      storage = Buffer(dtype, shape);
    } else {
      storage.reserve(bytes, device);
    }
    tensor = {storage.data(), dtype, shape};
  }
};

/// Memory of a kernel that cannot be planned, kept from run to run: see Context::kept.
class KernelMemory {
 public:
  KernelMemory() = default;
  KernelMemory(const KernelMemory&) = delete;
  KernelMemory& operator=(const KernelMemory&) = delete;
  virtual ~KernelMemory() = default;
  [[nodiscard]] virtual std::size_t bytes() const noexcept = 0;
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
  [[nodiscard]] std::span<Slot* const> input_slots() const noexcept { return inputs_; }

  /// What the session may use; null when that is not limited.
  [[nodiscard]] const Limits* limits() const noexcept {
    for (const Slot* slot : outputs_)
      if (slot != nullptr) return slot->limits;
    return nullptr;
  }

  /// Memory for an output whose shape only the kernel knows (OpTraits::data_dependent), kept from run to run.
  /// Errors: resource_exhausted, beyond a limit of the session too.
  const TensorRef& allocate(std::size_t i, DType dtype, const Shape& shape) const {
    outputs_[i]->allocate(dtype, shape);
    return outputs_[i]->tensor;
  }

  /// The bytes that `workspace()` of the kernel asked for, aligned to buffer_alignment.
  [[nodiscard]] std::byte* workspace() const noexcept { return workspace_; }
  void set_workspace(std::byte* memory) noexcept { workspace_ = memory; }

  /// Where a kernel of a device puts its work; null for kernels of the host.
  [[nodiscard]] DeviceQueue* queue() const noexcept { return queue_; }
  void set_queue(DeviceQueue* queue) noexcept { queue_ = queue; }

  /// The object of type T that the kernel had in the last run of this node in this context, a new one in the first: memory that is taken
  /// once. A kernel asks for one type alone. Precondition: the kernel runs in a session, as those of nodes with subgraphs always do.
  template <class T>
  [[nodiscard]] T& kept() const {
    if (*kept_ == nullptr) *kept_ = std::make_unique<T>();
    return static_cast<T&>(**kept_);
  }
  void set_kept(std::unique_ptr<KernelMemory>* memory) noexcept { kept_ = memory; }

  [[nodiscard]] ThreadPool& pool() const noexcept { return *pool_; }
  /// body(begin, end) over [0, count) in blocks of whole multiples of `grain`, on the threads of the session.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> body) const {
    pool_->parallel_for(count, grain, body);
  }
  /// body(begin, end, slot): see ThreadPool::parallel_for.
  void parallel_for(std::int64_t count, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t, int)> body) const {
    pool_->parallel_for(count, grain, body);
  }

  /// Reports a value that the operator does not allow; the run then ends with an Error that names the node.
  template <class... Pieces>
  void fail(const Pieces&... pieces) {
    set_failure({TextPiece(pieces)...});
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
  HONE_COLD void set_failure(std::initializer_list<TextPiece> pieces) {
    failed_ = true;
    failure_ = detail::concatenated(pieces);
  }

  std::span<Slot* const> inputs_;
  std::span<Slot* const> outputs_;
  ThreadPool* pool_;
  std::byte* workspace_ = nullptr;
  DeviceQueue* queue_ = nullptr;
  std::unique_ptr<KernelMemory>* kept_ = nullptr;
  SubgraphRunner* runner_ = nullptr;
  bool failed_ = false;
  std::string failure_;
};

/// A kernel for one node of one session, its type erased. Immutable once made: many runs may share it.
class AnyKernel {
 public:
  virtual ~AnyKernel() = default;
  /// Bytes of scratch for the shapes in `context`, whose tensors have no data yet. None by default.
  [[nodiscard]] virtual std::size_t workspace(const Context&) const { return 0; }
  /// Constant inputs that the kernel has packed: it knows their shapes from the context, but never reads their elements again, which may be
  /// gone (their data are then null). None by default.
  [[nodiscard]] virtual InputSet packed_inputs() const { return 0; }
  virtual void run(Context& context) const = 0;
};

/// The computation of operator Op on a provider for element types T. Specialisations have
///   static Support supports(const NodeView&)      optional; asked when the deciding input holds T
///   Kernel(const NodeView&, const Device&)        reads attributes, packs constant weights
///   std::size_t workspace(const Context&) const   optional; bytes
///   InputSet packed_inputs() const                optional; see AnyKernel
///   void run(Context&) const
///   using Shared                                  optional; a base that runs the kernels of many Op and T, which add nothing to it
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

/// The element type of an entry of a kernel list, as data.
struct ElementKind {
  DType dtype = DType::undefined;  ///< undefined for bytes of any type
  std::uint8_t size = 0;           ///< bytes; 0 together with DType::undefined for a kernel without an element type

  [[nodiscard]] bool any() const noexcept { return dtype == DType::undefined && size == 0; }
  [[nodiscard]] bool matches(DType of) const noexcept {
    if (any()) return true;
    return dtype != DType::undefined ? of == dtype : of != DType::string && element_size(of) == size;
  }
};

/// "float", "4-byte elements", or nothing.
[[nodiscard]] inline std::string to_string(const ElementKind& kind) {
  if (kind.any()) return {};
  return kind.dtype != DType::undefined ? to_string(kind.dtype) : text(int{kind.size}, "-byte elements");
}

namespace detail {

template <class T>
struct KindOf {
  static constexpr ElementKind value{dtype_of<T>, 0};
};
template <std::size_t Size>
struct KindOf<Bytes<Size>> {
  static constexpr ElementKind value{DType::undefined, Size};
};

/// How a kernel of one type is run. `workspace` is null when it needs none, `packed_inputs` when it packs none.
struct KernelFunctions {
  void (*run)(const void* kernel, Context&);
  std::size_t (*workspace)(const void* kernel, const Context&);
  InputSet (*packed_inputs)(const void* kernel);
};

template <class K>
void run_kernel(const void* kernel, Context& context) {
  static_cast<const K*>(kernel)->run(context);
}
template <class K>
std::size_t kernel_workspace(const void* kernel, const Context& context) {
  return static_cast<const K*>(kernel)->workspace(context);
}
template <class K>
InputSet kernel_packed_inputs(const void* kernel) {
  return static_cast<const K*>(kernel)->packed_inputs();
}

template <class K>
inline constexpr KernelFunctions kernel_functions = [] {
  KernelFunctions functions{&run_kernel<K>, nullptr, nullptr};
  if constexpr (requires(const K& kernel, const Context& context) { kernel.workspace(context); })
    functions.workspace = &kernel_workspace<K>;
  if constexpr (requires(const K& kernel) { kernel.packed_inputs(); }) functions.packed_inputs = &kernel_packed_inputs<K>;
  return functions;
}();

/// Any Kernel. One class for all of them, because each class with virtual functions costs time to compile.
class HeldKernel final : public AnyKernel {
 public:
  HeldKernel(AnyObject kernel, const KernelFunctions& functions) : kernel_(std::move(kernel)), functions_(&functions) {}
  [[nodiscard]] std::size_t workspace(const Context& context) const override {
    return functions_->workspace != nullptr ? functions_->workspace(kernel_.get(), context) : 0;
  }
  [[nodiscard]] InputSet packed_inputs() const override {
    return functions_->packed_inputs != nullptr ? functions_->packed_inputs(kernel_.get()) : 0;
  }
  void run(Context& context) const override { functions_->run(kernel_.get(), context); }

 private:
  AnyObject kernel_;
  const KernelFunctions* functions_;
};

[[nodiscard]] HONE_COLD inline std::unique_ptr<AnyKernel> hold(AnyObject kernel, const KernelFunctions& functions) {
  return std::make_unique<HeldKernel>(std::move(kernel), functions);
}

}  // namespace detail
}  // namespace hone::inline HONE_ABI
