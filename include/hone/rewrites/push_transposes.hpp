#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/ops/squeeze.hpp>
#include <hone/rewrites/data_flow.hpp>
#include <hone/rewrites/permutation.hpp>
#include <hone/rewrites/transposed_node.hpp>

namespace hone::inline HONE_ABI::rewrites {

/// Transposes move down through all nodes that work in another layout as well, until they meet others with which they cancel. The nodes
/// below a Transpose that can read what it reads instead are a region; in place of the Transposes into it and out of it stand
///   none                     where two cancel, at constants, and at scalars
///   one of the merged order  where the region borders on a Transpose
///   a new one                elsewhere
/// The region takes the other layout where the Transposes afterwards move fewer elements, open dimensions counting as 1, or as many in
/// fewer nodes: that sum falls with each patch. Nodes that make it larger are left out of the region.
struct PushTransposes {
  static constexpr std::string_view name = "push_transposes";

  [[nodiscard]] std::optional<Patch> operator()(const DataFlow& flow, std::size_t at) const {
    const Node& node = flow.node(at);
    for (const ValueId id : node.inputs) {
      const Node* transpose = flow.producer(id);
      const auto perm = transpose != nullptr ? permutation(flow, *transpose) : std::nullopt;
      if (!perm || is_identity(*perm) || !flow.varies(id)) continue;
      Region region(flow, at, id, *perm);
      if (region.pays()) return region.patch();
    }
    return std::nullopt;
  }

 private:
  /// Elements that Transposes move, and their number.
  struct Cost {
    double elements = 0;
    int nodes = 0;

    void add(const Cost& other, int times) {
      elements += times * other.elements;
      nodes += times * other.nodes;
    }
    [[nodiscard]] bool operator<(const Cost& other) const {
      return elements != other.elements ? elements < other.elements : nodes < other.nodes;
    }
  };

  class Region {
   public:
    /// Grows from the node `at` that uses a value which is transposed by `perm`.
    Region(const DataFlow& flow, std::size_t at, ValueId seed, const Permutation& perm) : flow_(flow), seed_(at) {
      const TransposedNodes nodes(flow);
      std::map<ValueId, Permutation> reached{{seed, perm}};
      for (std::size_t i = at; i < flow.size() && members_.size() < largest; ++i) {
        const Node& node = flow.node(i);
        const auto entry = std::find_if(node.inputs.begin(), node.inputs.end(), [&](ValueId id) { return reached.contains(id); });
        if (entry == node.inputs.end() || !node.subgraphs.empty()) continue;
        auto transposed = nodes.read(node, reached.at(*entry));
        if (!transposed || !can_enter(node, *transposed, reached)) continue;
        const Permutation order = reached.at(*entry);
        for (const std::size_t k : transposed->data) enter_branch(nodes, node.inputs[k], order, reached);
        enter(i, std::move(*transposed), order, reached);
      }
      prune();
    }

    [[nodiscard]] bool pays() const { return members_.contains(seed_) && cost() < Cost{}; }

    [[nodiscard]] Patch patch() const {
      Patch patch;
      std::map<ValueId, ValueId> made;                               // old value -> the one in the other layout
      std::map<std::pair<ValueId, Permutation>, ValueId> converted;  // what comes from outside, in the layout of a member
      for (const auto& [at, member] : members_) {
        std::vector<Node> nodes = nodes_of(at, member, made, converted, patch);
        if (at == seed_) {
          patch.nodes = std::move(nodes);
        } else {
          patch.others.emplace_back(at, std::move(nodes));
        }
      }
      return patch;
    }

   private:
    struct Member {
      TransposedNode node;
      Permutation perm;  ///< of its inputs
    };
    /// Larger regions are taken in parts.
    static constexpr std::size_t largest = 128;

