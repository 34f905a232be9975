#pragma once

#include <array>
#include <concepts>
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

/// The kernel a provider has chosen for a node, or its refusal.
template <class Device>
struct KernelChoice {
  std::unique_ptr<AnyKernel> (*create)(const NodeView&, const Device&) = nullptr;
  std::string kernel;   ///< "Softmax<float>"
  std::string refusal;  ///< a sentence, when create is null
};

template <class Device>
struct KernelEntry {
  const OpInfo* op;
  KernelChoice<Device> (*choose)(const NodeView&);
};

namespace detail {

template <class K, class Device>
std::unique_ptr<AnyKernel> create_kernel(const NodeView& node, const Device& device) {
  return std::make_unique<KernelOf<K>>(node, device);
}

template <class Op, class P, class... T>
bool try_kernel(const NodeView& node, KernelChoice<typename P::Device>& choice) {
  using K = Kernel<Op, P, T...>;
  Support support;
  if constexpr (requires { K::supports(node); }) {
    support = K::supports(node);
  } else if constexpr (sizeof...(T) == 1) {
    support.supported = (ElementMatch<T>::matches(deciding_dtype<Op>(node)) && ...);
  }
  const std::string element = (std::string{} + ... + ElementMatch<T>::describe());
  if (support) {
    choice.create = &create_kernel<K, typename P::Device>;
    choice.kernel = sizeof...(T) == 0 ? std::string(Op::name) : text(Op::name, "<", element, ">");
    return true;
  }
  if (!support.reason.empty()) {
    if (!choice.refusal.empty()) choice.refusal += "; ";
    choice.refusal += element.empty() ? support.reason : text(element, ": ", support.reason);
  }
  return false;
}

template <class P, class Entry>
struct EntryOf;

template <class P, class Op, class... T>
struct EntryOf<P, entry<Op, T...>> {
  static KernelChoice<typename P::Device> choose(const NodeView& node) {
    KernelChoice<typename P::Device> choice;
    if constexpr (sizeof...(T) == 0) {
      try_kernel<Op, P>(node, choice);
    } else {
      if ((try_kernel<Op, P, T>(node, choice) || ...)) return choice;
      if (choice.refusal.empty()) {
        std::string list;
        ((list += (list.empty() ? "" : ", ") + ElementMatch<T>::describe()), ...);
        choice.refusal = text("no kernel for ", name(deciding_dtype<Op>(node)), "; there are kernels for ", list);
      }
    }
    return choice;
  }
  static constexpr KernelEntry<typename P::Device> value{&op_info<Op>, &choose};
};

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

template <class List>
struct Size;
template <class... Entries>
struct Size<KernelList<Entries...>> : std::integral_constant<std::size_t, sizeof...(Entries)> {};

}  // namespace detail

/// The entries of `List` whose operator is one of Ops.
template <class List, class... Ops>
using NarrowedList = typename detail::Narrow<typename detail::Flatten<List>::type, Ops...>::type;

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
  static constexpr std::array<KernelEntry<typename P::Device>, sizeof...(Entries)> table{detail::EntryOf<P, Entries>::value...};
  return table;
}

}  // namespace hone::inline HONE_ABI
