#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <hone/ops/unary.hpp>
#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace logger_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::SessionOptions;
using hone::Severity;
using hone::Tensor;

struct Line {
  Severity severity;
  std::string id;
  std::string tag;
  std::string text;
};

/// Keeps what it is told.
struct Log {
  std::vector<Line> lines;
  [[nodiscard]] hone::LogCallback callback() {
    return [this](const hone::LogMessage& m) { lines.push_back({m.severity, std::string(m.id), std::string(m.tag), std::string(m.text)}); };
  }
  [[nodiscard]] bool has(Severity severity, const std::string& part) const {
    for (const Line& line : lines)
      if (line.severity == severity && contains(line.text, part)) return true;
    return false;
  }
};

/// Takes no node.
class Picky final : public hone::Provider {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "Picky"; }
  [[nodiscard]] std::vector<const hone::OpInfo*> operators() const override { return {}; }
  [[nodiscard]] hone::Placement place(const hone::NodeView&) const override { return {nullptr, "", "not today"}; }
};

inline onnx::ModelProto negation() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {2})
                       .node(NodeBuilder("Identity", {"x"}, {"i"}))
                       .node(NodeBuilder("Neg", {"i"}, {"y"}))
                       .output("y"));
}

TEST_CASE("messages at or above the severity go to the callback, with the id of the session and the tag of the run") {
  Log log;
  const Session session(negation(), {.providers = {std::make_shared<Picky>(), hone::Cpu{}},
                                     .log_callback = log.callback(),
                                     .log_severity = Severity::verbose,
                                     .log_id = "mine"});
  CHECK(log.has(Severity::warning, "node 'Neg_node' (Neg) runs on CPUExecutionProvider; Picky: not today"));
  CHECK(log.has(Severity::verbose, "rewrite eliminate_no_ops: 1 patches"));
  CHECK(log.has(Severity::info, "loaded the graph 'test' of 1 nodes in "));
  const Tensor<float> x({2}, {1, 2});
  log.lines.clear();
  (void)session.run({{"x", x}}, hone::RunOptions{.tag = "tagged"});
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0].id == "mine");
  CHECK(log.lines[0].tag == "tagged");
  CHECK(contains(log.lines[0].text, "a run took "));
  log.lines.clear();
  (void)session.run({{"x", x}}, hone::RunOptions{.log_severity = Severity::warning});
  CHECK(log.lines.empty());
}

TEST_CASE("by default warnings and errors are told, and a run may ask for more") {
  Log log;
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {3})
                                   .input("i", DType::int64, {1})
                                   .node(NodeBuilder("Gather", {"x", "i"}, {"y"}))
                                   .output("y"));
  const Session session(proto, {.log_callback = log.callback()});
  const Tensor<float> x({3}, {1, 2, 3});
  const Tensor<std::int64_t> outside({1}, {3});
  const Tensor<std::int64_t> inside({1}, {2});
  (void)session.run({{"x", x}, {"i", inside}});
  CHECK(log.lines.empty());
  (void)session.run({{"x", x}, {"i", inside}}, hone::RunOptions{.log_severity = Severity::verbose});
  CHECK(log.lines.size() == 1);
  CHECK(contains(error_of([&] { (void)session.run({{"x", x}, {"i", outside}}); }), "Gather_node"));
  CHECK(log.has(Severity::error, "Gather_node"));
  CHECK(contains(error_of([&] {
                   Session s(model(17, GraphBuilder().input("x", DType::float32, {3}).node(NodeBuilder("Nope", {"x"}, {"y"})).output("y")),
                             {.log_callback = log.callback()});
                 }),
                 "Nope"));
  CHECK(log.has(Severity::error, "1 node cannot run"));
}

TEST_CASE("a callback that throws changes nothing") {
  const Session session(negation(), {.log_callback = [](const hone::LogMessage&) { throw 1; }, .log_severity = Severity::verbose});
  const Tensor<float> x({2}, {1, 2});
  CHECK(values_of<float>(session.run({{"x", x}})["y"]) == std::vector<float>{-1, -2});
}

TEST_CASE("severities have names") {
  for (const auto severity : {Severity::verbose, Severity::info, Severity::warning, Severity::error, Severity::fatal})
    CHECK(hone::parse_severity(name(severity)) == severity);
  CHECK_FALSE(hone::parse_severity("loud").has_value());
}

}  // namespace logger_test
