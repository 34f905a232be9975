#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include <hone/ops/gather.hpp>

#include "kernels/cpu/one_node.hpp"

namespace gather_test {

using namespace hone_test;
using hone::ops::Gather;
using hone::ops::GatherElements;
using hone::ops::GatherND;

TEST_CASE("Gather takes scalars, negative and int32 indices") {
  check_tensor<float>(run_node<Gather>(13, {}, values(iota<float>({3, 2}), tensor<std::int32_t>({}, {-1})))[0], {2}, {4, 5});
  const auto axis = attributes({{"axis", integer(-1)}});
  const Values y = run_node<Gather>(13, axis, values(iota<double>({2, 3}), tensor<std::int64_t>({2, 1}, {0, -1})));
  check_tensor<double>(y[0], {2, 2, 1}, {0, 2, 3, 5});
  check_tensor<std::string>(run_node<Gather>(13, {}, values(tensor<std::string>({2}, {"a", "b"}), list({1, 1})))[0], {2}, {"b", "b"});
  CHECK(run_node<Gather>(13, {}, values(iota<float>({3, 0}), list({1})))[0].shape() == hone::Shape{1, 0});
  CHECK(run_node<Gather>(13, {}, values(iota<float>({0, 3}), list({})))[0].shape() == hone::Shape{0, 3});
}

TEST_CASE("Gather names an index that is out of range") {
  const auto bad = [](std::int64_t index) { return run_node<Gather>(13, {}, values(iota<float>({3}), list({0, index}))); };
  CHECK_THROWS_WITH_AS(bad(3), "index 3 is out of range for axis 0 of size 3", hone::Error);
  CHECK_THROWS_WITH_AS(bad(-4), "index -4 is out of range for axis 0 of size 3", hone::Error);
  CHECK_THROWS_AS(run_node<Gather>(13, {}, values(iota<float>({}), list({0}))), hone::Error);
  CHECK_THROWS_AS(run_node<Gather>(13, {}, values(iota<float>({0}), list({0}))), hone::Error);
}

TEST_CASE("GatherElements takes fewer indices than data") {
  const auto axis = attributes({{"axis", integer(1)}});
  const Values y = run_node<GatherElements>(13, axis, values(iota<float>({3, 3}), tensor<std::int64_t>({2, 2}, {2, 0, -1, 1})));
  check_tensor<float>(y[0], {2, 2}, {2, 0, 5, 4});
  const Values columns = run_node<GatherElements>(13, {}, values(iota<float>({3, 3}), tensor<std::int64_t>({1, 2}, {2, 0})));
  check_tensor<float>(columns[0], {1, 2}, {6, 1});
  CHECK_THROWS_AS(run_node<GatherElements>(13, axis, values(iota<float>({1, 3}), tensor<std::int64_t>({2, 1}, {0, 0}))), hone::Error);
  CHECK_THROWS_AS(run_node<GatherElements>(13, axis, values(iota<float>({1, 3}), tensor<std::int64_t>({1, 1}, {3}))), hone::Error);
}

TEST_CASE("GatherND addresses elements and slices, per batch") {
  const Values y = run_node<GatherND>(13, {}, values(iota<float>({2, 3}), tensor<std::int64_t>({2, 2}, {0, -1, 1, 0})));
  check_tensor<float>(y[0], {2}, {2, 3});
  const auto batched = attributes({{"batch_dims", integer(1)}});
  const Values b = run_node<GatherND>(13, batched, values(iota<float>({2, 2, 2}), tensor<std::int64_t>({2, 1}, {1, 0})));
  check_tensor<float>(b[0], {2, 2}, {2, 3, 4, 5});
  CHECK_THROWS_AS(run_node<GatherND>(13, {}, values(iota<float>({2, 3}), tensor<std::int64_t>({1, 2}, {0, 3}))), hone::Error);
  CHECK_THROWS_AS(run_node<GatherND>(13, {}, values(iota<float>({2}), tensor<std::int64_t>({1, 2}, {0, 0}))), hone::Error);
  CHECK_THROWS_AS(run_node<GatherND>(13, batched, values(iota<float>({2, 2}), tensor<std::int64_t>({3, 1}, {0, 0, 0}))), hone::Error);
}

}  // namespace gather_test
