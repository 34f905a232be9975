// The sample of README.md.
#include <cstdio>

#include <hone/hone.hpp>

int main(int argc, char** argv) try {
  hone::Session session(argc > 1 ? argv[1] : "model.onnx");

  hone::Tensor<float> a({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  hone::Tensor<float> b({4, 3}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120});
  hone::Outputs out = session.run({{"a", a}, {"b", b}});

  for (float x : out["c"].view<float>()) std::printf("%g ", x);  // 700 800 900 1580 1840 2100 2460 2880 3300
  std::puts("");
} catch (const hone::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
