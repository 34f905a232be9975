#include "../../tools/npy.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include <doctest/doctest.h>

#include <hone/hone.hpp>

namespace npy_test {

/// A file that is gone when the test ends.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes = {}) { std::ofstream(path, std::ios::binary) << bytes; }
  ~TemporaryFile() { std::filesystem::remove(path); }
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("hone_npy_test_" + std::to_string(::getpid()) + ".npy");
};

std::string error_of(const std::string& bytes) {
  const TemporaryFile file(bytes);
  try {
    (void)tools::read_npy(file.path);
  } catch (const hone::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_CASE("npy: what is written is read again") {
  const TemporaryFile file;
  for (const hone::Shape& shape : {hone::Shape{}, hone::Shape{4}, hone::Shape{2, 3}, hone::Shape{0, 3}, hone::Shape{1, 2, 1, 3}}) {
    hone::Tensor<std::int16_t> tensor(shape);
    std::int16_t next = -2;
    for (std::int16_t& element : tensor) element = next++;
    tools::write_npy(file.path, tensor.ref());
    CHECK(std::filesystem::file_size(file.path) % 64 == tensor.size() * sizeof(std::int16_t) % 64);
    const hone::Value read = tools::read_npy(file.path);
    REQUIRE(read.shape() == shape);
    const auto view = read.view<std::int16_t>();
    CHECK(std::equal(tensor.begin(), tensor.end(), view.begin(), view.end()));
  }
}

TEST_CASE("npy: the header is version 1, as numpy writes it") {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }         \n";
  std::string bytes("\x93NUMPY\x01\0", 8);
  bytes.push_back(static_cast<char>(header.size()));
  bytes.push_back('\0');
  bytes += header;
  const TemporaryFile file(bytes + std::string("\0\0\x80\x3f\0\0\0\xc0", 8));
  const hone::Value value = tools::read_npy(file.path);
  REQUIRE(value.shape() == hone::Shape{2});
  CHECK(value.view<float>()[0] == 1.0f);
  CHECK(value.view<float>()[1] == -2.0f);
  CHECK(error_of(bytes + "1234").find("needs 8") != std::string::npos);
  std::string fortran = bytes + "12345678";
  fortran.replace(fortran.find("False"), 5, "True ");
  CHECK(error_of(fortran).find("Fortran order") != std::string::npos);
  std::string big_endian = bytes + "12345678";
  big_endian.replace(big_endian.find("<f4"), 3, ">f4");
  CHECK(error_of(big_endian).find("'>f4'") != std::string::npos);
}

TEST_CASE("npy: files that are none are errors") {
  CHECK(error_of("").find("is no .npy file") != std::string::npos);
  CHECK(error_of("something else altogether").find("is no .npy file") != std::string::npos);
  CHECK(error_of(std::string("\x93NUMPY\x01\0\xff\xff too short", 20)).find("ends inside its header") != std::string::npos);
  CHECK_THROWS_AS((void)tools::read_npy("no/such/file.npy"), hone::Error);
  CHECK_THROWS_AS(tools::write_npy("no/such/file.npy", hone::Tensor<float>({1}).ref()), hone::Error);
}

}  // namespace npy_test
