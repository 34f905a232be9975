#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// A reference to something callable: two pointers, no ownership, no allocation.
/// Precondition: the callable outlives the reference. Meant for parameters, where that always holds.
template <class Signature>
class FunctionRef;

template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<R, F&, Args...>)
      // NOLINTNEXTLINE(google-explicit-constructor): a parameter type is useful only when callables convert to it
      FunctionRef(F&& callable)
  noexcept {
    using Callable = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Callable>) {
      target_.function = reinterpret_cast<void (*)()>(std::addressof(callable));
      call_ = [](Target target, Args... args) -> R { return reinterpret_cast<Callable*>(target.function)(std::forward<Args>(args)...); };
    } else {
      target_.object = const_cast<void*>(static_cast<const volatile void*>(std::addressof(callable)));
      call_ = [](Target target, Args... args) -> R { return (*static_cast<Callable*>(target.object))(std::forward<Args>(args)...); };
    }
  }

  R operator()(Args... args) const { return call_(target_, std::forward<Args>(args)...); }

 private:
  union Target {
    void* object;
    void (*function)();
  };

  Target target_;
  R (*call_)(Target, Args...);
};

}  // namespace hone::inline HONE_ABI
