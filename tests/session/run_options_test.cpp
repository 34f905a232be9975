#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace run_options_test {

using namespace hone_test;
using hone::DType;
using hone::ErrorCode;
using hone::Session;
using hone::Tensor;

/// y = stop(x), z = count(y): the first one may request a stop, the second one counts how often it runs.
struct Probe {
  std::atomic<int> counted{0};
  std::stop_source source;
  std::atomic<bool> flag{false};
  bool stops = true;

  [[nodiscard]] hone::SessionOptions options() {
    hone::SessionOptions result;
    using View = hone::TensorView<const float>;
    result.add_op("test", "Stop", [this](View x, hone::TensorView<float> y) {
      std::copy(x.begin(), x.end(), y.begin());
      if (!stops) return;
      source.request_stop();
      flag = true;
    });
    result.add_op("test", "Count", [this](View x, hone::TensorView<float> y) {
      std::copy(x.begin(), x.end(), y.begin());
      ++counted;
    });
    return result;
  }
};

inline onnx::ModelProto with_domain(onnx::ModelProto proto) {
  import_domain(proto, "test");
  return proto;
}

inline onnx::ModelProto chain() {
  return with_domain(model(17, GraphBuilder()
                                   .input("x", DType::float32, {2})
                                   .node(NodeBuilder("Stop", {"x"}, {"y"}, "test"))
                                   .node(NodeBuilder("Count", {"y"}, {"z"}, "test"))
                                   .output("z")));
}

TEST_CASE("a run that is stopped starts no further node, and the session stays usable") {
  Probe probe;
  const Session session(chain(), probe.options());
  const Tensor<float> x({2}, {1, 2});
  for (const bool by_token : {true, false}) {
    probe.counted = 0;
    hone::RunOptions options;
    if (by_token) {
      options.stop_token = probe.source.get_token();
    } else {
      options.terminate = &probe.flag;
    }
    probe.flag = false;
    probe.source = std::stop_source();
    if (by_token) options.stop_token = probe.source.get_token();
    try {
      (void)session.run({{"x", x}}, options);
      FAIL("no error");
    } catch (const hone::Error& error) {
      CHECK(error.code() == ErrorCode::cancelled);
      CHECK(error.node() == "Count_node");
    }
    CHECK(probe.counted == 0);
    // Once stopped, a run does not begin.
    CHECK(code_of([&] { (void)session.run({{"x", x}}, options); }) == ErrorCode::cancelled);
  }
  probe.stops = false;
  probe.flag = false;
  CHECK(values_of<float>(session.run({{"x", x}}, {.terminate = &probe.flag})["z"]) == std::vector<float>{1, 2});
  CHECK(probe.counted == 1);
}

TEST_CASE("a stop is effective inside a subgraph, and from another thread") {
  const auto branch =
      GraphBuilder().node(NodeBuilder("Stop", {"x"}, {"y"}, "test")).node(NodeBuilder("Count", {"y"}, {"z"}, "test")).output("z").proto();
  const auto proto =
      with_domain(model(17, GraphBuilder()
                                .input("x", DType::float32, {2})
                                .input("c", DType::boolean, {})
                                .node(NodeBuilder("If", {"c"}, {"r"}).attribute("then_branch", branch).attribute("else_branch", branch))
                                .output("r")));
  Probe probe;
  hone::SessionOptions options;
  options.add_op("test", "Stop",
                 [&](hone::TensorView<const float>, hone::TensorView<float>) { std::thread([&] { probe.source.request_stop(); }).join(); });
  options.add_op("test", "Count", [&](hone::TensorView<const float>, hone::TensorView<float>) { ++probe.counted; });
  const Session session(proto, options);
  const Tensor<float> x({2}, {1, 2});
  const Tensor<bool> c({}, {true});
  try {
    (void)session.run({{"x", x}, {"c", c}}, {.stop_token = probe.source.get_token()});
    FAIL("no error");
  } catch (const hone::Error& error) {
    CHECK(error.code() == ErrorCode::cancelled);
    CHECK(error.node() == "Count_node");
  }
  CHECK(probe.counted == 0);
}

TEST_CASE("loading is cancelled before and while it goes on") {
  std::stop_source source;
  source.request_stop();
  hone::SessionOptions options;
  options.stop_token = source.get_token();
  CHECK(code_of([&] { Session session(chain(), options); }) == ErrorCode::cancelled);
  const onnx::ModelProto proto = chain();
  auto future = Session::create_async(proto, options);
  CHECK(code_of([&] { (void)future.get(); }) == ErrorCode::cancelled);

  // Once the model is loaded, its token means nothing any more: not to a program that is made later.
  std::stop_source after;
  Session loaded(model(17, GraphBuilder()
                               .input("x", DType::float32, {2})
                               .input("w", DType::float32, {2})
                               .initializer(tensor<float>("w", {2}, {10, 20}))
                               .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                               .output("y")),
                 {.stop_token = after.get_token()});
  after.request_stop();
  const Tensor<float> x({2}, {1, 2});
  CHECK(values_of<float>(loaded.run({{"x", x}, {"w", x}})["y"]) == std::vector<float>{1, 4});
  loaded.set_providers({"cpu"});
  CHECK(values_of<float>(loaded.run({{"x", x}})["y"]) == std::vector<float>{10, 40});

  // The first node's type inference requests the stop; the next node is not read.
  std::stop_source later;
  bool second_read = false;
  hone::SessionOptions while_loading;
  const auto copy = [](hone::TensorView<const float>, hone::TensorView<float>) {};
  while_loading.add_op("test", "Stop", copy, {.types = [&](const hone::TypeContext& c) {
                         later.request_stop();
                         c.output(0, c.input(0));
                       }});
  while_loading.add_op("test", "Count", copy, {.types = [&](const hone::TypeContext& c) {
                         second_read = true;
                         c.output(0, c.input(0));
                       }});
  while_loading.stop_token = later.get_token();
  CHECK(code_of([&] { Session session(chain(), while_loading); }) == ErrorCode::cancelled);
  CHECK_FALSE(second_read);
}

}  // namespace run_options_test
