#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <hone/config.hpp>
#include <hone/core/error.hpp>
#include <hone/core/thread_pool.hpp>
#include <hone/kernels/cpu/widened.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel_list.hpp>
#include <hone/providers/provider.hpp>

namespace hone::inline HONE_ABI {

/// Offers the kernels of a list for one instruction set.
class CpuProvider final : public Provider {
 public:
  /// `arch`: "sse2", "avx2", "avx512", "neon", "baseline"; empty takes what HONE_FORCE_ARCH names, else the best one here.
  /// Errors: invalid_argument that lists the instruction sets there are.
  CpuProvider(std::string_view arch, std::span<const std::span<const KernelEntry<CpuDevice>>> lists) : device_{isa_of(arch)} {
    for (const auto& list : lists)
      for (const auto& entry : list) entries_[entry.op].push_back(&entry);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "CPUExecutionProvider"; }

  [[nodiscard]] std::vector<const OpInfo*> operators() const override {
    std::vector<const OpInfo*> result;
    for (const auto& [op, entries] : entries_) result.push_back(op);
    return result;
  }

  [[nodiscard]] Placement place(const NodeView& node) const override {
    Placement placement;
    const auto found = entries_.find(&node.node().op->info());
    if (found == entries_.end()) {
      placement.refusal = "no kernel for the operator";
      return placement;
    }
    for (const auto* entry : found->second) {
      const KernelChoice<CpuDevice> choice = choose(*entry, node);
      if (choice.kernel != nullptr) {
        placement.kernel = choice.kernel->create(node, device_);
        placement.name = text(choice.name, " ", simd::name(device_.isa));
        placement.refusal.clear();
        return placement;
      }
      if (place_widened(*entry, node, placement)) return placement;
      if (!placement.refusal.empty()) placement.refusal += "; ";
      placement.refusal += choice.refusal;
    }
    return placement;
  }

  [[nodiscard]] bool supports(const NodeView& node) const override {
    const auto found = entries_.find(&node.node().op->info());
    return found != entries_.end() && std::any_of(found->second.begin(), found->second.end(),
                                                  [&](const auto* entry) { return choose(*entry, node).kernel != nullptr; });
  }

  [[nodiscard]] bool is_equal(const Provider& other) const noexcept override {
    const auto* cpu = dynamic_cast<const CpuProvider*>(&other);
    return cpu != nullptr && cpu->device_ == device_ && cpu->entries_ == entries_;
  }

 private:
  /// Places the node on a kernel for a wider type.
  bool place_widened(const KernelEntry<CpuDevice>& entry, const NodeView& node, Placement& placement) const {
    const DType from = node.input_dtype(entry.op->type_input);
    if (!WidenedKernel::supports(node)) return false;
    for (const DType to : wider_types(from, node.node().op->traits().integers))
      if (place_widened(entry, node, DTypeSet{from}, hone::name(from), to, placement)) return true;
    // Inputs of several types of floats: a kernel of the widest one.
    if (from != DType::float64 && !narrower_floats(DType::float64).contains(from)) return false;
    for (const DType to : {DType::float32, DType::float64}) {
      const DTypeSet floats = narrower_floats(to);
      if ((from == to || floats.contains(from)) && place_widened(entry, node, floats, "narrower floats", to, placement)) return true;
    }
    return false;
  }
  bool place_widened(const KernelEntry<CpuDevice>& entry, const NodeView& node, DTypeSet from, std::string_view converted, DType to,
                     Placement& placement) const {
    std::unique_ptr<Widening> widening = WidenedKernel::widen(node, from, to, ThreadPool::shared(1));
    const NodeView wide(node, *widening);
    const KernelChoice<CpuDevice> choice = choose(entry, wide);
    if (choice.kernel == nullptr) return false;
    placement.kernel = std::make_unique<WidenedKernel>(choice.kernel->create(wide, device_), std::move(widening));
    placement.name = text(choice.name, " ", simd::name(device_.isa), ", ", converted, " converted");
    placement.refusal.clear();
    return true;
  }

  static simd::Isa isa_of(std::string_view arch) {
    const simd::IsaSet available = simd::available_isas();
    const auto refuse = [&](std::string_view what, std::string_view from) {
      fail(ErrorCode::invalid_argument, from, " asks for the instruction set '", what, "'; available here: ", available.names());
    };
    if (available.size() == 0) {
      fail(ErrorCode::invalid_argument, "this program was compiled for ", simd::name(simd::native_isa),
           ", which this machine does not run");
    }
    if (arch.empty()) {
      const simd::IsaChoice best = simd::best_isa();
      if (best.refused != nullptr) refuse(best.refused, "HONE_FORCE_ARCH");
      return best.isa;
    }
    const std::optional<simd::Isa> isa = simd::parse_isa(arch);
    if (!isa || !available.contains(*isa)) refuse(arch, "the option arch of the CPU provider");
    return *isa;
  }

  CpuDevice device_;
  std::unordered_map<const OpInfo*, std::vector<const KernelEntry<CpuDevice>*>> entries_;
};

}  // namespace hone::inline HONE_ABI
