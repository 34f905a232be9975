#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <hone/config.hpp>
#include <hone/providers/kernel.hpp>
#include <hone/session/custom_op.hpp>

namespace hone::inline HONE_ABI::detail {

/// What a parameter of a custom operator's function stands for.
enum class ParameterKind : std::uint8_t { input, optional_input, output, attribute, context };

/// How a parameter of type P gets its argument. `Kept` is what the kernel holds for it.
template <class P>
struct CustomParameter {
  static_assert(sizeof(P) == 0,
                "a custom operator takes TensorView<const T> (input), std::optional<TensorView<const T>> (input that may be left out), "
                "TensorView<T> (output), Context&, or an attribute: an arithmetic type, std::string, or a vector of float, std::int64_t or "
                "std::string");
};

struct NothingKept {};

template <class T>
struct CustomParameter<TensorView<const T>> {
  static constexpr ParameterKind kind = ParameterKind::input;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static TensorView<const T> argument(Context& c, std::size_t i, const Kept&) { return {c.in<T>(i), c.input(i).shape}; }
};
template <class T>
struct CustomParameter<std::optional<TensorView<const T>>> {
  static constexpr ParameterKind kind = ParameterKind::optional_input;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static std::optional<TensorView<const T>> argument(Context& c, std::size_t i, const Kept&) {
    if (!c.has_input(i)) return std::nullopt;
    return TensorView<const T>(c.in<T>(i), c.input(i).shape);
  }
};
template <class T>
requires(!std::is_const_v<T>) struct CustomParameter<TensorView<T>> {
  static constexpr ParameterKind kind = ParameterKind::output;
  static constexpr DType dtype = dtype_of<T>;
  using Kept = NothingKept;
  static TensorView<T> argument(Context& c, std::size_t i, const Kept&) { return {c.out<T>(i), c.output(i).shape}; }
};
template <>
struct CustomParameter<Context&> {
  static constexpr ParameterKind kind = ParameterKind::context;
  static constexpr DType dtype = DType::undefined;
  using Kept = NothingKept;
  static Context& argument(Context& c, std::size_t, const Kept&) { return c; }
};

template <class P>
struct AttributeParameter {
  static constexpr ParameterKind kind = ParameterKind::attribute;
  static constexpr DType dtype = DType::undefined;
  using Kept = P;
  static const P& argument(Context&, std::size_t, const Kept& kept) { return kept; }
};
template <class P>
requires std::is_arithmetic_v<P>
struct CustomParameter<P> : AttributeParameter<P> {
};
// clang-format off
template <> struct CustomParameter<std::string> : AttributeParameter<std::string> {};
template <> struct CustomParameter<std::vector<float>> : AttributeParameter<std::vector<float>> {};
template <> struct CustomParameter<std::vector<std::int64_t>> : AttributeParameter<std::vector<std::int64_t>> {};
template <> struct CustomParameter<std::vector<std::string>> : AttributeParameter<std::vector<std::string>> {};
// clang-format on

/// Attributes may be taken by constant reference too.
template <class P>
using ParameterOf = CustomParameter<std::conditional_t<std::is_same_v<P, Context&>, P, std::remove_cvref_t<P>>>;

/// An integer attribute may go into any arithmetic parameter, a float one into a floating-point parameter.
template <class T>
T custom_attribute(const Attribute& attribute, std::string_view name) {
  if constexpr (std::is_arithmetic_v<T>) {
    if (const auto* integer = std::get_if<std::int64_t>(&attribute)) return static_cast<T>(*integer);
    if constexpr (std::is_floating_point_v<T>)
      if (const auto* real = std::get_if<float>(&attribute)) return static_cast<T>(*real);
  } else {
    if (const auto* value = std::get_if<T>(&attribute)) return *value;
  }
  fail(ErrorCode::invalid_graph, "the attribute '", name, "' is of another kind than the parameter of the custom operator");
}

/// Which attribute each attribute parameter takes: by name, or by order when no names are given.
/// Errors: invalid_graph for a missing or unknown attribute.
inline std::vector<std::pair<std::string_view, const Attribute*>> custom_attributes(const Attributes& given,
                                                                                    const std::vector<CustomAttribute>& names,
                                                                                    std::size_t parameters) {
  std::vector<std::pair<std::string_view, const Attribute*>> result;
  if (names.empty()) {
    if (given.size() != parameters) {
      fail(ErrorCode::invalid_graph, "it has ", given.size(), " attributes; the custom operator takes ", parameters);
    }
    for (const auto& [name, value] : given) result.emplace_back(name, &value);
    return result;
  }
  for (const CustomAttribute& attribute : names) {
    const Attribute* value = given.find(attribute.name);
    if (value == nullptr && attribute.absent) value = &*attribute.absent;
    if (value == nullptr) fail(ErrorCode::invalid_graph, "the attribute '", attribute.name, "' is missing");
    result.emplace_back(attribute.name, value);
  }
  for (const auto& [name, value] : given) {
    bool known = false;
    for (const CustomAttribute& attribute : names) known = known || attribute.name == name;
    if (!known) fail(ErrorCode::invalid_graph, "unknown attribute '", name, "'");
  }
  return result;
}

template <class F, class... P>
class CustomKernel final : public AnyKernel {
 public:
  CustomKernel(std::shared_ptr<const F> function, const std::vector<std::pair<std::string_view, const Attribute*>>& attributes)
      : CustomKernel(std::move(function), attributes, std::index_sequence_for<P...>{}) {}

