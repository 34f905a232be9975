#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include <hone/simd/arch.hpp>
#include <hone/simd/reduce.hpp>
#include <hone/simd/table.hpp>
#include <hone/simd/unary.hpp>

namespace arch_test {

using hone::simd::Isa;

/// Sets HONE_FORCE_ARCH and puts back what was there.
class ForcedArch {
 public:
  explicit ForcedArch(const char* value) {
    if (const char* old = std::getenv(variable)) old_ = old;
    setenv(variable, value, 1);
  }
  ForcedArch(const ForcedArch&) = delete;
  ForcedArch& operator=(const ForcedArch&) = delete;
  ~ForcedArch() {
    if (old_.empty()) {
      unsetenv(variable);
    } else {
      setenv(variable, old_.c_str(), 1);
    }
  }

 private:
  static constexpr const char* variable = "HONE_FORCE_ARCH";
  std::string old_;
};

TEST_CASE("arch: names are read back") {
  for (const Isa isa : {Isa::sse2, Isa::avx2, Isa::avx512, Isa::neon}) CHECK(hone::simd::parse_isa(hone::simd::name(isa)) == isa);
  CHECK(hone::simd::parse_isa("baseline").has_value());
  CHECK_FALSE(hone::simd::parse_isa("avx3").has_value());
  CHECK_FALSE(hone::simd::parse_isa("").has_value());
}

TEST_CASE("arch: something is available, and all of it runs here") {
  const hone::simd::IsaSet available = hone::simd::available_isas();
  REQUIRE(available.size() > 0);
  for (const Isa isa : available) CHECK(hone::simd::runs_here(isa));
  CHECK(available.names().find(hone::simd::name(*available.begin())) != std::string::npos);
}

TEST_CASE("arch: a forced instruction set is the one that runs") {
  for (const Isa isa : hone::simd::available_isas()) {
    const ForcedArch forced(std::string(hone::simd::name(isa)).c_str());
    const hone::simd::IsaChoice choice = hone::simd::best_isa();
    CHECK(choice.refused == nullptr);
    CHECK(choice.isa == isa);
    // `isa` in a table comes from the compiler's macros in the translation unit that holds the code.
    const auto& relu = hone::simd::table<hone::simd::UnaryLoop<hone::simd::Relu, float>>(choice.isa);
    const auto& sum = hone::simd::table<hone::simd::Reduce<hone::simd::Sum, float>>(choice.isa);
    CHECK(relu.isa == isa);
    CHECK(sum.isa == isa);
    const float x[3] = {-1, 2, 3};
    float y[3];
    relu.run({}, x, y, 3);
    CHECK(sum.contiguous(y, 3) == 5);
  }
}

TEST_CASE("arch: a forced name that cannot be had is reported") {
  {
    const ForcedArch forced("avx3");
    const hone::simd::IsaChoice choice = hone::simd::best_isa();
    REQUIRE(choice.refused != nullptr);
    CHECK(std::string(choice.refused) == "avx3");
    CHECK(hone::simd::available_isas().contains(choice.isa));
  }
#if defined(__x86_64__)
  const ForcedArch forced("neon");
#else
  const ForcedArch forced("avx2");
#endif
  CHECK(hone::simd::best_isa().refused != nullptr);
}

TEST_CASE("arch: an empty HONE_FORCE_ARCH forces nothing") {
  const ForcedArch forced("");
  CHECK(hone::simd::best_isa().refused == nullptr);
}

#if HONE_COMPILED
TEST_CASE("arch: baseline is what every processor of the platform runs") {
  const ForcedArch forced("baseline");
  const hone::simd::IsaChoice choice = hone::simd::best_isa();
  CHECK(choice.refused == nullptr);
  CHECK(choice.isa == *hone::simd::available_isas().begin());
}
#endif

}  // namespace arch_test
