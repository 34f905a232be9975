#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/ops/class_scores.hpp>
#include <hone/ops/dimensions.hpp>

namespace hone::inline HONE_ABI::ops {

/// Decision trees, whichever way a model writes them down.
struct Trees {
  enum class Mode : std::uint8_t { leq, lt, gte, gt, eq, neq, member };
  struct Node {
    Mode mode = Mode::leq;
    bool missing_is_true = false;
    std::int64_t feature = 0;
    double split = 0;
    /// A node, or, when negative, leaf -1 - index.
    std::int64_t if_true = -1;
    std::int64_t if_false = -1;
    std::size_t members_begin = 0;
    std::size_t members_end = 0;
  };
  struct Weight {
    std::int64_t target;
    double value;
  };
  /// Weights [begin, end).
  struct Leaf {
    std::size_t begin;
    std::size_t end;
  };

  std::vector<Node> nodes;
  std::vector<Leaf> leaves;
  std::vector<Weight> weights;
  std::vector<double> members;
  std::vector<std::int64_t> roots;  ///< as Node::if_true
  std::int64_t targets = 0;

  /// Errors: invalid_graph when an index leads nowhere.
  void check() const {
    const auto good = [&](std::int64_t at) {
      return at >= 0 ? at < static_cast<std::int64_t>(nodes.size()) : -1 - at < static_cast<std::int64_t>(leaves.size());
    };
    bool all = std::all_of(roots.begin(), roots.end(), good);
    for (const Node& node : nodes) all = all && good(node.if_true) && good(node.if_false) && node.feature >= 0;
    for (const Weight& weight : weights) all = all && weight.target >= 0 && weight.target < targets;
    if (!all) fail(ErrorCode::invalid_graph, "its trees have an index that is out of range");
  }
  /// Errors: invalid_argument when the rows of x are too short.
  void check_features(const Shape& x) const {
    if (x.rank() < 1 || x.rank() > 2) fail(ErrorCode::invalid_argument, "its input has shape ", x, "; expected (N, F)");
    for (const Node& node : nodes)
      if (node.feature >= x.back())
        fail(ErrorCode::invalid_argument, "its input has ", x.back(), " features; feature ", node.feature, " is asked for");
  }
};

/// What the tree operators share. Shapes: x (N, F) -> scores (N, targets).
struct TreeModel {
  static constexpr std::string_view domain = "ai.onnx.ml";
  static constexpr InputTypes input_types[] = {{inputs(0), real_numbers}};
  enum class Aggregate : std::int64_t { average, sum, min, max };

  Trees trees;
  std::vector<double> base;
  Aggregate aggregate = Aggregate::sum;
  PostTransform transform = PostTransform::none;

  static std::int64_t rows(const Shape& x) { return x.rank() == 2 ? x[0] : 1; }

 protected:
  /// The numbers of an attribute that may be a list of floats or a tensor.
  static std::vector<double> numbers(const std::vector<float>& floats, const Constant& tensor) {
    std::vector<double> result(floats.begin(), floats.end());
    if (tensor.tensor.dtype == DType::undefined) return result;
    for (std::int64_t i = 0; i < tensor.tensor.elements(); ++i) result.push_back(number_at(tensor.tensor, i));
    return result;
  }
  static Aggregate aggregate_of(std::string_view text) {
    constexpr std::string_view names[]{"AVERAGE", "SUM", "MIN", "MAX"};
    for (std::size_t i = 0; i < 4; ++i)
      if (names[i] == text) return static_cast<Aggregate>(i);
    fail(ErrorCode::invalid_graph, "unknown aggregate_function '", text, "'");
  }

