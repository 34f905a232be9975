#pragma once

/// The one place that includes xsimd. GCC 12 to 14 take the vectors that its own AVX-512 intrinsics leave undefined on purpose for mistakes
/// of whoever calls them (GCC bug 105593); the state of the diagnostics here, where the functions come from, decides that they are silent
/// wherever they are inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <xsimd/xsimd.hpp>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
