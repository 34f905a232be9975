#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <hone/core/packed_bits.hpp>
#include <hone/kernels/cpu/loop.hpp>
#include <hone/kernels/cpu/sequence.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace sequence_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// A sequence of (a, b), then `node`, which makes y of it.
inline onnx::ModelProto on_sequence(const NodeBuilder& node, DType output = DType::undefined) {
  return model(15, GraphBuilder()
                       .input("a", DType::float32, {-1})
                       .input("b", DType::float32, {-1})
                       .input("i", DType::int64, {})
                       .node(NodeBuilder("SequenceConstruct", {"a", "b"}, {"s"}))
                       .node(node)
                       .output("y", output));
}

struct Fed {
  Tensor<float> a{{2}, {1, 2}};
  Tensor<float> b{{1}, {3}};
  Tensor<std::int64_t> i{{}, {0}};
  explicit Fed(std::int64_t position = 0) { i[0] = position; }
  [[nodiscard]] hone::Outputs run(const onnx::ModelProto& proto) const { return Session(proto).run({{"a", a}, {"b", b}, {"i", i}}); }
};

TEST_CASE("SequenceAt counts negative positions from the end, and refuses those beyond it") {
  const auto proto = on_sequence(NodeBuilder("SequenceAt", {"s", "i"}, {"y"}));
  CHECK(values_of<float>(Fed(0).run(proto)["y"]) == std::vector<float>{1, 2});
  CHECK(values_of<float>(Fed(-1).run(proto)["y"]) == std::vector<float>{3});
  CHECK(contains(error_of([&] { (void)Fed(2).run(proto); }), "position 2 is out of range"));
  CHECK(contains(error_of([&] { (void)Fed(-3).run(proto); }), "out of range"));
}

TEST_CASE("SequenceInsert, SequenceErase and ConcatFromSequence") {
  const auto inserted = on_sequence(NodeBuilder("SequenceInsert", {"s", "b", "i"}, {"y"}));
  CHECK(Fed(2).run(inserted)["y"].elements().size() == 3);
  CHECK(contains(error_of([&] { (void)Fed(3).run(inserted); }), "out of range"));
  const auto erased = on_sequence(NodeBuilder("SequenceErase", {"s", "i"}, {"y"}));
  const hone::Outputs rest = Fed(0).run(erased);
  CHECK(values_of<float>(rest["y"].elements()[0]) == std::vector<float>{3});
  const auto joined = on_sequence(NodeBuilder("ConcatFromSequence", {"s"}, {"y"}).attribute("axis", std::int64_t{0}));
  CHECK(values_of<float>(Fed().run(joined)["y"]) == std::vector<float>{1, 2, 3});
  const auto stacked = on_sequence(
      NodeBuilder("ConcatFromSequence", {"s"}, {"y"}).attribute("axis", std::int64_t{0}).attribute("new_axis", std::int64_t{1}));
  CHECK(contains(error_of([&] { (void)Fed().run(stacked); }), "do not fit together"));
}

TEST_CASE("SplitToSequence checks that the pieces are the whole") {
  const auto split = [](const Dims& sizes) {
    const auto proto = model(13, GraphBuilder()
                                     .input("x", DType::float32, {3})
                                     .input("n", DType::int64, {-1})
                                     .node(NodeBuilder("SplitToSequence", {"x", "n"}, {"y"}))
                                     .output("y"));
    const Tensor<float> x({3}, {1, 2, 3});
    const Tensor<std::int64_t> n({static_cast<std::int64_t>(sizes.size())}, sizes);
    return Session(proto).run({{"x", x}, {"n", n}});
  };
  CHECK(split({1, 2})["y"].elements()[1].shape() == hone::Shape{2});
  CHECK(contains(error_of([&] { (void)split({1, 1}); }), "2 rows together"));
  CHECK(contains(error_of([&] { (void)split({4, -1}); }), "does not fit"));
}

TEST_CASE("an empty optional has no element to give") {
  onnx::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(1);
  auto node = NodeBuilder("Optional", {}, {"o"}).proto();
  auto* attribute = node.add_attribute();
  attribute->set_name("type");
  attribute->set_type(onnx::AttributeProto::TYPE_PROTO);
  *attribute->mutable_tp() = type;
  const auto ask = [&](const char* op) {
    auto proto = model(15, GraphBuilder().node(NodeBuilder(op, {"o"}, {"y"})).output("y"));
    *proto.mutable_graph()->add_node() = node;
    return Session(proto).run(std::span<const hone::Feed>());
  };
  CHECK_FALSE(ask("OptionalHasElement")["y"].view<bool>()[0]);
  CHECK(contains(error_of([&] { (void)ask("OptionalGetElement"); }), "the optional is empty"));
}

