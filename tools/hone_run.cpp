#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <hone/hone.hpp>
#include <hone/onnx/tensor_proto.hpp>

#include "image.hpp"
#include "npy.hpp"
#include "random_input.hpp"
#include "session_arguments.hpp"
#include "summary.hpp"

namespace {

struct ImageScaling {
  double factor = 1.0 / 255;
  std::vector<double> mean;
  std::vector<double> deviation;
};

/// The picture as the input wants it: (N,C,H,W) or (N,H,W,C), with or without N, at the declared size where the model declares one;
/// (pixel * factor - mean) / deviation for real elements, the pixel itself for uint8.
hone::Value image_input(const std::filesystem::path& file, const hone::NodeArg& input, const ImageScaling& scaling) {
  using hone::DType;
  using hone::ErrorCode;
  const auto bad = [&](std::string_view why) {
    hone::fail(ErrorCode::invalid_argument, "input '", input.name, "', ", input.type(), " ", hone::to_string(input.shape),
               ", takes no picture: ", why);
  };
  const DType dtype = input.value_type.is_tensor() ? input.value_type.dtype : DType::undefined;
  if (dtype != DType::float32 && dtype != DType::uint8) bad("its elements are neither float nor uint8");
  if (!input.shape || input.shape->size() < 3 || input.shape->size() > 4) bad("its rank is neither 3 nor 4");
  const std::vector<hone::Dim>& dims = *input.shape;
  const std::size_t first = dims.size() - 3;
  const auto is_channels = [](const hone::Dim& dim) { return dim.value == 1 || dim.value == 3 || dim.value == 4; };
  const bool channels_last = !is_channels(dims[first]) && is_channels(dims[first + 2]);
  const hone::Dim& channels = dims[channels_last ? first + 2 : first];
  if (channels.value >= 0 && !is_channels(channels)) bad("it has neither 1 nor 3 nor 4 channels");
  tools::Image image = tools::read_image(file, channels.value >= 0 ? static_cast<int>(channels.value) : 3);
  const hone::Dim& height = dims[channels_last ? first : first + 1];
  const hone::Dim& width = dims[channels_last ? first + 1 : first + 2];
  image = tools::resized(image, height.value >= 0 ? height.value : image.height, width.value >= 0 ? width.value : image.width);

  hone::Shape shape;
  if (first == 1) shape.push_back(1);
  for (const std::int64_t dim :
       channels_last ? std::vector{image.height, image.width, image.channels} : std::vector{image.channels, image.height, image.width})
    shape.push_back(dim);
  hone::Value result = hone::Value::tensor(dtype, shape);
  const auto of_channel = [](const std::vector<double>& values, std::size_t channel, double otherwise) {
    return values.empty() ? otherwise : values[std::min(channel, values.size() - 1)];
  };
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (std::int64_t c = 0; c < image.channels; ++c) {
        const std::int64_t at = channels_last ? (y * image.width + x) * image.channels + c : (c * image.height + y) * image.width + x;
        const float pixel = image.at(y, x, c);
        if (dtype == DType::uint8) {
          result.ref().as<std::uint8_t>()[at] = static_cast<std::uint8_t>(pixel + 0.5f);
        } else {
          const auto channel = static_cast<std::size_t>(c);
          result.ref().as<float>()[at] =
              static_cast<float>((static_cast<double>(pixel) * scaling.factor - of_channel(scaling.mean, channel, 0)) /
                                 of_channel(scaling.deviation, channel, 1));
        }
      }
    }
  }
  return result;
}

hone::Value read_input(const std::filesystem::path& file, const hone::NodeArg& input, const ImageScaling& scaling) {
  if (file.extension() == ".npy") return tools::read_npy(file);
  if (file.extension() == ".pb") return hone::read_value(file, input.value_type);
  return image_input(file, input, scaling);
}

/// NAME=VALUE, split at the first '='; an empty name when there is none.
std::pair<std::string, std::string> split(const std::string& argument) {
  const std::size_t at = argument.find('=');
  if (at == std::string::npos) return {"", argument};
  return {argument.substr(0, at), argument.substr(at + 1)};
}

std::int64_t parse_size(std::string_view digits) {
  std::int64_t result = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
  if (error != std::errc{} || end != digits.data() + digits.size() || result < 0) {
    hone::fail(hone::ErrorCode::invalid_argument, "'", digits, "' is no size");
  }
  return result;
}

/// "1x3x224x224"; "" is a scalar.
hone::Shape parse_shape(std::string_view sizes) {
  hone::Shape result;
  while (!sizes.empty()) {
    const std::size_t end = std::min(sizes.find('x'), sizes.size());
    result.push_back(parse_size(sizes.substr(0, end)));
    sizes.remove_prefix(std::min(end + 1, sizes.size()));
  }
  return result;
}

const hone::NodeArg& find(const std::vector<hone::NodeArg>& arguments, const std::string& name, std::string_view kind) {
  const auto found = std::find_if(arguments.begin(), arguments.end(), [&](const hone::NodeArg& argument) { return argument.name == name; });
  if (found != arguments.end()) return *found;
  std::string names;
  for (const hone::NodeArg& argument : arguments) names += (names.empty() ? "'" : ", '") + argument.name + "'";
  hone::fail(hone::ErrorCode::invalid_argument, "the model has no ", kind, " '", name, "'; it has ", names);
}