  void run(Context& context) const override {
    try {
      call(context, std::index_sequence_for<P...>{});
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      context.fail(error.what());
    }
  }

  /// Position of each parameter among those of its kind.
  static constexpr std::array<std::size_t, sizeof...(P)> positions() {
    constexpr std::array<ParameterKind, sizeof...(P)> kinds{ParameterOf<P>::kind...};
    std::array<std::size_t, sizeof...(P)> result{};
    const auto group = [](ParameterKind kind) { return kind == ParameterKind::optional_input ? ParameterKind::input : kind; };
    for (std::size_t i = 0; i < kinds.size(); ++i)
      for (std::size_t k = 0; k < i; ++k)
        if (group(kinds[k]) == group(kinds[i])) ++result[i];
    return result;
  }

 private:
  template <std::size_t... I>
  CustomKernel(std::shared_ptr<const F> function, const std::vector<std::pair<std::string_view, const Attribute*>>& attributes,
               std::index_sequence<I...>)
      : function_(std::move(function)), kept_(kept<ParameterOf<P>>(attributes, positions()[I])...) {}

  template <class Parameter>
  static typename Parameter::Kept kept(const std::vector<std::pair<std::string_view, const Attribute*>>& attributes, std::size_t position) {
    if constexpr (Parameter::kind == ParameterKind::attribute) {
      return custom_attribute<typename Parameter::Kept>(*attributes[position].second, attributes[position].first);
    } else {
      return {};
    }
  }

  template <std::size_t... I>
  void call(Context& context, std::index_sequence<I...>) const {
    (*function_)(ParameterOf<P>::argument(context, positions()[I], std::get<I>(kept_))...);
  }

  std::shared_ptr<const F> function_;
  std::tuple<typename ParameterOf<P>::Kept...> kept_;
};

template <class F, class... P>
CustomOverload make_overload(F function, CustomOpOptions options) {
  CustomOverload overload;
  std::size_t attributes = 0;
  const auto add = [&](ParameterKind kind, DType dtype) {
    if (kind == ParameterKind::input || kind == ParameterKind::optional_input)
      overload.inputs.push_back({dtype, kind == ParameterKind::optional_input});
    if (kind == ParameterKind::output) overload.outputs.push_back(dtype);
    if (kind == ParameterKind::attribute) ++attributes;
  };
  (add(ParameterOf<P>::kind, ParameterOf<P>::dtype), ...);
  overload.untyped = overload.inputs.empty() && overload.outputs.empty();
  if (overload.outputs.empty() && !overload.untyped) {
    fail(ErrorCode::invalid_argument, "a custom operator has no output: outputs are parameters of type TensorView<T>, T not const");
  }
  if (overload.inputs.empty() && !overload.untyped && !options.shapes) {
    fail(ErrorCode::invalid_argument, "a custom operator without inputs needs CustomOpOptions::shapes");
  }
  if (options.traits.data_dependent && !overload.untyped) {
    fail(ErrorCode::invalid_argument, "a custom operator whose shapes depend on data takes a Context and calls Context::allocate");
  }
  if (!options.attributes.empty() && options.attributes.size() != attributes) {
    fail(ErrorCode::invalid_argument, "there are ", options.attributes.size(), " attribute names for ", attributes,
         " attribute parameters of a custom operator");
  }
  overload.options = std::move(options);
  overload.make_kernel = [shared = std::make_shared<const F>(std::move(function)), names = overload.options.attributes,
                          attributes](const Attributes& given) -> std::unique_ptr<AnyKernel> {
    return std::make_unique<CustomKernel<F, P...>>(shared, custom_attributes(given, names, attributes));
  };
  return overload;
}

template <class Call>
struct CustomCall {
  static_assert(sizeof(Call) == 0,
                "a custom operator is a function pointer, or an object with one operator() that is const and returns void");
};
// clang-format off
template <class C, class... P> struct CustomCall<void (C::*)(P...) const> {
  template <class F> static CustomOverload make(F f, CustomOpOptions o) { return make_overload<F, P...>(std::move(f), std::move(o)); }
};
template <class C, class... P> struct CustomCall<void (C::*)(P...) const noexcept> : CustomCall<void (C::*)(P...) const> {};
template <class... P> struct CustomCall<void (*)(P...)> {
  template <class F> static CustomOverload make(F f, CustomOpOptions o) { return make_overload<F, P...>(std::move(f), std::move(o)); }
};
template <class... P> struct CustomCall<void (*)(P...) noexcept> : CustomCall<void (*)(P...)> {};
// clang-format on

template <class F>
CustomOverload custom_overload(F function, CustomOpOptions options) {
  if constexpr (std::is_pointer_v<F>) {
    return CustomCall<F>::make(std::move(function), std::move(options));
  } else {
    return CustomCall<decltype(&F::operator())>::make(std::move(function), std::move(options));
  }
}

}  // namespace hone::inline HONE_ABI::detail
