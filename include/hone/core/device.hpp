#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <hone/config.hpp>

namespace hone::inline HONE_ABI {

/// Work of a device, done in the order in which it is asked for while the host goes on. One run at a time uses a queue.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  /// Copies `bytes` from one memory to another; either may be that of the host. Host memory must stay until wait() returns.
  /// Errors: runtime_exception, with the words of the device.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// Returns when all that was asked for is done. Errors: runtime_exception, for what has failed on the way too.
  virtual void wait() = 0;
};

/// An accelerator with memory of its own. Where memory belongs to a Device, null stands for the host.
class Device {
 public:
  virtual ~Device() = default;
  /// "CUDA device 0 (NVIDIA H200)" and the like.
  [[nodiscard]] virtual std::string name() const = 0;
  /// Memory aligned to 256 bytes at least. Errors: resource_exhausted.
  [[nodiscard]] virtual void* allocate(std::size_t bytes) const = 0;
  /// Gives back what allocate(bytes) gave; waits for work that still uses it.
  virtual void release(void* memory, std::size_t bytes) const noexcept = 0;
  /// Copies before it returns; either memory may be that of the host. Errors: runtime_exception.
  virtual void copy(void* to, const void* from, std::size_t bytes) const = 0;
  [[nodiscard]] virtual std::unique_ptr<DeviceQueue> make_queue() const = 0;
};

}  // namespace hone::inline HONE_ABI
