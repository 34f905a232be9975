#include <cstdio>

#include <hone/hone.hpp>
#if !HONE_COMPILED
#include <hone/ops/matmul.hpp>
#include <hone/providers/cpu_with.hpp>
#endif

int main(int argc, char** argv) {
  if (argc != 2) return 1;
#if HONE_COMPILED
  const hone::Session session(argv[1]);
#else
  const hone::Session session(argv[1], {.providers = {hone::CpuWith<hone::ops::MatMul>{}}});
#endif
  const hone::Tensor<float> a({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const hone::Tensor<float> b({4, 3}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120});
  const hone::Outputs outputs = session.run({{"a", a}, {"b", b}});
  for (const float c : outputs["c"].view<float>()) std::printf("%g ", static_cast<double>(c));
}
