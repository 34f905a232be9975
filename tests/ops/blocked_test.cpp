#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/blocked.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

// Models from files may hold what rewrites never write.
namespace blocked_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Shape;
using hone::Tensor;

/// A node of the domain on x, whose dimensions only a run shows, and where given on weights of zeros.
inline onnx::ModelProto on_blocks(NodeBuilder node, std::size_t rank, const Dims& weights = {}) {
  GraphBuilder graph;
  graph.input("x", DType::float32, Dims(rank, -1)).node(node).output("y");
  if (!weights.empty()) {
    const std::vector<float> zeros(static_cast<std::size_t>(Shape(weights).elements()));
    graph.initializer(tensor<float>("w", weights, zeros));
  }
  onnx::ModelProto proto = model(17, graph);
  import_domain(proto, "hone");
  return proto;
}

/// What is wrong with the model, or with a run of it on an x of that shape; "no error" when nothing is.
inline std::string problem(const NodeBuilder& node, const Dims& x, const Dims& weights = {}) {
  return error_of([&] {
    const Session session(on_blocks(node, x.size(), weights));
    (void)session.run({{"x", Tensor<float>::filled(Shape(x), 1)}});
  });
}

inline NodeBuilder on_x(const std::string& op) { return {op, {"x"}, {"y"}, "hone"}; }
inline NodeBuilder pool(const std::string& op) { return on_x(op).attribute("kernel_shape", Dims{2, 2}); }
inline NodeBuilder conv() { return {"BlockedConv", {"x", "w"}, {"y"}, "hone"}; }

TEST_CASE("the last block of channels may be filled in part") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  for (const auto& [channels, blocks] : std::initializer_list<std::pair<std::int64_t, std::int64_t>>{
           {0, 0}, {1, 1}, {15, 1}, {16, 1}, {17, 2}, {32, 2}, {33, 3}, {most, most / 16 + 1}})
    CHECK(hone::ops::channel_blocks(channels) == blocks);
}

TEST_CASE("channels go into blocks, with zeros beyond them, and back") {
  for (const std::int64_t channels : {0, 1, 15, 16, 17, 40}) {
    CAPTURE(channels);
    const std::int64_t blocks = hone::ops::channel_blocks(channels);
    Tensor<float> x({2, channels, 3, 2});
    float next = 0;
    for (float& element : x) element = ++next;
    const hone::Outputs blocked = Session(on_blocks(on_x("BlockChannels"), 4)).run({{"x", x}});
    REQUIRE(blocked["y"].shape() == Shape{2, blocks, 3, 2, 16});
    const auto view = blocked["y"].view<float>();
    for (std::int64_t i = 0; i < 2 * blocks * 96; ++i) {
      const std::int64_t channel = i / 96 % std::max<std::int64_t>(blocks, 1) * 16 + i % 16;
      const std::int64_t from = (i / 96 / blocks * channels + channel) * 6 + i / 16 % 6;
      if (view[static_cast<std::size_t>(i)] != (channel < channels ? static_cast<float>(from + 1) : 0.0F)) FAIL_CHECK("element ", i);
    }
    const hone::Outputs back = Session(on_blocks(on_x("UnblockChannels").attribute("channels", channels), 5)).run({{"x", blocked["y"]}});
    CHECK(back["y"].shape() == x.shape());
    CHECK(values_of<float>(back["y"]) == std::vector<float>(x.begin(), x.end()));
  }
}

