#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/device.hpp>
#include <hone/graph/operator.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// What a provider answers when it is offered a node.
struct Placement {
  std::unique_ptr<AnyKernel> kernel;  ///< null when refused
  std::string name;                   ///< of the kernel, for the report
  std::string refusal;                ///< a sentence, when refused
  /// Whether equal inputs give equal bits, run after run and for any number of threads.
  bool deterministic = true;
};

/// A place where nodes run. A session offers each node to its providers in order of priority.
class Provider {
 public:
  virtual ~Provider() = default;
  /// "CPUExecutionProvider" and the like.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// The operators that it has kernels for: the importer reads nodes by them.
  [[nodiscard]] virtual std::vector<const OpInfo*> operators() const = 0;
  /// A kernel for the node, or why there is none. Called once per node, while a session is created.
  [[nodiscard]] virtual Placement place(const NodeView& node) const = 0;
  /// The device in whose memory its kernels expect their inputs, but for OpTraits::shape_inputs, and leave their outputs; null: the host.
  [[nodiscard]] virtual std::shared_ptr<const Device> device() const { return nullptr; }
  /// Whether place() would give a kernel. Rewrites ask before they fuse nodes.
  [[nodiscard]] virtual bool supports(const NodeView& node) const { return place(node).kernel != nullptr; }
  /// Whether the other provider has the same operators, places every node alike and makes the same kernels: sessions of one model with
  /// equal providers share those. An equivalence; by default a provider is equal to itself alone. It may be called at any time while a
  /// session with the provider lives, and creates no session.
  [[nodiscard]] virtual bool is_equal(const Provider& other) const noexcept { return this == &other; }
};

class AnyProvider;

/// Names of the providers that this program has: "CPUExecutionProvider". Defined in <hone/providers/cpu.hpp>.
[[nodiscard]] std::vector<std::string> available_providers();
/// The provider of that name with its default options; "cpu" is short for "CPUExecutionProvider". Defined in <hone/providers/cpu.hpp>.
/// Errors: invalid_argument that lists the names there are.
[[nodiscard]] AnyProvider provider_named(std::string_view name);

/// Any provider, as SessionOptions holds it: made from whatever has `provider()`, such as hone::Cpu, or from a user's own Provider.
class AnyProvider {
 public:
  template <std::derived_from<Provider> P>
  AnyProvider(std::shared_ptr<P> provider) : provider_(std::move(provider)) {}
  AnyProvider(std::shared_ptr<const Provider> provider) : provider_(std::move(provider)) {}
  template <class P>
  requires requires(const P& options) {
    { options.provider() } -> std::convertible_to<std::shared_ptr<const Provider>>;
  }
  AnyProvider(const P& options) : provider_(options.provider()) {}
  /// By name: see provider_named.
  AnyProvider(std::string_view name) : AnyProvider(provider_named(name)) {}
  AnyProvider(const std::string& name) : AnyProvider(std::string_view(name)) {}
  AnyProvider(const char* name) : AnyProvider(std::string_view(name)) {}

  [[nodiscard]] const Provider& operator*() const noexcept { return *provider_; }
  [[nodiscard]] const Provider* operator->() const noexcept { return provider_.get(); }
  friend bool operator==(const AnyProvider& a, const AnyProvider& b) noexcept {
    return a.provider_ == b.provider_ || a.provider_->is_equal(*b.provider_);
  }

 private:
  std::shared_ptr<const Provider> provider_;
};

}  // namespace hone::inline HONE_ABI
