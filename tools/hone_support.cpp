#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <hone/hone.hpp>

#include "session_arguments.hpp"

namespace {

/// Reads one model, which follows its length. Returns false at the end of the input. Errors: invalid_protobuf.
bool read_model(std::istream& in, std::vector<char>& model) {
  unsigned char length[4];
  if (!in.read(reinterpret_cast<char*>(length), sizeof length)) return false;
  std::uint32_t bytes = 0;
  for (int i = 3; i >= 0; --i) bytes = bytes << 8 | length[i];
  model.resize(bytes);
  if (!in.read(model.data(), bytes)) hone::fail(hone::ErrorCode::invalid_protobuf, "the input ends within a model of ", bytes, " bytes");
  return true;
}

/// "yes" and the types of the outputs, or "no" and why.
std::string answer(const std::vector<char>& model, const hone::SessionOptions& options) try {
  const hone::Session session(std::as_bytes(std::span(model)), options);
  std::string result = "yes";
  for (const hone::NodeArg& output : session.outputs()) result += " " + output.type();
  return result;
} catch (const std::exception& error) {
  std::string reason = error.what();
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return "no " + reason;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app(
      "Reads models from the standard input, each after its length in bytes (uint32, little endian), and prints a line for each: "
      "\"yes\" and the types of the outputs when a session can be made of it, else \"no\" and why.");
  tools::SessionArguments session;
  session.add_to(app);
  CLI11_PARSE(app, argc, argv);
  const hone::SessionOptions options = session.options();
  std::vector<char> model;
  while (read_model(std::cin, model)) std::printf("%s\n", answer(model, options).c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hone_support: %s\n", error.what());
  return 1;
}
