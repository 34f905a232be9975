#pragma once

#include <hone/config.hpp>
#include <hone/ops/control_flow.hpp>
#include <hone/providers/cpu_device.hpp>
#include <hone/providers/kernel.hpp>

namespace hone::inline HONE_ABI {

template <>
class Kernel<ops::If, Cpu> {
 public:
  Kernel(const NodeView& node, const CpuDevice&) {
    const auto& subgraphs = node.node().subgraphs;
    for (std::size_t i = 0; i < subgraphs.size(); ++i)
      if (subgraphs[i].attribute == "then_branch") then_ = i;
  }
  static Support supports(const NodeView& node) {
    return node.input_dtype(0) == DType::boolean ? Support::yes()
                                                 : Support::no("the condition is ", name(node.input_dtype(0)), ", not bool");
  }
  void run(Context& c) const {
    if (c.input(0).elements() != 1) return c.fail("the condition has ", c.input(0).elements(), " elements, not 1");
    c.run_subgraph(*c.in<bool>(0) ? then_ : 1 - then_, {}, c.output_slots());
  }

 private:
  std::size_t then_ = 0;
};

}  // namespace hone::inline HONE_ABI
