// Configurations of hone in one program: each keeps to its own namespace.
#include <iostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "configuration.hpp"

namespace odr_test {

TEST_CASE("translation units of different configurations share nothing, those of the same one everything") {
  const std::string model = HONE_SOURCE_DIR "/tests/packaging/matmul.onnx";
  std::vector<Facts> all{header_only_baseline(model), compiled(model)};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    all.push_back(header_only_wide(model));
    CHECK(all[0].kernel == "MatMul<float> sse2");
    CHECK(all[2].kernel == "MatMul<float> avx2");
    CHECK(all[0].name_space.ends_with("_sse2"));
    CHECK(all[2].name_space.ends_with("_avx2"));
  } else {
    std::cout << "SKIPPED odr.configurations: this processor has no AVX2\n";
  }
#endif
  CHECK(all[1].name_space.ends_with("_compiled"));

  for (const Facts& facts : all) {
    CAPTURE(facts.name_space);
    CHECK(facts.session_type.find(facts.name_space) != std::string::npos);
    CHECK(facts.product == std::vector<float>{700, 800, 900, 1580, 1840, 2100, 2460, 2880, 3300});
    for (const Facts& other : all) {
      const bool same = &other == &facts;
      CHECK((facts.name_space == other.name_space) == same);
      CHECK((facts.session_type == other.session_type) == same);
      CHECK((facts.inline_function == other.inline_function) == same);
      CHECK(facts.throws_my_error(other.throw_error) == same);
    }
  }

  const Facts again = header_only_baseline_again(model);
  CHECK(again.session_type == all[0].session_type);
  CHECK(again.inline_function == all[0].inline_function);
  CHECK(again.throws_my_error(all[0].throw_error));
}

}  // namespace odr_test