  /// The attributes of the operators before TreeEnsemble: nodes by (tree, node), weights that refer to them by the attributes `leaf`.
  struct LeafNames {
    std::string_view trees, nodes, targets, weights, weights_tensor;
  };
  void read_listed(auto& a, const LeafNames& leaf) {
    using Ints = std::vector<std::int64_t>;
    Ints tree, id, feature, yes, no, missing, weight_tree, weight_node, weight_target;
    std::vector<std::string> modes;
    std::vector<float> floats;
    Constant tensor;
    std::string text;
    a("nodes_treeids", tree, Ints{});
    a("nodes_nodeids", id, Ints{});
    a("nodes_featureids", feature, Ints{});
    a("nodes_truenodeids", yes, Ints{});
    a("nodes_falsenodeids", no, Ints{});
    a("nodes_missing_value_tracks_true", missing, Ints{});
    a("nodes_modes", modes, std::vector<std::string>{});
    a("nodes_values", floats, std::vector<float>{});
    a("nodes_values_as_tensor", tensor, Constant{});
    a.ignored("nodes_hitrates");
    a.ignored("nodes_hitrates_as_tensor");
    const std::vector<double> splits = numbers(floats, tensor);
    a(leaf.trees, weight_tree, Ints{});
    a(leaf.nodes, weight_node, Ints{});
    a(leaf.targets, weight_target, Ints{});
    a(leaf.weights, floats, std::vector<float>{});
    a(leaf.weights_tensor, tensor, Constant{});
    const std::vector<double> weight_values = numbers(floats, tensor);
    a("base_values", floats, std::vector<float>{});
    a("base_values_as_tensor", tensor, Constant{});
    base = numbers(floats, tensor);
    a("post_transform", text, "NONE");
    transform = post_transform_of(text);

    const std::size_t n = tree.size();
    if (id.size() != n || feature.size() != n || yes.size() != n || no.size() != n || modes.size() != n || splits.size() != n ||
        (!missing.empty() && missing.size() != n) || weight_node.size() != weight_tree.size() ||
        weight_target.size() != weight_tree.size() || weight_values.size() != weight_tree.size()) {
      fail(ErrorCode::invalid_graph, "the lists that make up its trees have different lengths");
    }
    using Name = std::pair<std::int64_t, std::int64_t>;
    std::map<Name, std::vector<Trees::Weight>> weights_of;
    for (std::size_t i = 0; i < weight_tree.size(); ++i)
      weights_of[{weight_tree[i], weight_node[i]}].push_back({weight_target[i], weight_values[i]});
    std::map<Name, std::int64_t> place;
    for (std::size_t i = 0; i < n; ++i) {
      const Name name(tree[i], id[i]);
      std::int64_t at = static_cast<std::int64_t>(trees.nodes.size());
      if (modes[i] == "LEAF") {
        at = -1 - static_cast<std::int64_t>(trees.leaves.size());
        const std::size_t begin = trees.weights.size();
        for (const Trees::Weight& weight : weights_of[name]) trees.weights.push_back(weight);
        trees.leaves.push_back({begin, trees.weights.size()});
      } else {
        Trees::Node node{mode_of(modes[i]), !missing.empty() && missing[i] != 0, feature[i], splits[i]};
        trees.nodes.push_back(node);
      }
      if (!place.emplace(name, at).second) fail(ErrorCode::invalid_graph, "tree ", tree[i], " has node ", id[i], " twice");
      if (i == 0 || tree[i] != tree[i - 1]) trees.roots.push_back(at);
    }
    for (const auto& [name, listed] : weights_of)
      if (!place.contains(name)) fail(ErrorCode::invalid_graph, "tree ", name.first, " has no node ", name.second, " for its weights");
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t at = place[{tree[i], id[i]}];
      if (at < 0) continue;
      const auto find = [&](std::int64_t node) {
        const auto found = place.find({tree[i], node});
        if (found == place.end()) fail(ErrorCode::invalid_graph, "tree ", tree[i], " has no node ", node);
        return found->second;
      };
      trees.nodes[static_cast<std::size_t>(at)].if_true = find(yes[i]);
      trees.nodes[static_cast<std::size_t>(at)].if_false = find(no[i]);
    }
  }

 private:
  static Trees::Mode mode_of(std::string_view text) {
    constexpr std::string_view names[]{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
    for (std::size_t i = 0; i < 6; ++i)
      if (names[i] == text) return static_cast<Trees::Mode>(i);
    fail(ErrorCode::invalid_graph, "unknown mode '", text, "' of a node");
  }
};

/// Source: ONNX ai.onnx.ml TreeEnsemble, opset 5.
struct TreeEnsemble : TreeModel {
  static constexpr std::string_view name = "TreeEnsemble";