/// x doubled `n` times while x < 100, with x of each iteration in a row.
inline onnx::ModelProto doubling() {
  const auto body = GraphBuilder()
                        .input("i", DType::int64, {})
                        .input("go", DType::boolean, {})
                        .input("v", DType::float32, {})
                        .node(NodeBuilder("Add", {"v", "v"}, {"w"}))
                        .node(NodeBuilder("Less", {"w", "limit"}, {"on"}))
                        .node(NodeBuilder("Identity", {"w"}, {"row"}))
                        .output("on", DType::boolean)
                        .output("w", DType::float32)
                        .output("row", DType::float32);
  return model(16, GraphBuilder()
                       .input("n", DType::int64, {})
                       .input("x", DType::float32, {})
                       .initializer(tensor<float>("limit", {}, {100}))
                       .node(NodeBuilder("Loop", {"n", "", "x"}, {"last", "rows"}).attribute("body", body.proto()))
                       .output("last", DType::float32)
                       .output("rows", DType::float32));
}

TEST_CASE("Loop stops by count or by condition, stacks rows, and sees outer values; no iteration leaves the variables as they were") {
  const Session session(doubling());
  const auto run = [&](std::int64_t n, float x) {
    const Tensor<std::int64_t> trips({}, {n});
    const Tensor<float> value({}, {x});
    return session.run({{"n", trips}, {"x", value}});
  };
  const hone::Outputs three = run(3, 1);
  CHECK(values_of<float>(three["last"]) == std::vector<float>{8});
  CHECK(values_of<float>(three["rows"]) == std::vector<float>{2, 4, 8});
  CHECK(values_of<float>(run(1000, 30)["rows"]) == std::vector<float>{60, 120});
  const hone::Outputs none = run(0, 5);
  CHECK(values_of<float>(none["last"]) == std::vector<float>{5});
  CHECK(none["rows"].shape() == hone::Shape{0});
  CHECK(values_of<float>(run(3, 1)["rows"]) == std::vector<float>{2, 4, 8});
}

TEST_CASE("Scan cuts its inputs along an axis, from either end") {
  const auto body = GraphBuilder()
                        .input("sum", DType::float32, {2})
                        .input("part", DType::float32, {2})
                        .node(NodeBuilder("Add", {"sum", "part"}, {"total"}))
                        .node(NodeBuilder("Identity", {"total"}, {"row"}))
                        .output("total", DType::float32)
                        .output("row", DType::float32);
  const auto run = [&](std::int64_t direction, const hone::Shape& shape) {
    auto node = NodeBuilder("Scan", {"init", "x"}, {"last", "rows"})
                    .attribute("body", body.proto())
                    .attribute("num_scan_inputs", std::int64_t{1})
                    .attribute("scan_input_axes", Dims{1})
                    .attribute("scan_input_directions", Dims{direction})
                    .attribute("scan_output_axes", Dims{-1});
    const auto proto = model(
        16,
        GraphBuilder().input("init", DType::float32, {2}).input("x", DType::float32, {-1, -1}).node(node).output("last").output("rows"));
    Tensor<float> x(shape);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    const Tensor<float> init({2}, {0, 0});
    return Session(proto).run({{"init", init}, {"x", x}});
  };
  const hone::Outputs forward = run(0, {2, 3});
  CHECK(forward["rows"].shape() == hone::Shape{2, 3});
  CHECK(values_of<float>(forward["rows"]) == std::vector<float>{0, 1, 3, 3, 7, 12});
  CHECK(values_of<float>(run(1, {2, 3})["rows"]) == std::vector<float>{2, 3, 3, 5, 9, 12});
  CHECK(contains(error_of([&] { (void)run(2, {2, 3}); }), "the direction 2 is neither 0 nor 1"));
  CHECK(values_of<float>(run(0, {2, 0})["last"]) == std::vector<float>{0, 0});
}

/// Runs a model on one input of int4 whose elements are 0, 1, 2 …, in bytes of two.
inline std::vector<std::uint8_t> run_packed(const onnx::ModelProto& proto, const hone::Shape& shape, const char* output) {
  hone::Value x = hone::Value::tensor(DType::int4, shape);
  for (std::int64_t i = 0; i < shape.elements(); i += 2) x.ref().as<std::uint8_t>()[i / 2] = static_cast<std::uint8_t>(i | (i + 1) << 4);
  const hone::Outputs y = Session(proto).run({{"x", x}});
  const auto* bytes = y[output].ref().as<const std::uint8_t>();
  return {bytes, bytes + y[output].ref().bytes()};
}

TEST_CASE("Scan cuts and stacks elements that share bytes") {
  const auto body =
      GraphBuilder().input("part", DType::int4, {3}).node(NodeBuilder("Identity", {"part"}, {"row"})).output("row", DType::int4);
  const auto run = [&](std::int64_t axis) {
    auto node = NodeBuilder("Scan", {"x"}, {"rows"})
                    .attribute("body", body.proto())
                    .attribute("num_scan_inputs", std::int64_t{1})
                    .attribute("scan_input_axes", Dims{axis})
                    .attribute("scan_output_axes", Dims{0});
    const Dims dims = axis == 0 ? Dims{2, 3} : Dims{3, 2};
    const auto proto = model(21, GraphBuilder().input("x", DType::int4, dims).node(node).output("rows", DType::int4));
    return run_packed(proto, hone::Shape{dims[0], dims[1]}, "rows");
  };
  CHECK(run(0) == std::vector<std::uint8_t>{0x10, 0x32, 0x54});
  CHECK(run(1) == std::vector<std::uint8_t>{0x20, 0x14, 0x53});
}

