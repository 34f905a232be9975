#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/det.hpp>
#include <hone/ops/einsum.hpp>
#include <hone/ops/standardize.hpp>

#include "kernels/cpu/one_node.hpp"

namespace einsum_test {

using namespace hone_test;

template <class... V>
hone::Value einsum(const std::string& equation, V&&... inputs) {
  return std::move(run_node<hone::ops::Einsum>(12, attributes({{"equation", string(equation)}}), values(std::forward<V>(inputs)...))[0]);
}

TEST_CASE("Einsum: products, in any order of labels, against the sum that defines them") {
  const hone::Tensor<float> a({2, 3, 4}, [] {
    std::vector<float> v(24);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i % 7) - 3;
    return v;
  }());
  const hone::Tensor<float> b({2, 4, 5}, [] {
    std::vector<float> v(40);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i % 5) - 1;
    return v;
  }());
  // sizes: b 2, i 3, j 4, k 5
  for (const std::string out : {"bik", "bki", "ikb", "kb", "ik", "ki", "k", "", "ib"}) {
    CAPTURE(out);
    const hone::Value y = einsum("bij,bjk->" + out, hone::Value(a.clone()), hone::Value(b.clone()));
    const auto view = y.view<float>();
    std::vector<float> wanted(view.size(), 0);
    for (std::size_t n = 0; n < 2; ++n)
      for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 4; ++j)
          for (std::size_t k = 0; k < 5; ++k) {
            std::size_t at = 0;
            for (const char label : out) at = label == 'b' ? at * 2 + n : label == 'i' ? at * 3 + i : at * 5 + k;
            wanted[at] += a(n, i, j) * b(n, j, k);
          }
    CHECK(std::vector<float>(view.begin(), view.end()) == wanted);
  }
}

TEST_CASE("Einsum: diagonals, sums, three inputs, ellipses that broadcast, empty sums") {
  check_tensor<float>(einsum("ii->i", iota<float>({3, 3})), {3}, {0, 4, 8});
  check_tensor<float>(einsum("ii", iota<float>({3, 3})), {}, {12});
  check_tensor<float>(einsum("ba", iota<float>({2, 2})), {2, 2}, {0, 2, 1, 3});
  check_tensor<float>(einsum("i,i,i->", iota<float>({3}), iota<float>({3}), iota<float>({3})), {}, {9});
  check_tensor<float>(einsum("...i,...i->...", iota<float>({2, 2}), iota<float>({2})), {2}, {1, 3});
  check_tensor<std::int64_t>(einsum("ij,jk->ik", iota<std::int64_t>({2, 0}), iota<std::int64_t>({0, 2})), {2, 2}, {0, 0, 0, 0});
}

TEST_CASE("Einsum refuses equations and shapes that do not fit") {
  for (const char* equation : {"i->j", "i->ii", "i1->i", "i-j->i", "......->i", "i,j->ij"}) {
    CAPTURE(equation);
    CHECK_THROWS_AS(einsum(equation, iota<float>({2})), hone::Error);
  }
  CHECK_THROWS_AS(einsum("ij->i", iota<float>({2})), hone::Error);
  CHECK_THROWS_AS(einsum("ij,jk->ik", iota<float>({2, 3}), iota<float>({2, 3})), hone::Error);
}

TEST_CASE("Det: a pivot of zero, no rows, no square") {
  check_tensor<double>(run_node<hone::ops::Det>(11, {}, values(tensor<double>({2, 2, 2}, {0, 1, 1, 0, 1, 2, 2, 4})))[0], {2}, {-1, 0});
  check_tensor<double>(run_node<hone::ops::Det>(11, {}, values(tensor<double>({0, 0}, {})))[0], {}, {1});
  CHECK_THROWS_AS(run_node<hone::ops::Det>(11, {}, values(iota<float>({2, 3}))), hone::Error);
}

TEST_CASE("LpNormalization and MeanVarianceNormalization") {
  check_tensor<float>(
      run_node<hone::ops::LpNormalization>(22, attributes({{"axis", integer(0)}}), values(tensor<float>({2, 2}, {3, 0, 4, 0})))[0], {2, 2},
      {0.6F, 0, 0.8F, 0});
  const Values y =
      run_node<hone::ops::MeanVarianceNormalization>(13, attributes({{"axes", integers({1})}}), values(tensor<float>({1, 2}, {1, 3})));
  CHECK(y[0].view<float>()[0] == doctest::Approx(-1));
  CHECK_THROWS_AS(run_node<hone::ops::MeanVarianceNormalization>(13, {}, values(iota<float>({2, 2}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::LpNormalization>(22, attributes({{"p", integer(3)}}), values(iota<float>({2}))), hone::Error);
}

}  // namespace einsum_test