  void attributes(auto& a) {
    using Ints = std::vector<std::int64_t>;
    Ints feature, yes, no, true_leafs, false_leafs, missing, leaf_targets;
    Constant modes, splits, leaf_weights, members;
    std::int64_t aggregation = 0;
    std::int64_t post = 0;
    a.required("n_targets", trees.targets);
    a("aggregate_function", aggregation, 1);
    a("post_transform", post, 0);
    a.required("tree_roots", trees.roots);
    a.required("nodes_featureids", feature);
    a.required("nodes_truenodeids", yes);
    a.required("nodes_falsenodeids", no);
    a.required("nodes_trueleafs", true_leafs);
    a.required("nodes_falseleafs", false_leafs);
    a.required("nodes_modes", modes);
    a.required("nodes_splits", splits);
    a.required("leaf_targetids", leaf_targets);
    a.required("leaf_weights", leaf_weights);
    a("nodes_missing_value_tracks_true", missing, Ints{});
    a("membership_values", members, Constant{});
    a.ignored("nodes_hitrates");
    if (aggregation < 0 || aggregation > 3 || post < 0 || post > 4)
      fail(ErrorCode::invalid_graph, "unknown aggregate_function or post_transform");
    aggregate = static_cast<Aggregate>(aggregation);
    transform = static_cast<PostTransform>(post);
    if (std::any_of(trees.roots.begin(), trees.roots.end(), [](std::int64_t root) { return root < 0; }))
      fail(ErrorCode::invalid_graph, "a tree begins at a negative index");
    const std::size_t n = feature.size();
    const auto count = static_cast<std::int64_t>(n);
    if (yes.size() != n || no.size() != n || true_leafs.size() != n || false_leafs.size() != n || modes.tensor.elements() != count ||
        splits.tensor.elements() != count || (!missing.empty() && missing.size() != n) ||
        leaf_weights.tensor.elements() != static_cast<std::int64_t>(leaf_targets.size())) {
      fail(ErrorCode::invalid_graph, "the lists that make up its trees have different lengths");
    }
    if (members.tensor.dtype != DType::undefined) trees.members = numbers({}, members);
    std::size_t member = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t mode = integer_at(modes.tensor, at);
      if (mode < 0 || mode > 6) fail(ErrorCode::invalid_graph, "unknown mode ", mode, " of a node");
      Trees::Node node{static_cast<Trees::Mode>(mode), !missing.empty() && missing[i] != 0, feature[i], number_at(splits.tensor, at)};
      node.if_true = true_leafs[i] != 0 ? -1 - yes[i] : yes[i];
      node.if_false = false_leafs[i] != 0 ? -1 - no[i] : no[i];
      if (yes[i] < 0 || no[i] < 0) fail(ErrorCode::invalid_graph, "its trees have an index that is out of range");
      if (node.mode == Trees::Mode::member) {
        node.members_begin = member;
        while (member < trees.members.size() && trees.members[member] == trees.members[member]) ++member;
        node.members_end = member++;  // a NaN ends the list
      }
      trees.nodes.push_back(node);
    }
    for (std::size_t i = 0; i < leaf_targets.size(); ++i) {
      trees.leaves.push_back({i, i + 1});
      trees.weights.push_back({leaf_targets[i], number_at(leaf_weights.tensor, static_cast<std::int64_t>(i))});
    }
    trees.check();
  }
  void shapes(const ShapeContext& c) const {
    trees.check_features(c.shape(0));
    c.output(0, {rows(c.shape(0)), trees.targets});
  }
};

/// Source: ONNX ai.onnx.ml TreeEnsembleRegressor, opsets 1 to 3.
struct TreeEnsembleRegressor : TreeModel {
  static constexpr std::string_view name = "TreeEnsembleRegressor";
  void attributes(auto& a) {
    std::string text;
    a("n_targets", trees.targets, 1);
    a("aggregate_function", text, "SUM");
    aggregate = aggregate_of(text);
    read_listed(a, {"target_treeids", "target_nodeids", "target_ids", "target_weights", "target_weights_as_tensor"});
    trees.check();
    if (!base.empty() && static_cast<std::int64_t>(base.size()) != trees.targets)
      fail(ErrorCode::invalid_graph, "there are ", base.size(), " base values for ", trees.targets, " targets");
  }
  void types(const TypeContext& c) const { c.output(0, DType::float32); }
  void shapes(const ShapeContext& c) const {
    trees.check_features(c.shape(0));
    c.output(0, {rows(c.shape(0)), trees.targets});
  }
};

/// The class with the largest score, and all scores. Two classes may share one score: that of the second class.
/// Shapes: x (N, F) -> labels (N), scores (N, classes). Source: ONNX ai.onnx.ml TreeEnsembleClassifier, opsets 1 to 3.
struct TreeEnsembleClassifier : TreeModel {
  static constexpr std::string_view name = "TreeEnsembleClassifier";
  static constexpr Arity arity{.max_outputs = 2};
  ClassLabels labels;
  bool one_score = false;        ///< two classes, weights for one
  bool positive_weights = true;  ///< none is below 0

  void attributes(auto& a) {
    a("classlabels_int64s", labels.numbers, std::vector<std::int64_t>{});
    a("classlabels_strings", labels.strings, std::vector<std::string>{});
    trees.targets = static_cast<std::int64_t>(labels.size());
    read_listed(a, {"class_treeids", "class_nodeids", "class_ids", "class_weights", "class_weights_as_tensor"});
    trees.check();
    bool single = true;
    for (const Trees::Weight& weight : trees.weights) {
      single = single && weight.target == trees.weights[0].target;
      positive_weights = positive_weights && weight.value >= 0;
    }
    one_score = trees.targets <= 2 && single && !trees.weights.empty();
  }
  void types(const TypeContext& c) const {
    c.output(0, labels.dtype());
    c.output(1, DType::float32);
  }
  void shapes(const ShapeContext& c) const {
    trees.check_features(c.shape(0));
    const std::int64_t n = rows(c.shape(0));
    c.output(0, {n});
    c.output(1, {n, one_score ? 2 : trees.targets});
  }
};

}  // namespace hone::inline HONE_ABI::ops
