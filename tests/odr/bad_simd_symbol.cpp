// What must not be in src/simd: a helper whose name is the same whatever the flags. check_simd_symbols.py has to report it.

__attribute__((noinline)) inline float bad_helper(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  return sum;
}

template <class Arch>
float good_caller(const float* x, int n) {
  return bad_helper(x, n);
}

namespace xsimd {
struct sse2;
struct neon64;
}  // namespace xsimd

template float good_caller<xsimd::sse2>(const float*, int);
template float good_caller<xsimd::neon64>(const float*, int);
