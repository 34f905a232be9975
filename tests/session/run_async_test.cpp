#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace run_async_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

inline onnx::ModelProto gate() {
  auto proto = model(17, GraphBuilder()
                             .input("x", DType::float32, {2})
                             .node(NodeBuilder("Gate", {"x"}, {"y"}, "test"))
                             .node(NodeBuilder("Neg", {"y"}, {"z"}))
                             .output("z"));
  import_domain(proto, "test");
  return proto;
}

/// Gate copies its input once `open` says so.
inline hone::SessionOptions gate_options(std::latch& begun, std::latch& open) {
  hone::SessionOptions options;
  options.add_op("test", "Gate", [&](hone::TensorView<const float> x, hone::TensorView<float> y) {
    begun.count_down();
    open.wait();
    std::copy(x.begin(), x.end(), y.begin());
  });
  return options;
}

inline onnx::ModelProto negation() {
  return model(17, GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Neg", {"x"}, {"z"})).output("z"));
}

TEST_CASE("run_async gives the outputs, or the error, to a future and to a callback") {
  const Session session(negation());
  const Tensor<float> x({2}, {1, 2});
  std::vector<std::future<hone::Outputs>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(session.run_async({{std::string("x"), x}}));
  for (auto& future : futures) CHECK(values_of<float>(future.get()["z"]) == std::vector<float>{-1, -2});
  auto wrong = session.run_async({{"q", x}});
  CHECK(contains(error_of([&] { (void)wrong.get(); }), "no input 'q'"));

  std::latch called(2);
  std::thread::id where;
  std::string message;
  std::vector<float> result;
  session.run_async({{"x", x}}, [&](hone::Outputs outputs, const std::exception_ptr& error) {
    where = std::this_thread::get_id();
    if (error == nullptr) result = values_of<float>(outputs["z"]);
    called.count_down();
    throw 1;  // dropped
  });
  session.run_async({{"q", x}}, [&](const hone::Outputs& outputs, const std::exception_ptr& error) {
    message = error_of([&] { std::rethrow_exception(error); });
    if (outputs.size() != 0) message.clear();
    called.count_down();
  });
  called.wait();
  CHECK(where != std::this_thread::get_id());
  CHECK(result == std::vector<float>{-1, -2});
  CHECK(contains(message, "no input 'q'"));
}

TEST_CASE("a session may be destroyed while it runs: the run goes on to its end") {
  std::latch begun(2);
  std::latch open(1);
  auto session = std::make_unique<Session>(gate(), gate_options(begun, open));
  const Tensor<float> x({2}, {1, 2});
  std::future<hone::Outputs> asynchronous = session->run_async({{"x", x}});
  std::vector<float> result;
  std::thread synchronous([&, s = session.get()] { result = values_of<float>(s->run({{"x", x}})["z"]); });
  begun.wait();
  session.reset();
  open.count_down();
  synchronous.join();
  CHECK(result == std::vector<float>{-1, -2});
  CHECK(values_of<float>(asynchronous.get()["z"]) == std::vector<float>{-1, -2});
}

TEST_CASE("a callback may destroy its session") {
  auto session = std::make_shared<std::optional<Session>>(std::in_place, negation(), hone::SessionOptions{.use_per_session_threads = true});
  const Tensor<float> x({2}, {1, 2});
  std::latch called(1);
  (*session)->run_async({{"x", x}}, [&](const hone::Outputs&, const std::exception_ptr&) {
    session->reset();
    called.count_down();
  });
  called.wait();
  CHECK_FALSE(session->has_value());
}

TEST_CASE("an asynchronous run is cancelled by its stop token") {
  std::latch begun(1);
  std::latch open(1);
  const Session session(gate(), gate_options(begun, open));
  const Tensor<float> x({2}, {1, 2});
  std::stop_source source;
  auto future = session.run_async({{"x", x}}, hone::RunOptions{.stop_token = source.get_token()});
  begun.wait();
  source.request_stop();
  open.count_down();
  CHECK(contains(error_of([&] { (void)future.get(); }), "'Neg_node' (Neg, opset 17): the run was cancelled"));
}

TEST_CASE("a session that was moved from says so") {
  Session session(negation());
  const Session other = std::move(session);
  const Tensor<float> x({2}, {1, 2});
  CHECK(contains(error_of([&] { (void)session.run({{"x", x}}); }), "moved from"));
  CHECK(values_of<float>(other.run({{"x", x}})["z"]) == std::vector<float>{-1, -2});
}

/// Runs each task on a thread of its own.
class ThreadPerTask final : public hone::Executor {
 public:
  explicit ThreadPerTask(bool takes) : takes_(takes) {}
  ~ThreadPerTask() override {
    for (auto& thread : threads_) thread.join();
  }
  [[nodiscard]] int concurrency() const noexcept override { return 2; }
  bool submit(void (*task)(void*) noexcept, void* argument) noexcept override {
    ++offered;
    if (!takes_) return false;
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([=] { task(argument); });
    return true;
  }
  std::atomic<int> offered{0};

 private:
  bool takes_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

TEST_CASE("a session works on the threads of the host, and without those that the host refuses") {
  const auto proto = model(17, GraphBuilder()
                                   .input("x", DType::float32, {256, 256})
                                   .node(NodeBuilder("MatMul", {"x", "x"}, {"y"}))
                                   .node(NodeBuilder("Exp", {"y"}, {"z"}))
                                   .output("z"));
  Tensor<float> x = Tensor<float>::filled({256, 256}, 0.01f);
  const std::vector<float> expected = values_of<float>(Session(proto, {.intra_op_num_threads = 1}).run({{"x", x}})["z"]);
  for (const bool takes : {true, false}) {
    const auto executor = std::make_shared<ThreadPerTask>(takes);
    const Session session(proto, {.executor = executor});
    for (int i = 0; i < 5; ++i) CHECK(values_of<float>(session.run({{"x", x}})["z"]) == expected);
    CHECK(executor->offered > 0);
    if (takes) {
      CHECK(values_of<float>(session.run_async({{"x", x}}).get()["z"]) == expected);
    } else {
      CHECK(contains(error_of([&] { (void)session.run_async({{"x", x}}); }), "takes no task"));
    }
  }
}

}  // namespace run_async_test
