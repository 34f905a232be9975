#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include <hone/config.hpp>
#include <hone/graph/operator.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

/// A line of a kernel list: operator Op has a kernel for each T, or one kernel without an element type when there is none.
template <class Op, class... T>
struct entry {};

/// The kernels of a provider: entries, or further lists.
template <class... Entries>
struct KernelList {};

/// One kernel of an entry.
template <class Device>
struct KernelVariant {
  ElementKind element;                   ///< of the deciding input
  Support (*supports)(const NodeView&);  ///< asked when `element` matches; null when that is enough
  std::unique_ptr<AnyKernel> (*create)(const NodeView&, const Device&);
};

/// The kernels of an operator, as data: nodes are matched with them by code that is no template on operators and types.
template <class Device>
struct KernelEntry {
  const OpInfo* op;
  std::span<const KernelVariant<Device>> kernels;
};

/// The kernel a provider has chosen for a node, or its refusal.
template <class Device>
struct KernelChoice {
  const KernelVariant<Device>* kernel = nullptr;
  std::string name;     ///< "Softmax<float>"
  std::string refusal;  ///< a sentence, when there is no kernel
};

/// The first kernel of `entry` that supports the node.
template <class Device>
[[nodiscard]] KernelChoice<Device> choose(const KernelEntry<Device>& entry, const NodeView& node) {
  KernelChoice<Device> choice;
  const DType dtype = node.input_dtype(entry.op->type_input);
  for (const auto& kernel : entry.kernels) {
    if (!kernel.element.matches(dtype)) continue;
    const Support support = kernel.supports != nullptr ? kernel.supports(node) : Support::yes();
    const bool typed = !kernel.element.any();
    if (support) {
      choice.kernel = &kernel;
      choice.name = typed ? text(entry.op->name, "<", kernel.element, ">") : std::string(entry.op->name);
      return choice;
    }
    if (support.reason.empty()) continue;
    if (!choice.refusal.empty()) choice.refusal += "; ";
    choice.refusal += typed ? text(kernel.element, ": ", support.reason) : support.reason;
  }
  if (choice.refusal.empty() && !(entry.kernels.size() == 1 && entry.kernels[0].element.any())) {
    choice.refusal = text("no kernel for ", hone::name(dtype), "; there are kernels for ");
    for (const auto& kernel : entry.kernels) choice.refusal += text(&kernel == &entry.kernels[0] ? "" : ", ", kernel.element);
  }
  return choice;
}

namespace detail {

/// The class that runs a K.
template <class K, class Device>
HONE_COLD std::unique_ptr<AnyKernel> create_kernel(const NodeView& node, const Device& device) {
  if constexpr (requires { typename K::Shared; }) {
    using Shared = typename K::Shared;
    static_assert(sizeof(K) == sizeof(Shared), "a kernel that adds members to its base cannot be stored as that");
    return hold(AnyObject::make<Shared>(static_cast<const Shared&>(K(node, device))), kernel_functions<Shared>);
  } else {
    return hold(AnyObject::make<K>(node, device), kernel_functions<K>);
  }
}

template <class P, class K>
constexpr KernelVariant<typename P::Device> variant_of(ElementKind element) {
  if constexpr (requires(const NodeView& node) { K::supports(node); }) {
    return {element, &K::supports, &create_kernel<K, typename P::Device>};
  } else {
    return {element, nullptr, &create_kernel<K, typename P::Device>};
  }
}

template <class P, class Entry>
struct EntryOf;

template <class P, class Op, class... T>
struct EntryOf<P, entry<Op, T...>> {
  static constexpr KernelVariant<typename P::Device> kernels[sizeof...(T)]{variant_of<P, Kernel<Op, P, T>>(KindOf<T>::value)...};
};

template <class P, class Op>
struct EntryOf<P, entry<Op>> {
  static constexpr KernelVariant<typename P::Device> kernels[1]{variant_of<P, Kernel<Op, P>>(ElementKind{})};
};

template <class P, class Op, class... T>
constexpr KernelEntry<typename P::Device> table_entry(entry<Op, T...>*) noexcept {
  return {&op_info<Op>, EntryOf<P, entry<Op, T...>>::kernels};
}

/// All entries of nested lists, in order.
template <class... Lists>
struct Flatten;
template <>
struct Flatten<> {
  using type = KernelList<>;
};
template <class... A, class... B>
KernelList<A..., B...> concat(KernelList<A...>, KernelList<B...>);
template <class First, class... Rest>
struct Flatten<First, Rest...> {
  using type = decltype(concat(KernelList<First>{}, typename Flatten<Rest...>::type{}));
};
template <class... Entries, class... Rest>
struct Flatten<KernelList<Entries...>, Rest...> {
  using type = decltype(concat(typename Flatten<Entries...>::type{}, typename Flatten<Rest...>::type{}));
};

template <class Entry, class... Ops>
struct IsFor : std::false_type {};
template <class Op, class... T, class... Ops>
struct IsFor<entry<Op, T...>, Ops...> : std::disjunction<std::is_same<Op, Ops>...> {};

template <class List, class... Ops>
struct Narrow;
template <class... Entries, class... Ops>
struct Narrow<KernelList<Entries...>, Ops...> {
  using type = typename Flatten<std::conditional_t<IsFor<Entries, Ops...>::value, Entries, KernelList<>>...>::type;
};

template <class List, class Op>
struct Names;
template <class... Entries, class Op>
struct Names<KernelList<Entries...>, Op> : std::disjunction<IsFor<Entries, Op>...> {};

}  // namespace detail

/// The entries of `List` whose operator is one of Ops.
template <class List, class... Ops>
using NarrowedList = typename detail::Narrow<typename detail::Flatten<List>::type, Ops...>::type;

/// Whether `List` has an entry for the operator.
template <class List, class Op>
inline constexpr bool names_operator = detail::Names<typename detail::Flatten<List>::type, Op>::value;

/// The run-time form of a kernel list: what a provider looks nodes up in. Explicit instantiation of this class is what puts the
/// kernels of a list into one translation unit.
template <class P, class List>
struct KernelTable;
template <class P, class... Entries>
struct KernelTable<P, KernelList<Entries...>> {
  [[nodiscard]] static std::span<const KernelEntry<typename P::Device>> entries() noexcept;
};

// Outside of the class, so that it is not inline: an explicit instantiation declaration then keeps other translation units from
// instantiating the kernels.
template <class P, class... Entries>
std::span<const KernelEntry<typename P::Device>> KernelTable<P, KernelList<Entries...>>::entries() noexcept {
  static constexpr std::array<KernelEntry<typename P::Device>, sizeof...(Entries)> table{
      detail::table_entry<P>(static_cast<Entries*>(nullptr))...};
  return table;
}

}  // namespace hone::inline HONE_ABI