/// Saves a tensor as .npy where numpy has its type, else as .pb; the parts of a sequence or a map one by one.
void save(const std::filesystem::path& folder, std::string name, const hone::Value& value) {
  std::replace(name.begin(), name.end(), '/', '_');
  if (value.is_tensor()) {
    const bool npy = tools::fits_npy(value.dtype());
    const std::filesystem::path file = folder / (name + (npy ? ".npy" : ".pb"));
    if (npy) {
      tools::write_npy(file, value.ref());
    } else {
      hone::write_tensor(file, value, name);
    }
    std::printf("saved %s\n", file.c_str());
  } else if (value.is_sequence()) {
    for (std::size_t i = 0; i < value.elements().size(); ++i) save(folder, hone::text(name, "_", i), value.elements()[i]);
  } else if (value.is_map()) {
    save(folder, name + "_keys", value.keys());
    save(folder, name + "_values", value.values());
  }
}

void print(std::string_view kind, const hone::NodeArg& argument) {
  std::printf("%.*s %s: %s %s\n", static_cast<int>(kind.size()), kind.data(), argument.name.c_str(), argument.type().c_str(),
              hone::to_string(argument.shape).c_str());
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Runs a model once and prints its inputs and outputs.");
  std::string model;
  std::vector<std::string> files;
  std::vector<std::string> wanted;
  std::vector<std::string> shapes;
  std::vector<std::string> sizes;
  std::string folder;
  std::string optimized;
  std::uint64_t seed = 1;
  bool report = false;
  ImageScaling scaling;
  tools::SessionArguments arguments;
  app.add_option("MODEL.onnx", model, "the model")->required();
  app.add_option("INPUT", files,
                 "[NAME=]FILE: .npy, .pb (TensorProto) or a picture; without a name, for the inputs in order. Others are random");
  app.add_option("--seed", seed, "of the random inputs")->capture_default_str();
  app.add_option("--shape", shapes, "NAME=1x3x224x224: shape of a random input")->allow_extra_args(false);
  app.add_option("--dim", sizes, "NAME=SIZE: size of a symbolic dimension in random inputs, 1 by default")->allow_extra_args(false);
  app.add_option("--image-scale", scaling.factor, "factor for the pixels, 0 to 255, of a picture")->capture_default_str();
  app.add_option("--image-mean", scaling.mean, "subtracted after that, per channel: 0.485,0.456,0.406")->delimiter(',');
  app.add_option("--image-std", scaling.deviation, "divided by after that, per channel")->delimiter(',');
  app.add_option("--output", wanted, "compute only this output; may be given again")->allow_extra_args(false);
  app.add_option("--save", folder, "write the outputs into this folder");
  app.add_option("--save-optimized", optimized, "write the model, as it has been rewritten, to FILE")->type_name("FILE");
  app.add_flag("--report", report, "print which provider and kernel each node got, and why");
  arguments.add_to(app);
  CLI11_PARSE(app, argc, argv);

  hone::SessionOptions options = arguments.options();
  options.optimized_model_filepath = optimized;
  const hone::Session session(std::filesystem::path(model), std::move(options));
  for (const hone::NodeArg& input : session.inputs()) print("input", input);
  for (const hone::NodeArg& initializer : session.overridable_initializers()) print("initializer", initializer);
  for (const hone::NodeArg& output : session.outputs()) print("output", output);
  if (report) std::fputs(hone::to_string(session.report()).c_str(), stdout);

  std::vector<hone::NodeArg> known = session.inputs();
  known.insert(known.end(), session.overridable_initializers().begin(), session.overridable_initializers().end());
  std::map<std::string, hone::Value> values;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto [name, file] = split(files[i]);
    if (name.empty()) {
      if (i >= known.size())
        hone::fail(hone::ErrorCode::invalid_argument, "there are ", files.size(), " files for ", known.size(), " inputs");
      name = known[i].name;
    }
    values[name] = read_input(file, find(known, name, "input"), scaling);
  }
  std::map<std::string, std::int64_t> dims;
  for (const std::string& size : sizes) {
    const auto [name, value] = split(size);
    dims[name] = parse_size(value);
  }
  std::map<std::string, hone::Shape> given;
  for (const std::string& shape : shapes) {
    const auto [name, value] = split(shape);
    given[find(session.inputs(), name, "input").name] = parse_shape(value);
  }
  std::mt19937_64 engine(seed);
  for (const hone::NodeArg& input : session.inputs()) {
    if (values.contains(input.name)) continue;
    const auto shape = given.find(input.name);
    values[input.name] = tools::random_input(input, shape == given.end() ? tools::concrete_shape(input, dims) : shape->second, engine);
    std::printf("random %s: %s\n", input.name.c_str(), tools::summary(values[input.name]).c_str());
  }

  std::vector<hone::Feed> feeds;
  for (const auto& [name, value] : values) feeds.push_back({name, value});
  for (const std::string& name : wanted) (void)find(session.outputs(), name, "output");
  const hone::Outputs outputs = wanted.empty() ? session.run(feeds) : session.run(wanted, feeds);
  for (const auto& [name, value] : outputs) std::printf("%s: %s\n", name.c_str(), tools::summary(value).c_str());
  if (!folder.empty()) {
    std::filesystem::create_directories(folder);
    for (const auto& [name, value] : outputs) save(folder, name, value);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "hone_run: %s\n", error.what());
  return 1;
}
