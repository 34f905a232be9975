#include <cstdlib>
#include <cuda_runtime.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

thread_local uint3 threadIdx{}, blockIdx{};
thread_local dim3 blockDim, gridDim;

namespace emulation {

cudaError_t next_launch = cudaSuccess;

namespace {

/// The memory of the device: reserved once, handed out first fit.
class Memory {
 public:
  static constexpr std::size_t size = std::size_t{1} << 33;

  static Memory& instance() {
    static Memory memory;
    return memory;
  }
  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes = (bytes + 511) / 512 * 512;
    std::size_t at = 0;
    for (const auto& [first, length] : taken_) {
      if (first - at >= bytes) break;
      at = first + length;
    }
    if (at + bytes > size) return nullptr;
    taken_.emplace(at, bytes);
    return base_ + at;
  }
  bool release(void* p) {
    const std::lock_guard lock(mutex_);
    return taken_.erase(static_cast<std::size_t>(static_cast<std::byte*>(p) - base_)) == 1;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    if (users_++ == 0) mprotect(base_, size, PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--users_ == 0) mprotect(base_, size, PROT_NONE);
  }

 private:
  Memory() : base_(static_cast<std::byte*>(mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}

  std::byte* base_;
  std::mutex mutex_;
  std::map<std::size_t, std::size_t> taken_;
  int users_ = 0;
};

constexpr unsigned warp_size = 32;
constexpr std::size_t stack_bytes = 64 * 1024;

/// A block whose threads take turns.
struct Block {
  struct Barrier {
    unsigned arrived = 0;
    unsigned generation = 0;
  };
  struct Thread {
    ucontext_t context;
    std::unique_ptr<std::byte[]> stack;
    bool done = false;
  };

  std::vector<Thread> threads;
  std::vector<Barrier> warp_barriers;
  std::vector<std::byte> exchanged;  // 16 bytes per thread
  Barrier barrier;
  unsigned alive = 0;
  unsigned current = 0;
  bool blocked = false;  // whether a thread has ever waited
  ucontext_t scheduler;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
};

thread_local Block* running = nullptr;
std::mutex grid_mutex;  // shared memory is static memory: one grid at a time

void set_thread(unsigned t) { threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y}; }

void yield() {
  Block& block = *running;
  const unsigned self = block.current;
  block.blocked = true;
  swapcontext(&block.threads[self].context, &block.scheduler);
  set_thread(self);
}

void pass(Block::Barrier& barrier, unsigned expected) {
  if (++barrier.arrived >= expected) {
    barrier.arrived = 0;
    ++barrier.generation;
    return;
  }
  const unsigned generation = barrier.generation;
  while (barrier.generation == generation) yield();
}

void thread_main() {
  Block& block = *running;
  block.body(block.argument);
  block.threads[block.current].done = true;
  if (--block.alive != 0 && block.barrier.arrived == block.alive) {
    block.barrier.arrived = 0;
    ++block.barrier.generation;
  }
  swapcontext(&block.threads[block.current].context, &block.scheduler);
}

void run_block(Block& block) {
  const unsigned n = static_cast<unsigned>(block.threads.size());
  block.alive = n;
  block.blocked = false;
  for (Block::Thread& thread : block.threads) thread.done = false;
  block.barrier = {};
  block.warp_barriers.assign((n + warp_size - 1) / warp_size, {});
  const auto resume = [&](unsigned t) {
    block.current = t;
    set_thread(t);
    swapcontext(&block.scheduler, &block.threads[t].context);
  };
  const auto start = [&](unsigned t) {
    Block::Thread& thread = block.threads[t];
    if (thread.stack == nullptr) thread.stack = std::make_unique<std::byte[]>(stack_bytes);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = stack_bytes;
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, &thread_main, 0);
    resume(t);
  };
  start(0);
  if (!block.blocked) {
    // A barrier is for all threads or for none: without one, the others need no fibers.
    for (unsigned t = 1; t < n; ++t) {
      set_thread(t);
      block.body(block.argument);
    }
    return;
  }
  for (unsigned t = 1; t < n; ++t) start(t);
  while (block.alive != 0)
    for (unsigned t = 0; t < n; ++t)
      if (!block.threads[t].done) resume(t);
}

}  // namespace

DeviceAccess::DeviceAccess() { Memory::instance().open(); }
DeviceAccess::~DeviceAccess() { Memory::instance().close(); }

void run_grid(dim3 grid, dim3 block, void (*body)(void*), void* argument) {
  const DeviceAccess access;
  const std::lock_guard lock(grid_mutex);
  static std::map<unsigned, Block> blocks;  // by number of threads, for their stacks
  const unsigned n = block.x * block.y * block.z;
  Block& state = blocks[n];
  state.threads.resize(n);
  state.exchanged.resize(16 * n);
  state.body = body;
  state.argument = argument;
  running = &state;
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = {x, y, z};
        run_block(state);
      }
  running = nullptr;
}

unsigned lane() { return running->current % warp_size; }

void block_barrier() { pass(running->barrier, running->alive); }

void exchange(unsigned mask, const void* value, void* result, std::size_t bytes, unsigned source) {
  Block& block = *running;
  const unsigned warp = block.current / warp_size;
  const unsigned first = warp * warp_size;
  const unsigned in_warp = std::min<unsigned>(warp_size, static_cast<unsigned>(block.threads.size()) - first);
  unsigned lanes = 0;
  for (unsigned l = 0; l < in_warp; ++l) lanes += (mask >> l & 1u) != 0 && !block.threads[first + l].done;
  std::memcpy(&block.exchanged[16 * block.current], value, bytes);
  pass(block.warp_barriers[warp], lanes);
  const unsigned from = source < in_warp ? first + source : block.current;
  std::memcpy(result, &block.exchanged[16 * from], bytes);
  pass(block.warp_barriers[warp], lanes);
}

}  // namespace emulation

using emulation::DeviceAccess;
using emulation::Memory;

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    default:
      return "invalid argument";
  }
}
/// HONE_EMULATED_DEVICES says how many devices there are; 1 by default.
cudaError_t cudaGetDeviceCount(int* count) {
  const char* devices = std::getenv("HONE_EMULATED_DEVICES");
  *count = devices != nullptr ? std::atoi(devices) : 1;
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}
static thread_local int current_device = 0;
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated by the host", 9, 0, 4, Memory::size};
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  *p = Memory::instance().allocate(bytes);
  return *p != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* p) { return p == nullptr || Memory::instance().release(p) ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  *p = std::malloc(bytes);
  return *p != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void* p) {
  std::free(p);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  const DeviceAccess access;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  const DeviceAccess access;
  std::memset(to, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new EmulatedStream{current_device};
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