TEST_CASE("what is not in blocks is refused") {
  CHECK(contains(problem(on_x("BlockChannels"), {1, 16, 4}), "its input has shape (1, 16, 4); expected (N, C, H, W)"));
  const std::string expected = "; expected (N, blocks, H, W, 16)";
  for (const Dims& x : {Dims{1, 16, 4, 4}, Dims{1, 2, 4, 4, 8}, Dims{1, 2, 4, 4, 16, 1}}) {
    const std::string wrong = hone::text("its input has shape ", Shape(x), expected);
    CAPTURE(wrong);
    CHECK(contains(problem(on_x("UnblockChannels").attribute("channels", std::int64_t{16}), x), wrong));
    CHECK(contains(problem(pool("BlockedMaxPool"), x), wrong));
    CHECK(contains(problem(pool("BlockedAveragePool"), x), wrong));
    CHECK(contains(problem(on_x("BlockedGlobalAveragePool"), x), wrong));
  }
  CHECK(contains(problem(conv(), {1, 1, 4, 4, 8}, {16, 8, 3, 3}), "its input has shape (1, 1, 4, 4, 8)" + expected));
}

TEST_CASE("blocks that do not hold the channels which are asked for") {
  const auto unblock = [](std::int64_t channels) { return on_x("UnblockChannels").attribute("channels", channels); };
  CHECK(problem(unblock(17), {1, 2, 4, 4, 16}) == "no error");
  CHECK(problem(unblock(32), {1, 2, 4, 4, 16}) == "no error");
  for (const std::int64_t channels : {std::int64_t{16}, std::int64_t{33}, std::int64_t{-17}, std::numeric_limits<std::int64_t>::min()})
    CHECK(contains(problem(unblock(channels), {1, 2, 4, 4, 16}), hone::text("(1, 2, 4, 4, 16) does not hold ", channels, " channels")));
  CHECK(contains(problem(on_x("UnblockChannels"), {1, 2, 4, 4, 16}), "'channels'"));
  CHECK(problem(conv(), {1, 2, 4, 4, 16}, {16, 20, 3, 3}) == "no error");
  CHECK(problem(conv(), {1, 20, 4, 4}, {16, 20, 3, 3}) == "no error");
  CHECK(contains(problem(conv(), {1, 1, 4, 4, 16}, {16, 20, 3, 3}), "does not hold the 20 channels of its weights"));
  CHECK(contains(problem(conv(), {1, 19, 4, 4}, {16, 20, 3, 3}), "do not agree on channels with group 1"));
  CHECK(contains(problem(conv(), {1, 2, 4, 4, 16}, {16, 20, 3}), "its weights have shape (16, 20, 3); expected (M, C / group, kH, kW)"));
  const NodeBuilder halves = conv().attribute("group", std::int64_t{2});
  CHECK(contains(problem(halves, {1, 3, 4, 4, 16}, {16, 20, 3, 3}), "its groups are no whole blocks of 16 channels"));
}

TEST_CASE("tiles of Winograd's algorithm have sides of 2 or 4, and kernels of 3 x 3 steps of 1") {
  const auto tiles = [](std::int64_t side) { return conv().attribute("winograd_tile", side); };
  for (const std::int64_t side : {0, 2, 4}) CHECK(problem(tiles(side), {1, 1, 6, 6, 16}, {16, 16, 3, 3}) == "no error");
  for (const std::int64_t side : {-2, 1, 3, 6})
    CHECK(contains(problem(tiles(side), {1, 1, 6, 6, 16}, {16, 16, 3, 3}),
                   hone::text("the attribute 'winograd_tile' is ", side, "; expected 0, 2 or 4")));
  const std::string refused = "Winograd's algorithm takes a kernel of 3 x 3, strides and dilations of 1, and one group";
  CHECK(contains(problem(tiles(2), {1, 1, 6, 6, 16}, {16, 16, 1, 1}), refused));
  CHECK(contains(problem(tiles(2).attribute("strides", Dims{2, 2}), {1, 1, 6, 6, 16}, {16, 16, 3, 3}), refused));
  CHECK(contains(problem(tiles(2).attribute("dilations", Dims{1, 2}), {1, 1, 6, 6, 16}, {16, 16, 3, 3}), refused));
  CHECK(contains(problem(tiles(2).attribute("group", std::int64_t{16}), {1, 1, 6, 6, 16}, {16, 1, 3, 3}), refused));
}

}  // namespace blocked_test