TEST_CASE("Loop keeps elements that share bytes when it never runs, and stacks them") {
  const auto loop = [](std::int64_t trips) {
    const auto body = GraphBuilder()
                          .input("i", DType::int64, {})
                          .input("on", DType::boolean, {})
                          .input("v", DType::int4, {3})
                          .node(NodeBuilder("Identity", {"on"}, {"again"}))
                          .node(NodeBuilder("Identity", {"v"}, {"w"}))
                          .node(NodeBuilder("Identity", {"v"}, {"row"}))
                          .output("again", DType::boolean)
                          .output("w", DType::int4)
                          .output("row", DType::int4);
    return model(21, GraphBuilder()
                         .input("x", DType::int4, {3})
                         .initializer(tensor<std::int64_t>("trips", {}, {trips}))
                         .node(NodeBuilder("Loop", {"trips", "", "x"}, {"y", "rows"}).attribute("body", body.proto()))
                         .output("y", DType::int4)
                         .output("rows", DType::int4));
  };
  const auto low = [](std::vector<std::uint8_t> bytes) {
    bytes.back() &= 0xf;
    return bytes;
  };
  CHECK(low(run_packed(loop(0), {3}, "y")) == std::vector<std::uint8_t>{0x10, 0x02});
  CHECK(run_packed(loop(2), {3}, "rows") == std::vector<std::uint8_t>{0x10, 0x02, 0x21});
}

TEST_CASE("a Loop that would not end, and rows without end, stop at the limits; the session stays usable") {
  const auto body = GraphBuilder()
                        .input("i", DType::int64, {})
                        .input("on", DType::boolean, {})
                        .node(NodeBuilder("Identity", {"on"}, {"again"}))
                        .node(NodeBuilder("Identity", {"x"}, {"row"}))
                        .output("again", DType::boolean)
                        .output("row", DType::float32);
  const auto proto = model(21, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .input("n", DType::int64, {})
                                   .input("on", DType::boolean, {})
                                   .node(NodeBuilder("Loop", {"n", "on"}, {"rows"}).attribute("body", body.proto()))
                                   .output("rows", DType::float32));
  const auto rows = [](const Session& session, std::int64_t n) {
    const Tensor<float> x({2}, {1, 2});
    const Tensor<std::int64_t> trips({}, {n});
    const Tensor<bool> on({}, {true});
    return session.run({{"x", x}, {"n", trips}, {"on", on}})["rows"].shape()[0];
  };
  constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();
  const Session few(proto, {.limits = {.max_loop_iterations = 100}});
  const std::string message = error_of([&] { (void)rows(few, endless); });
  CHECK(contains(message, "limits.max_loop_iterations is 100"));
  CHECK(contains(message, "Loop_node"));
  CHECK(rows(few, 100) == 100);
  CHECK_THROWS_AS((void)rows(few, 101), hone::Error);
  const Session small(proto, {.limits = {.max_tensor_bytes = 1 << 10}});
  CHECK(contains(error_of([&] { (void)rows(small, endless); }), "limits.max_tensor_bytes is 1024"));
  CHECK(rows(small, 128) == 128);
}

TEST_CASE("Scan reverses and stacks elements of 6 bits, which begin within bytes") {
  const auto body = GraphBuilder()
                        .input("part", DType::float6e3m2, {3})
                        .node(NodeBuilder("Identity", {"part"}, {"row"}))
                        .output("row", DType::float6e3m2);
  auto node = NodeBuilder("Scan", {"x"}, {"rows"})
                  .attribute("body", body.proto())
                  .attribute("num_scan_inputs", std::int64_t{1})
                  .attribute("scan_input_directions", Dims{1});
  const auto proto = model(25, GraphBuilder().input("x", DType::float6e3m2, {5, 3}).node(node).output("rows", DType::float6e3m2));
  hone::Value x = hone::Value::tensor(DType::float6e3m2, {5, 3});
  for (std::int64_t i = 0; i < 15; ++i) hone::append_packed_bits(x.ref().as<std::uint8_t>(), i, 6, static_cast<unsigned>(3 * i + 7));
  const hone::Outputs y = Session(proto).run({{"x", x}});
  for (std::int64_t i = 0; i < 15; ++i) {
    const std::int64_t from = (4 - i / 3) * 3 + i % 3;
    CHECK(hone::packed_bits(y["rows"].ref().as<std::uint8_t>(), i, 6) == static_cast<unsigned>(3 * from + 7));
  }
}

}  // namespace sequence_test
