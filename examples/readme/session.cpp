// The second sample of README.md.
#include <chrono>
#include <cstdio>
#include <iostream>

#include <hone/hone.hpp>

int main(int argc, char** argv) try {
  hone::SessionOptions options{
      .intra_op_num_threads = 2,
      .limits = {.max_arena_bytes = 1 << 30},
      .log_callback = [](const hone::LogMessage& message) { std::cerr << message.text << '\n'; },
  };
  // An operator of your own: inputs, attributes and outputs are what the parameters say.
  options.add_op("my.domain", "Scale", [](hone::TensorView<const float> x, float a, hone::TensorView<float> y) {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = a * x[i];
  });
  const hone::Session session(argc > 1 ? argv[1] : "model.onnx", options);

  hone::Tensor<float> a({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  hone::Tensor<float> b({4, 3}, {10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120});

  // Bound once, run often: nothing is copied, and nothing allocated from the second run on.
  hone::IoBinding binding = session.io_binding();
  binding.bind_input("a", a);
  binding.bind_input("b", b);
  binding.bind_output("c");
  for (int i = 0; i < 3; ++i) {
    a[0] = static_cast<float>(i);
    session.run(binding, {.tag = "bound"});
    std::printf("%g ", static_cast<double>(binding.output("c").view<float>()[0]));  // 690 700 710
  }

  // On another thread, and cancelled when it takes too long: no node starts after the stop.
  std::stop_source stop;
  std::future<hone::Outputs> later = session.run_async({{"a", a}, {"b", b}}, hone::RunOptions{.stop_token = stop.get_token()});
  if (later.wait_for(std::chrono::seconds(10)) == std::future_status::timeout) stop.request_stop();
  std::printf("%g\n", static_cast<double>(later.get()["c"].view<float>()[0]));  // 710
} catch (const hone::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
