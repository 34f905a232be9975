#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <hone/config.hpp>
#include <hone/simd/xsimd.hpp>

namespace hone::inline HONE_ABI::simd {

/// Instruction sets that kernels are written for, worst first within a processor family.
enum class Isa : std::uint8_t { sse2, avx2, avx512, neon };

/// One instruction set: its value, its name, and the xsimd tag that its kernels carry among their template parameters.
template <Isa I, class A>
struct IsaEntry {
  static constexpr Isa isa = I;
  using Arch = A;
};

template <class... Entries>
struct IsaList {};

// The one list of instruction sets. avx2 means AVX2 + FMA + F16C; avx512 means F + BW + DQ + VL + CD.
#if defined(__x86_64__) || defined(_M_X64)
using PlatformIsas =
    IsaList<IsaEntry<Isa::sse2, xsimd::sse2>, IsaEntry<Isa::avx2, xsimd::fma3<xsimd::avx2>>, IsaEntry<Isa::avx512, xsimd::avx512bw>>;
#else
using PlatformIsas = IsaList<IsaEntry<Isa::neon, xsimd::neon64>>;
#endif

namespace detail {

template <Isa I, class List>
struct FindArch;

template <Isa I, class First, class... Rest>
struct FindArch<I, IsaList<First, Rest...>> : FindArch<I, IsaList<Rest...>> {};

template <Isa I, class A, class... Rest>
struct FindArch<I, IsaList<IsaEntry<I, A>, Rest...>> {
  using Arch = A;
};

}  // namespace detail

/// The xsimd tag of an instruction set of this platform.
template <Isa I>
using Arch = typename detail::FindArch<I, PlatformIsas>::Arch;

/// The instruction set that the flags of this translation unit allow.
inline constexpr Isa native_isa = Isa::HONE_NATIVE_ISA;

/// The instruction sets that kernels exist for in this program: all of the platform in compiled mode, one in pure-header mode.
#if HONE_COMPILED
using CompiledIsas = PlatformIsas;
#else
using CompiledIsas = IsaList<IsaEntry<native_isa, Arch<native_isa>>>;
#endif

constexpr std::string_view name(Isa isa) noexcept {
  switch (isa) {
    case Isa::sse2:
      return "sse2";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "unknown";
}

/// The instruction set of a name; `baseline` is the one that every CPU of the platform has. Empty for an unknown name.
constexpr std::optional<Isa> parse_isa(std::string_view text) noexcept {
  if (text == "baseline") {
    return []<class First, class... Rest>(IsaList<First, Rest...>) { return First::isa; }(PlatformIsas{});
  }
  for (const Isa isa : {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon}) {
    if (text == name(isa)) return isa;
  }
  return std::nullopt;
}

/// True if the processor and the operating system of this machine run the instruction set.
inline bool runs_here(Isa isa) noexcept {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  switch (isa) {
    case Isa::sse2:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512cd") != 0;
    case Isa::neon:
      return false;
  }
  return false;
#else
  return isa == Isa::neon;
#endif
}

/// A few instruction sets, in the order of Isa.
class IsaSet {
 public:
  constexpr void insert(Isa isa) noexcept { items_[size_++] = isa; }
  [[nodiscard]] constexpr const Isa* begin() const noexcept { return items_.data(); }
  [[nodiscard]] constexpr const Isa* end() const noexcept { return items_.data() + size_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool contains(Isa isa) const noexcept {
    for (const Isa mine : *this) {
      if (mine == isa) return true;
    }
    return false;
  }

  /// "sse2, avx2", for error messages.
  [[nodiscard]] std::string names() const {
    std::string text;
    for (const Isa isa : *this) text.append(text.empty() ? "" : ", ").append(name(isa));
    return text;
  }

 private:
  std::array<Isa, 4> items_{};
  std::size_t size_ = 0;
};

/// The instruction sets that kernels exist for and that run on this machine. Empty only in pure-header mode, when the program was
/// compiled for a newer processor.
inline IsaSet available_isas() noexcept {
  IsaSet set;
  [&set]<class... Entries>(IsaList<Entries...>) { ((runs_here(Entries::isa) ? set.insert(Entries::isa) : void()), ...); }(CompiledIsas{});
  return set;
}

/// What best_isa() chose. When `refused` is not null, HONE_FORCE_ARCH held that text, it names nothing in available_isas(), and
/// `isa` is what would have been used without it: raise an error that lists `available_isas().names()`.
struct IsaChoice {
  Isa isa = native_isa;
  const char* refused = nullptr;
};

/// The best available instruction set, or the one that the environment variable HONE_FORCE_ARCH names
/// (baseline, sse2, avx2, avx512, neon).
inline IsaChoice best_isa() noexcept {
  IsaChoice choice;
  const IsaSet available = available_isas();
  for (const Isa isa : available) choice.isa = isa;
  if (const char* forced = std::getenv("HONE_FORCE_ARCH"); forced != nullptr && *forced != '\0') {
    const std::optional<Isa> isa = parse_isa(forced);
    if (isa && available.contains(*isa)) {
      choice.isa = *isa;
    } else {
      choice.refused = forced;
    }
  }
  return choice;
}

}  // namespace hone::inline HONE_ABI::simd