    void enter(std::size_t at, TransposedNode transposed, const Permutation& perm, std::map<ValueId, Permutation>& reached) {
      const Node& node = flow_.node(at);
      for (std::size_t k = 0; k < node.outputs.size(); ++k)
        if (node.outputs[k] != no_value) reached.emplace(node.outputs[k], transposed.outputs[k]);
      members_.emplace(at, Member{std::move(transposed), perm});
    }
    /// What makes another input of a member, where that reads a Transpose of its own.
    void enter_branch(const TransposedNodes& nodes, ValueId id, const Permutation& perm, std::map<ValueId, Permutation>& reached) {
      const Node* maker = flow_.producer(id);
      if (maker == nullptr || reached.contains(id) || maker->inputs.empty() || !maker->subgraphs.empty()) return;
      const Node* transpose = flow_.producer(maker->inputs[0]);
      const auto own = transpose != nullptr ? permutation(flow_, *transpose) : std::nullopt;
      if (own != perm || permutation(flow_, *maker)) return;
      auto transposed = nodes.read(*maker, perm);
      if (transposed && transposed->data == std::vector<std::size_t>{0} && transposed->outputs[0] == perm)
        enter(static_cast<std::size_t>(maker - &flow_.node(0)), std::move(*transposed), perm, reached);
    }

    [[nodiscard]] const Node& node(std::size_t at) const { return flow_.node(at); }
    /// Whether all inputs that are to take another layout can, and no others have been reached.
    [[nodiscard]] bool can_enter(const Node& node, const TransposedNode& transposed, const std::map<ValueId, Permutation>& reached) const {
      const std::size_t rank = transposed.rank;
      for (std::size_t k = 0; k < node.inputs.size(); ++k) {
        const bool data = std::find(transposed.data.begin(), transposed.data.end(), k) != transposed.data.end();
        const auto found = reached.find(node.inputs[k]);
        if (found != reached.end() && (!data || found->second.size() != rank)) return false;
        if (data && flow_.rank(node.inputs[k]).value_or(rank + 1) > rank) return false;
      }
      return true;
    }

    /// An input as a Transpose of another value, whether one is there or not.
    struct Source {
      ValueId value;
      Permutation perm;     ///< empty when it is the value itself
      bool inside = false;  ///< a member makes the value
    };
    [[nodiscard]] Source source(ValueId id, std::size_t rank) const {
      if (const Permutation* own = inside(id)) return {id, *own, true};
      const Node* maker = flow_.producer(id);
      const auto perm = maker != nullptr ? permutation(flow_, *maker) : std::nullopt;
      if (!perm || perm->size() != rank) return {id, {}};
      if (const Permutation* own = inside(maker->inputs[0])) return {maker->inputs[0], composed(*own, *perm), true};
      return {maker->inputs[0], *perm};
    }
    /// What is left to do to bring a source into the layout of a member.
    [[nodiscard]] static Permutation order(const Source& from, const Permutation& member) {
      return from.perm.empty() ? inverse(member) : composed(from.perm, inverse(member));
    }

    /// The permutation of a value that a member makes.
    [[nodiscard]] const Permutation* inside(ValueId id) const {
      const Node* maker = flow_.producer(id);
      if (maker == nullptr) return nullptr;
      const auto found = members_.find(static_cast<std::size_t>(maker - &flow_.node(0)));
      if (found == members_.end()) return nullptr;
      const auto at = std::find(maker->outputs.begin(), maker->outputs.end(), id) - maker->outputs.begin();
      return &found->second.node.outputs[static_cast<std::size_t>(at)];
    }
    [[nodiscard]] bool is_single(ValueId id) const {
      const SymbolicShape* dims = flow_.dims(id);
      return dims != nullptr &&
             std::all_of(dims->begin(), dims->end(), [](const SymbolicInteger& dim) { return dim == SymbolicInteger{1}; });
    }
    /// The dimensions of a value, or, where its members make it as a Transpose by `perm` of another one, those of that; empty when unknown.
    [[nodiscard]] SymbolicShape dims(ValueId id, const Permutation* perm = nullptr) const {
      const SymbolicShape* known = flow_.dims(id);
      if (known == nullptr) return {};
      SymbolicShape result = *known;
      for (std::size_t i = 0; perm != nullptr && i < known->size(); ++i) result[static_cast<std::size_t>((*perm)[i])] = (*known)[i];
      return result;
    }
    /// Of a Transpose by `perm` of a value of these dimensions.
    [[nodiscard]] static Cost transposing(const SymbolicShape& dims, const Permutation& perm) {
      if (is_identity(perm)) return {};
      Cost result{1, 1};
      for (const SymbolicInteger& dim : dims)
        if (dim.is_number()) result.elements *= static_cast<double>(dim.number);
      if (dims.size() == perm.size() && !moves_elements(dims, perm)) result.elements = 0;
      return result;
    }

