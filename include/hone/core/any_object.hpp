#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Owns one object of any type. Unlike a virtual destructor, it costs no code per type that has nothing to destroy.
class AnyObject {
 public:
  /// An object of type T.
  template <class T, class... Arguments>
  [[nodiscard]] static AnyObject make(Arguments&&... arguments) {
    static_assert(alignof(T) <= alignment);
    AnyObject result(sizeof(T));
    new (result.memory_) T(static_cast<Arguments&&>(arguments)...);
    if constexpr (!std::is_trivially_destructible_v<T>) result.destroy_ = &destroy<T>;
    return result;
  }

  AnyObject(AnyObject&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), destroy_(std::exchange(other.destroy_, nullptr)) {}
  AnyObject& operator=(AnyObject&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  ~AnyObject() {
    if (destroy_ != nullptr) destroy_(memory_);
    if (memory_ != nullptr) ::operator delete (memory_, std::align_val_t{alignment});
  }

  /// Precondition: the object is a T.
  template <class T>
  [[nodiscard]] const T& as() const noexcept {
    return *static_cast<const T*>(memory_);
  }
  [[nodiscard]] const void* get() const noexcept { return memory_; }

 private:
  static constexpr std::size_t alignment = 64;

  HONE_COLD explicit AnyObject(std::size_t bytes) : memory_(::operator new (bytes, std::align_val_t{alignment})) {}

  template <class T>
  HONE_COLD static void destroy(void* object) noexcept {
    static_cast<T*>(object)->~T();
  }

  void* memory_;
  void (*destroy_)(void*) noexcept = nullptr;
};

}  // namespace hone::inline HONE_ABI
