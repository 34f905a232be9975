#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include <hone/providers/cpu.hpp>
#include <hone/session/session.hpp>

#include "support/model.hpp"

namespace io_binding_test {

using namespace hone_test;
using hone::DType;
using hone::Session;
using hone::Tensor;

/// y = -x for x (n, 2), and n where x > 0.
inline onnx::ModelProto two_outputs() {
  return model(17, GraphBuilder()
                       .input("x", DType::float32, {-1, 2})
                       .initializer(tensor<float>("zero", {}, {0}))
                       .node(NodeBuilder("Neg", {"x"}, {"y"}))
                       .node(NodeBuilder("Greater", {"x", "zero"}, {"positive"}))
                       .node(NodeBuilder("NonZero", {"positive"}, {"at"}))
                       .output("y")
                       .output("at"));
}

TEST_CASE("a binding reads and writes the caller's memory, and allocates outputs of unknown shape") {
  const Session session(two_outputs());
  Tensor<float> x({2, 2}, {1, -2, -3, 4});
  Tensor<float> y({2, 2});
  hone::IoBinding binding = session.io_binding();
  binding.bind_input("x", x);
  binding.bind_output("y", y);
  binding.bind_output("at");
  CHECK_FALSE(binding.output("at").has_value());
  CHECK(binding.bound_outputs() == std::vector<std::string>{"y", "at"});
  session.run(binding);
  CHECK(std::vector<float>(y.begin(), y.end()) == std::vector<float>{-1, 2, 3, -4});
  CHECK(binding.output("at").shape() == hone::Shape{2, 2});
  CHECK(values_of<std::int64_t>(binding.output("at")) == std::vector<std::int64_t>{0, 1, 0, 1});
  // The same memory, filled again; fewer results go into the same memory too.
  const void* memory = binding.output("at").ref().data;
  x[0] = -1;
  session.run(binding);
  CHECK(y[0] == 1);
  CHECK(binding.output("at").shape() == hone::Shape{2, 1});
  CHECK(binding.output("at").ref().data == memory);
}

TEST_CASE("inputs and outputs are bound again, to other shapes and other places") {
  const Session session(two_outputs());
  const Tensor<float> x({1, 2}, {1, 2});
  const Tensor<float> longer({3, 2}, {1, 2, 3, 4, 5, 6});
  hone::IoBinding binding = session.io_binding();
  binding.bind_input("x", x);
  binding.bind_output("y");
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{-1, -2});
  binding.bind_input("x", longer);
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{-1, -2, -3, -4, -5, -6});
  hone::Value value;
  binding.bind_output("y", value);
  session.run(binding);
  CHECK(values_of<float>(value)[5] == -6);
  CHECK(contains(error_of([&] { (void)binding.output("y"); }), "'y' is bound to memory of the caller"));
  // What one session makes is the input of the next run.
  binding.bind_output("y");
  session.run(binding);
  hone::Value negated = binding.output("y").clone();
  binding.bind_input("x", negated);
  session.run(binding);
  CHECK(values_of<float>(binding.output("y"))[5] == 6);
}

TEST_CASE("a wrong binding is an error that names what was expected") {
  const Session session(two_outputs());
  hone::IoBinding binding = session.io_binding();
  const Tensor<float> x({1, 2}, {1, 2});
  const Tensor<double> wrong_type({1, 2});
  const Tensor<float> wrong_shape({2});
  Tensor<float> small({1, 1});
  Tensor<double> wrong_result({1, 2});
  CHECK(contains(error_of([&] { binding.bind_input("q", x); }), "no input 'q'; its inputs are 'x'"));
  CHECK(contains(error_of([&] { binding.bind_input("x", wrong_type); }), "has type tensor(double); the model expects tensor(float)"));
  CHECK(contains(error_of([&] { binding.bind_input("x", wrong_shape); }), "has shape (2,); the model expects (?, 2)"));
  CHECK(contains(error_of([&] { binding.bind_output("q"); }), "no output 'q'; its outputs are 'y', 'at'"));
  CHECK(contains(error_of([&] { (void)binding.output("y"); }), "'y' is not bound"));
  CHECK(contains(error_of([&] { session.run(binding); }), "the binding has no outputs"));
  binding.bind_output("y", small);
  CHECK(contains(error_of([&] { session.run(binding); }), "'x' (tensor(float)) is not fed"));
  binding.bind_input("x", x);
  CHECK(contains(error_of([&] { session.run(binding); }),
                 "output 'y': the result is tensor(float) of shape (1, 2); the tensor for it is tensor(float) of shape (1, 1)"));
  const Session other(two_outputs());
  CHECK(contains(error_of([&] { other.run(binding); }), "of another session"));
  binding.bind_output("y");
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{-1, -2});
  binding.clear_outputs();
  binding.clear_inputs();
  CHECK(contains(error_of([&] { session.run(binding); }), "no outputs"));
  binding.bind_output("y");
  CHECK_FALSE(binding.output("y").has_value());
  CHECK(contains(error_of([&] { session.run(binding); }), "not fed"));
}

TEST_CASE("an output of a declared type is checked when it is bound") {
  const Session session(
      model(17, GraphBuilder().input("x", DType::float32, {2}).node(NodeBuilder("Neg", {"x"}, {"y"})).output("y", DType::float32)));
  hone::IoBinding binding = session.io_binding();
  Tensor<double> wrong({2});
  CHECK(contains(error_of([&] { binding.bind_output("y", wrong); }), "is tensor(double); the model gives tensor(float)"));
}

TEST_CASE("an initializer is overridden through a binding, and a binding survives other providers") {
  Session session(model(17, GraphBuilder()
                                .input("x", DType::float32, {2})
                                .input("w", DType::float32, {2})
                                .initializer(tensor<float>("w", {2}, {10, 20}))
                                .node(NodeBuilder("Mul", {"x", "w"}, {"y"}))
                                .output("y")));
  const Tensor<float> x({2}, {1, 2});
  const Tensor<float> w({2}, {3, 4});
  hone::IoBinding binding = session.io_binding();
  binding.bind_input("x", x);
  binding.bind_output("y");
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{10, 40});
  binding.bind_input("w", w);
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{3, 8});
  session.set_providers({hone::Cpu{}});
  session.run(binding);
  CHECK(values_of<float>(binding.output("y")) == std::vector<float>{3, 8});
}

}  // namespace io_binding_test
