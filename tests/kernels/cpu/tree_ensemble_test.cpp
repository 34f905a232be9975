#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/features.hpp>
#include <hone/ops/label_encoder.hpp>
#include <hone/ops/linear_model.hpp>
#include <hone/ops/svm.hpp>
#include <hone/ops/tree_ensemble.hpp>

#include "kernels/cpu/one_node.hpp"

namespace tree_ensemble_test {

using namespace hone_test;

inline hone::Attribute floats(std::vector<float> values) { return values; }
inline hone::Attribute strings(std::vector<std::string> values) { return values; }

/// x[feature] <= 1 ? 10 : 20, with `yes` as the node for the first.
inline hone::Attributes stump(std::int64_t feature, std::int64_t yes) {
  return attributes({{"nodes_treeids", integers({0, 0, 0})},
                     {"nodes_nodeids", integers({0, 1, 2})},
                     {"nodes_featureids", integers({feature, 0, 0})},
                     {"nodes_truenodeids", integers({yes, 0, 0})},
                     {"nodes_falsenodeids", integers({2, 0, 0})},
                     {"nodes_missing_value_tracks_true", integers({1, 0, 0})},
                     {"nodes_modes", strings({"BRANCH_LEQ", "LEAF", "LEAF"})},
                     {"nodes_values", floats({1, 0, 0})},
                     {"target_treeids", integers({0, 0})},
                     {"target_nodeids", integers({1, 2})},
                     {"target_ids", integers({0, 0})},
                     {"target_weights", floats({10, 20})}});
}

TEST_CASE("TreeEnsembleRegressor follows missing values, and refuses trees that lead nowhere or in a circle") {
  const auto run = [](const hone::Attributes& a) {
    return run_node<hone::ops::TreeEnsembleRegressor>(3, a, values(tensor<float>({3, 1}, {1, 2, std::nanf("")})));
  };
  check_tensor<float>(run(stump(0, 1))[0], {3, 1}, {10, 20, 10});
  CHECK_THROWS_AS(run(stump(1, 1)), hone::Error);
  CHECK_THROWS_AS(run(stump(-1, 1)), hone::Error);
  CHECK_THROWS_AS(run(stump(0, 7)), hone::Error);
  CHECK_THROWS_AS(run(stump(0, 0)), hone::Error);
  for (const auto& of : {hone::DType::string, hone::DType::boolean, hone::DType::complex64, hone::DType::int4}) {
    CAPTURE(hone::name(of));
    hone::Value x = hone::Value::tensor(of, {3, 1});
    if (of != hone::DType::string) std::memset(x.ref().data, 0, x.ref().bytes());
    CHECK_THROWS_AS(run_node<hone::ops::TreeEnsembleRegressor>(3, stump(0, 1), values(std::move(x))), hone::Error);
  }
}

TEST_CASE("base values that are not one a target, and trees that begin before the first node, are errors") {
  const auto regressor = [](std::vector<float> base) {
    return run_node<hone::ops::TreeEnsembleRegressor>(1,
                                                      attributes({{"nodes_treeids", integers({0})},
                                                                  {"nodes_nodeids", integers({0})},
                                                                  {"nodes_featureids", integers({0})},
                                                                  {"nodes_values", floats({0})},
                                                                  {"nodes_modes", strings({"LEAF"})},
                                                                  {"nodes_truenodeids", integers({0})},
                                                                  {"nodes_falsenodeids", integers({0})},
                                                                  {"target_treeids", integers({0})},
                                                                  {"target_nodeids", integers({0})},
                                                                  {"target_ids", integers({0})},
                                                                  {"target_weights", floats({2})},
                                                                  {"base_values", floats(std::move(base))}}),
                                                      values(tensor<float>({1, 1}, {0})));
  };
  check_tensor<float>(regressor({})[0], {1, 1}, {2});
  check_tensor<float>(regressor({0.5F})[0], {1, 1}, {2.5F});
  CHECK_THROWS_AS(regressor({1, 2}), hone::Error);

  const auto ensemble = [](std::int64_t root) {
    const auto constant = [](hone::Value held) {
      auto owner = std::make_shared<hone::Value>(std::move(held));
      const hone::TensorRef ref = owner->ref();
      return hone::Attribute(hone::Constant{ref, owner});
    };
    return run_node<hone::ops::TreeEnsemble>(5,
                                             attributes({{"n_targets", integer(1)},
                                                         {"tree_roots", integers({root})},
                                                         {"nodes_featureids", integers({0})},
                                                         {"nodes_modes", constant(tensor<std::uint8_t>({1}, {0}))},
                                                         {"nodes_splits", constant(tensor<float>({1}, {0.5F}))},
                                                         {"nodes_truenodeids", integers({0})},
                                                         {"nodes_trueleafs", integers({1})},
                                                         {"nodes_falsenodeids", integers({1})},
                                                         {"nodes_falseleafs", integers({1})},
                                                         {"leaf_targetids", integers({0, 0})},
                                                         {"leaf_weights", constant(tensor<float>({2}, {3, 4}))}}),
                                             values(tensor<float>({2, 1}, {0, 1})));
  };
  check_tensor<float>(ensemble(0)[0], {2, 1}, {3, 4});
  CHECK_THROWS_AS(ensemble(-1), hone::Error);
  CHECK_THROWS_AS(ensemble(1), hone::Error);
}

TEST_CASE("LabelEncoder: keys that are large integers or NaN") {
  const auto of_int =
      attributes({{"keys_int64s", integers({9007199254740993, 9007199254740992})}, {"values_strings", strings({"a", "b"})}});
  check_tensor<std::string>(run_node<hone::ops::LabelEncoder>(2, of_int, values(list({9007199254740992, 9007199254740993, 1})))[0], {3},
                            {"b", "a", "_Unused"});
  const auto of_nan = attributes({{"keys_floats", floats({std::nanf(""), 0})}, {"values_int64s", integers({4, 5})}});
  check_tensor<std::int64_t>(run_node<hone::ops::LabelEncoder>(2, of_nan, values(tensor<float>({3}, {std::nanf("1"), -0.0F, 2})))[0], {3},
                             {4, 5, -1});
  CHECK_THROWS_AS(run_node<hone::ops::LabelEncoder>(2, attributes({{"keys_int64s", integers({1})}, {"values_int64s", integers({})}}),
                                                    values(list({1}))),
                  hone::Error);
}

TEST_CASE("CategoryMapper goes both ways") {
  const auto a = attributes({{"cats_strings", strings({"x", "y"})}, {"cats_int64s", integers({3, 4})}});
  check_tensor<std::int64_t>(run_node<hone::ops::CategoryMapper>(1, a, values(tensor<std::string>({2}, {"y", "z"})))[0], {2}, {4, -1});
  check_tensor<std::string>(run_node<hone::ops::CategoryMapper>(1, a, values(list({3, 5})))[0], {2}, {"x", "_Unused"});
}

TEST_CASE("features that are not there are errors") {
  CHECK_THROWS_AS(run_node<hone::ops::ArrayFeatureExtractor>(1, {}, values(iota<float>({2, 2}), list({2}))), hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::Scaler>(1, attributes({{"offset", floats({1, 2, 3})}}), values(iota<float>({2, 2}))), hone::Error);
  CHECK_THROWS_AS(
      run_node<hone::ops::OneHotEncoder>(1, attributes({{"cats_int64s", integers({1})}, {"zeros", integer(0)}}), values(list({2}))),
      hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::LinearRegressor>(1, attributes({{"coefficients", floats({1, 2, 3})}}), values(iota<float>({2, 2}))),
                  hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::SVMRegressor>(1, attributes({{"coefficients", floats({1, 2, 3})}, {"rho", floats({0})}}),
                                                    values(iota<float>({2, 2}))),
                  hone::Error);
  CHECK_THROWS_AS(run_node<hone::ops::SVMClassifier>(
                      1, attributes({{"coefficients", floats({1})}, {"rho", floats({0})}, {"vectors_per_class", integers({1, 1})}}),
                      values(iota<float>({2, 2}))),
                  hone::Error);
}

TEST_CASE("classes that are not as many as their scores, and weights of nodes that are not there, are errors") {
  const auto linear = [](std::vector<std::int64_t> labels, std::vector<float> intercepts) {
    return run_node<hone::ops::LinearClassifier>(1,
                                                 attributes({{"coefficients", floats({1, 2, 3, 4})},
                                                             {"intercepts", floats(std::move(intercepts))},
                                                             {"classlabels_ints", integers(std::move(labels))}}),
                                                 values(iota<float>({1, 2})));
  };
  check_tensor<std::int64_t>(linear({5, 6}, {0, 0})[0], {1}, {6});
  CHECK_THROWS_AS(linear({5, 6, 7}, {0, 0}), hone::Error);
  CHECK_THROWS_AS(linear({5}, {0, 0}), hone::Error);
  const auto svm = [](std::vector<std::int64_t> labels) {
    return run_node<hone::ops::SVMClassifier>(1,
                                              attributes({{"kernel_type", string("LINEAR")},
                                                          {"coefficients", floats({1, -1})},
                                                          {"support_vectors", floats({1, 0, 0, 1})},
                                                          {"rho", floats({0})},
                                                          {"vectors_per_class", integers({1, 1})},
                                                          {"classlabels_ints", integers(std::move(labels))}}),
                                              values(tensor<float>({1, 2}, {3, 1})));
  };
  CHECK(svm({5, 6})[0].view<std::int64_t>()[0] == 5);
  CHECK_THROWS_AS(svm({5, 6, 7}), hone::Error);
  hone::Attributes elsewhere = stump(0, 1);
  elsewhere.erase("target_nodeids");
  elsewhere.set("target_nodeids", integers({1, 9}));
  CHECK_THROWS_AS(run_node<hone::ops::TreeEnsembleRegressor>(3, elsewhere, values(tensor<float>({1, 1}, {0}))), hone::Error);
}

TEST_CASE("Normalizer leaves rows of zeros alone") {
  check_tensor<float>(
      run_node<hone::ops::Normalizer>(1, attributes({{"norm", string("L2")}}), values(tensor<float>({2, 2}, {3, 4, 0, 0})))[0], {2, 2},
      {0.6F, 0.8F, 0, 0});
}

}  // namespace tree_ensemble_test
