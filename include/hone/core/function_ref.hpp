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
  // Written for compile time: this is instantiated for every lambda of every kernel, so nothing of <type_traits> that is a class
  // template of its own stands here.
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
           requires(F & callable, Args... args) { callable(static_cast<Args&&>(args)...); })
      // NOLINTNEXTLINE(google-explicit-constructor): a parameter type is useful only when callables convert to it
      FunctionRef(F&& callable)
  noexcept {
    using Callable = std::remove_reference_t<F>;
    if constexpr (std::is_function_v<Callable>) {
      target_.function = reinterpret_cast<void (*)()>(&callable);
      call_ = &call_function<Callable>;
    } else {
      target_.object = const_cast<void*>(static_cast<const volatile void*>(std::addressof(callable)));
      call_ = &call_object<Callable>;
    }
  }

  R operator()(Args... args) const { return call_(target_, static_cast<Args&&>(args)...); }

 private:
  union Target {
    void* object;
    void (*function)();
  };

  template <class Callable>
  static R call_object(Target target, Args... args) {
    return static_cast<R>((*static_cast<Callable*>(target.object))(static_cast<Args&&>(args)...));
  }
  template <class Callable>
  static R call_function(Target target, Args... args) {
    return static_cast<R>(reinterpret_cast<Callable*>(target.function)(static_cast<Args&&>(args)...));
  }

  Target target_;
  R (*call_)(Target, Args...);
};

}  // namespace hone::inline HONE_ABI