    /// Of all Transposes around the region, less those that are there without it.
    [[nodiscard]] Cost cost() const {
      Cost total;
      std::vector<std::pair<ValueId, Permutation>> seen;
      for (const auto& [at, member] : members_) {
        for (const std::size_t k : member.node.data) {
          const ValueId id = node(at).inputs[k];
          std::pair entry(id, member.perm);
          if (std::find(seen.begin(), seen.end(), entry) != seen.end()) continue;
          total.add(entering(id, member.perm), 1);
          seen.push_back(std::move(entry));
        }
        for (std::size_t k = 0; k < node(at).outputs.size(); ++k)
          if (node(at).outputs[k] != no_value) total.add(leaving(node(at).outputs[k], member.node.outputs[k]), 1);
      }
      std::vector<ValueId> values;
      for (const auto& [id, perm] : seen)
        if (std::find(values.begin(), values.end(), id) == values.end()) values.push_back(id);
      for (const ValueId id : values) {
        const Node* transpose = inside(id) == nullptr ? flow_.producer(id) : nullptr;
        const auto perm = transpose != nullptr ? permutation(flow_, *transpose) : std::nullopt;
        if (perm && inside(transpose->inputs[0]) == nullptr && all_users_inside(id))
          total.add(transposing(dims(transpose->inputs[0]), *perm), -1);
      }
      return total;
    }
    [[nodiscard]] bool all_users_inside(ValueId id) const {
      return !flow_.is_output(id) && std::all_of(flow_.users(id).begin(), flow_.users(id).end(), [&](std::size_t user) {
        const auto member = members_.find(user);
        if (member == members_.end()) return false;
        const std::vector<std::size_t>& data = member->second.node.data;
        for (std::size_t k = 0; k < node(user).inputs.size(); ++k)
          if (node(user).inputs[k] == id && std::find(data.begin(), data.end(), k) == data.end()) return false;
        return true;
      });
    }
    /// Of what brings an input into the layout of a member.
    [[nodiscard]] Cost entering(ValueId id, const Permutation& perm) const {
      if (flow_.constant(id) != nullptr || !flow_.varies(id) || is_single(id)) return {};
      const Source from = source(id, perm.size());
      return transposing(dims(from.value, inside(from.value)), order(from, perm));
    }
    /// Of what brings a result back for those who are no members.
    [[nodiscard]] Cost leaving(ValueId id, const Permutation& perm) const {
      Cost total;
      if (is_identity(perm)) return total;
      bool restored = flow_.is_output(id);
      for (const std::size_t user : flow_.users(id)) {
        if (members_.contains(user)) continue;
        const auto next = permutation(flow_, node(user));
        if (!next || next->size() != perm.size()) {
          restored = true;
          continue;
        }
        total.add(transposing(dims(id), *next), -1);
        total.add(transposing(dims(id, &perm), composed(perm, *next)), 1);
      }
      if (restored) total.add(transposing(dims(id, &perm), perm), 1);
      return total;
    }

    /// Leaves out members, from the last to the first, without which the others cost less.
    void prune() {
      Cost least = cost();
      for (bool changed = true; changed && members_.size() > 1;) {
        changed = false;
        std::vector<std::size_t> places;
        for (const auto& [at, member] : members_) places.push_back(at);
        for (auto at = places.rbegin(); at != places.rend(); ++at) {
          if (*at == seed_) continue;
          auto member = members_.extract(*at);
          const Cost without = cost();
          if (without < least) {
            least = without;
            changed = true;
          } else {
            members_.insert(std::move(member));
          }
        }
      }
    }

