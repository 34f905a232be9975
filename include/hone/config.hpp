#pragma once

#include <hone/version.hpp>

/// Every HONE_ macro that a build may set or read.
///
/// HONE_COMPILED  1 in code that links hone::compiled: kernels and the importer come from the library, each instruction
///                set from its own translation units. 0 (default): everything is inline, for the one instruction set of the flags.
#ifndef HONE_COMPILED
#define HONE_COMPILED 0
#endif

/// Put on functions that are defined in `*_impl.hpp`: inline in pure-header mode, ordinary functions of the library otherwise.
#if HONE_COMPILED
#define HONE_INLINE
#else
#define HONE_INLINE inline
#endif

/// HONE_NATIVE_ISA names the instruction set that the flags of this translation unit allow.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define HONE_NATIVE_ISA avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define HONE_NATIVE_ISA avx2
#elif defined(__x86_64__) || defined(_M_X64)
#define HONE_NATIVE_ISA sse2
#elif defined(__aarch64__) || defined(_M_ARM64)
#define HONE_NATIVE_ISA neon
#else
#error "hone runs on x86-64 and on AArch64"
#endif

#define HONE_CONCAT_(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#define HONE_CONCAT(a, b, c, d, e, f, g, h) HONE_CONCAT_(a, b, c, d, e, f, g, h)

/// The inline namespace that holds everything. It differs wherever code generated from the same names would differ (version, mode,
/// instruction set of pure-header mode), so that two such translation units may be linked into one program.
#if HONE_COMPILED
#define HONE_ABI HONE_CONCAT(v, HONE_VERSION_MAJOR, _, HONE_VERSION_MINOR, _, HONE_VERSION_PATCH, _, compiled)
#else
#define HONE_ABI HONE_CONCAT(v, HONE_VERSION_MAJOR, _, HONE_VERSION_MINOR, _, HONE_VERSION_PATCH, _, HONE_NATIVE_ISA)
#endif

/// HONE_COLD is put on functions of slow paths and failures: called, not inlined, and optimised for size.
#if defined(__GNUC__) || defined(__clang__)
#define HONE_ALWAYS_INLINE inline __attribute__((always_inline))
#define HONE_COLD __attribute__((cold, noinline))
#define HONE_RESTRICT __restrict__
#elif defined(_MSC_VER)
#define HONE_ALWAYS_INLINE __forceinline
#define HONE_COLD __declspec(noinline)
#define HONE_RESTRICT __restrict
#endif
