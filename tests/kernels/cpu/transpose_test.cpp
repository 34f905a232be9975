#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/depth_to_space.hpp>
#include <hone/ops/transpose.hpp>

#include "kernels/cpu/one_node.hpp"

namespace transpose_test {

using namespace hone_test;
using hone::ops::Transpose;

/// y[i] by walking over all of y.
template <class T>
std::vector<T> plain(const hone::Value& x, const std::vector<std::int64_t>& perm, const hone::Shape& to) {
  std::vector<T> y;
  std::vector<std::int64_t> at(to.rank(), 0);
  for (std::int64_t i = 0; i < to.elements(); ++i) {
    std::int64_t source = 0;
    for (std::size_t d = 0; d < to.rank(); ++d) source += at[d] * x.shape().stride(static_cast<std::size_t>(perm[d]));
    y.push_back(x.view<T>()[static_cast<std::size_t>(source)]);
    for (std::size_t d = to.rank(); d-- > 0 && ++at[d] == to[d];) at[d] = 0;
  }
  return y;
}

template <class T>
void check_all_permutations(const hone::Shape& shape) {
  CAPTURE(hone::to_string(shape));
  const hone::Value x = iota<T>(shape);
  std::vector<std::int64_t> perm(shape.rank());
  std::iota(perm.begin(), perm.end(), 0);
  do {
    CAPTURE(hone::join(perm, ","));
    const Values y = run_node<Transpose>(13, attributes({{"perm", integers(perm)}}), values(x.clone()));
    const std::vector<T> expected = plain<T>(x, perm, y[0].shape());
    CHECK(std::equal(expected.begin(), expected.end(), y[0].view<T>().begin()));
  } while (std::next_permutation(perm.begin(), perm.end()));
}

TEST_CASE("Transpose moves every element size as the plain form does") {
  for (const hone::Shape& shape : {hone::Shape{},
                                   {5},
                                   {1, 1},
                                   {0, 3},
                                   {3, 7},
                                   {8, 8},
                                   {9, 65},
                                   {64, 63},
                                   {300, 300},
                                   {2, 3, 4},
                                   {3, 17, 33},
                                   {16, 3, 40},
                                   {2, 1, 3, 4},
                                   {3, 8, 9, 10},
                                   {2, 3, 2, 3, 2}}) {
    check_all_permutations<std::uint8_t>(shape);
    check_all_permutations<std::int16_t>(shape);
    check_all_permutations<float>(shape);
    check_all_permutations<double>(shape);
  }
}

TEST_CASE("Transpose moves strings and reverses without perm") {
  const Values y = run_node<Transpose>(13, {}, values(tensor<std::string>({2, 2}, {"a", "b", "c", "a string that is not short"})));
  check_tensor<std::string>(y[0], {2, 2}, {"a", "c", "b", "a string that is not short"});
}

TEST_CASE("Transpose refuses what is no permutation") {
  for (const std::vector<std::int64_t>& perm : {std::vector<std::int64_t>{0}, {0, 0}, {0, 2}, {-1, 0}}) {
    CHECK_THROWS_AS(run_node<Transpose>(13, attributes({{"perm", integers(perm)}}), values(iota<float>({2, 3}))), hone::Error);
  }
}

TEST_CASE("SpaceToDepth undoes DepthToSpace in both modes") {
  for (const char* mode : {"DCR", "CRD"}) {
    const auto a = attributes({{"blocksize", integer(2)}, {"mode", string(mode)}});
    const hone::Value x = iota<float>({2, 12, 3, 10});
    const Values deep = run_node<hone::ops::DepthToSpace>(13, a, values(x.clone()));
    CHECK(deep[0].shape() == hone::Shape{2, 3, 6, 20});
    const Values back = run_node<hone::ops::SpaceToDepth>(28, a, values(deep[0].clone()));
    CHECK(back[0].shape() == x.shape());
    CHECK(std::equal(x.view<float>().begin(), x.view<float>().end(), back[0].view<float>().begin()));
  }
  CHECK_THROWS_AS(run_node<hone::ops::DepthToSpace>(13, attributes({{"blocksize", integer(2)}}), values(iota<float>({1, 3, 2, 2}))),
                  hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::SpaceToDepth>(13, attributes({{"blocksize", integer(0)}}), values(iota<float>({1, 3, 2, 2}))),
                  hone::Error);
}

}  // namespace transpose_test
