#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <doctest/doctest.h>

#include <hone/ops/scatter.hpp>

#include "kernels/cpu/one_node.hpp"

namespace scatter_test {

using namespace hone_test;
using hone::ops::Scatter;
using hone::ops::ScatterElements;
using hone::ops::ScatterND;

TEST_CASE("ScatterElements replaces and reduces") {
  const auto reduce = [](const char* name) { return attributes({{"axis", integer(1)}, {"reduction", string(name)}}); };
  const auto run = [&](const char* name) {
    return run_node<ScatterElements>(
        18, reduce(name),
        values(iota<std::int8_t>({1, 3}), tensor<std::int64_t>({1, 3}, {1, 1, -1}), tensor<std::int8_t>({1, 3}, {100, 100, 3})));
  };
  check_tensor<std::int8_t>(run("none")[0], {1, 3}, {0, 100, 3});
  check_tensor<std::int8_t>(run("add")[0], {1, 3}, {0, static_cast<std::int8_t>(201), 5});  // wraps
  check_tensor<std::int8_t>(run("mul")[0], {1, 3}, {0, 16, 6});
  check_tensor<std::int8_t>(run("max")[0], {1, 3}, {0, 100, 3});
  check_tensor<std::int8_t>(run("min")[0], {1, 3}, {0, 1, 2});
  CHECK_THROWS_AS(run("mean"), hone::Error);
}

TEST_CASE("Scatter is ScatterElements under its older name") {
  const Values y = run_node<Scatter>(
      9, {}, values(tensor<std::string>({2}, {"a", "b"}), tensor<std::int32_t>({1}, {1}), tensor<std::string>({1}, {"c"})));
  check_tensor<std::string>(y[0], {2}, {"a", "c"});
  CHECK_THROWS_AS(run_node<Scatter>(9, {}, values(iota<float>({2}), list({2}), iota<float>({1}))), hone::Error);
  CHECK_THROWS_AS(run_node<Scatter>(9, {}, values(iota<float>({2}), list({0, 1}), iota<float>({1}))), hone::Error);
}

TEST_CASE("ScatterND applies updates in order") {
  const auto add = attributes({{"reduction", string("add")}});
  const Values y =
      run_node<ScatterND>(18, add, values(iota<float>({2, 2}), tensor<std::int64_t>({2, 1}, {1, -1}), tensor<float>({2, 2}, {1, 2, 3, 4})));
  check_tensor<float>(y[0], {2, 2}, {0, 1, 6, 9});
  const Values last =
      run_node<ScatterND>(11, {}, values(iota<float>({2}), tensor<std::int64_t>({2, 1}, {0, 0}), tensor<float>({2}, {5, 6})));
  check_tensor<float>(last[0], {2}, {6, 1});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto max = attributes({{"reduction", string("max")}});
  const Values n =
      run_node<ScatterND>(18, max, values(iota<float>({1}), tensor<std::int64_t>({2, 1}, {0, 0}), tensor<float>({2}, {nan, 6})));
  CHECK(std::isnan(n[0].view<float>()[0]));
  CHECK_THROWS_AS(run_node<ScatterND>(11, {}, values(iota<float>({2}), tensor<std::int64_t>({1, 1}, {2}), iota<float>({1}))), hone::Error);
  CHECK_THROWS_AS(run_node<ScatterND>(11, {}, values(iota<float>({2}), tensor<std::int64_t>({1, 1}, {0}), iota<float>({2}))), hone::Error);
}

}  // namespace scatter_test
