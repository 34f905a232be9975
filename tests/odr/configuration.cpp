// One translation unit of a program that links several configurations of hone. CONFIGURATION: which of the functions in configuration.hpp
// it defines.
#include "configuration.hpp"

#include <typeinfo>

#if HONE_COMPILED
#include <hone/providers/cpu.hpp>
#else
#include <hone/providers/cpu_with.hpp>
#endif
#include <hone/session/session.hpp>

namespace {

#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

#if HONE_COMPILED
using Provider = hone::Cpu;
#else
using Provider = hone::CpuWith<hone::ops::MatMul>;
#endif

void throw_error() { hone::fail(hone::ErrorCode::invalid_argument, "of " TEXT(HONE_ABI)); }

bool throws_my_error(void (*thrower)()) {
  try {
    thrower();
  } catch (const hone::Error&) {
    return true;
  } catch (...) {
  }
  return false;
}

}  // namespace

Facts CONFIGURATION(const std::string& model) {
  const hone::Session session(std::filesystem::path(model), {.providers = {Provider{}}});
  const hone::Tensor<float> a({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const hone::Tensor<float> b({4, 3}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120});
  const hone::Outputs out = session.run({{"a", a}, {"b", b}});
  const auto product = out["c"].view<const float>();
  return {TEXT(HONE_ABI),
          typeid(hone::Session).name(),
          reinterpret_cast<const void*>(&hone::checked_bytes),
          session.report().nodes[0].kernel,
          {product.begin(), product.end()},
          &throw_error,
          &throws_my_error};
}
