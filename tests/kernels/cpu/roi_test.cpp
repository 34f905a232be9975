#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace roi_test {

using namespace hone_test;
using hone::DType;
using hone::Tensor;

/// The mean of a feature map whose element (i, j) is 4 i + j, over one region.
std::vector<float> pooled(const std::vector<float>& region, std::int64_t sampling_ratio) {
  const hone::Session session(model(16, GraphBuilder()
                                            .input("x", DType::float32, {1, 1, 4, 4})
                                            .input("rois", DType::float32, {1, 4})
                                            .initializer(tensor<std::int64_t>("batch", {1}, {0}))
                                            .node(NodeBuilder("RoiAlign", {"x", "rois", "batch"}, {"y"})
                                                      .attribute("sampling_ratio", sampling_ratio)
                                                      .attribute("coordinate_transformation_mode", std::string("half_pixel")))
                                            .output("y")));
  Tensor<float> x({1, 1, 4, 4});
  for (int i = 0; i < 16; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(i);
  const Tensor<float> rois({1, 4}, region);
  hone::Outputs outputs = session.run({{"x", x}, {"rois", rois}});
  return values_of<float>(outputs["y"]);
}

TEST_CASE("the mean over a region of a plane is the plane at its centre") {
  // Pixels are centred at half-integers: the centre of (1, 1) to (3, 3) is (1.5, 1.5) in elements.
  CHECK(pooled({1, 1, 3, 3}, 2)[0] == doctest::Approx(4 * 1.5 + 1.5));
  CHECK(pooled({1, 1, 3, 3}, 0)[0] == doctest::Approx(4 * 1.5 + 1.5));
}

TEST_CASE("regions that would take for ever are errors that name them") {
  CHECK(contains(error_of([] { (void)pooled({0, 0, 5000, 5000}, 0); }), "a cell of region 0 has 5000 times 5000 samples"));
  CHECK(contains(error_of([] { (void)pooled({0, 0, 1e20F, 1}, 2); }), "region 0 has the coordinate 1e+20"));
}

}  // namespace roi_test