    /// A member in its other layout, with the Transposes around it.
    [[nodiscard]] std::vector<Node> nodes_of(std::size_t at, const Member& member, std::map<ValueId, ValueId>& made,
                                             std::map<std::pair<ValueId, Permutation>, ValueId>& converted, Patch& patch) const {
      std::vector<Node> nodes;
      const Node& old = node(at);
      const auto add = [&](ValueId like, const char* suffix) {
        return patch.add_value(flow_.graph(), made_value(flow_[like].name + suffix, flow_[like].type));
      };
      std::vector<ValueId> inputs = old.inputs;
      for (const std::size_t k : member.node.data) {
        const ValueId id = old.inputs[k];
        if (is_single(id) && inside(id) == nullptr) continue;
        const auto [entry, absent] = converted.try_emplace({id, member.perm}, id);
        if (absent) {
          const Source source_of = source(id, member.perm.size());
          ValueId from = source_of.inside ? made.at(source_of.value) : source_of.value;
          if (const std::size_t rank = *flow_.rank(id); rank < member.perm.size()) {
            std::vector<std::int64_t> axes;
            for (std::size_t i = 0; i < member.perm.size() - rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
            const ValueId list = patch.add_value(flow_.graph(), list_constant(flow_[id].name + "/axes", axes));
            from = add(id, "/unsqueezed");
            nodes.push_back(make_node(old, ops::Unsqueeze{}, {}, {id, list}, {from}));
          }
          if (const Permutation left = order(source_of, member.perm); !is_identity(left)) {
            const ValueId transposed = add(id, "/transposed");
            nodes.push_back(make_transpose(old, left, from, transposed));
            from = transposed;
          }
          entry->second = from;
        }
        inputs[k] = entry->second;
      }
      for (const auto& [k, list] : member.node.lists) {
        if (inputs.size() <= k) inputs.resize(k + 1, no_value);
        inputs[k] = patch.add_value(flow_.graph(), list_constant(old.name + "/axes", list));
      }
      std::vector<ValueId> outputs = old.outputs;
      std::vector<Node> behind;
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        if (outputs[k] == no_value || is_identity(member.node.outputs[k])) {
          if (outputs[k] != no_value) made[outputs[k]] = outputs[k];
          continue;
        }
        outputs[k] = add(old.outputs[k], "/before_transpose");
        made[old.outputs[k]] = outputs[k];
        if (leave(old.outputs[k], outputs[k], member.node.outputs[k], patch))
          behind.push_back(make_transpose(old, member.node.outputs[k], outputs[k], old.outputs[k]));
      }
      nodes.push_back(copy_node(old, member.node.attributes, std::move(inputs), std::move(outputs)));
      std::move(behind.begin(), behind.end(), std::back_inserter(nodes));
      return nodes;
    }
    /// Lets the Transposes that read `old` read `made` instead; true where others are left that read `old`.
    bool leave(ValueId old, ValueId made, const Permutation& perm, Patch& patch) const {
      bool restored = flow_.is_output(old);
      for (const std::size_t user : flow_.users(old)) {
        if (members_.contains(user)) continue;
        const auto next = permutation(flow_, node(user));
        if (!next || next->size() != perm.size()) {
          restored = true;
          continue;
        }
        const Permutation order = composed(perm, *next);
        if (is_identity(order)) {
          patch.replacements.emplace_back(node(user).outputs[0], made);
        } else {
          std::vector<Node> merged;
          merged.push_back(make_transpose(node(user), order, made, node(user).outputs[0]));
          patch.others.emplace_back(user, std::move(merged));
        }
      }
      return restored;
    }

    const DataFlow& flow_;
    std::size_t seed_;
    std::map<std::size_t, Member> members_;  // by node
  };
};

}  // namespace hone::inline HONE_ABI::rewrites
