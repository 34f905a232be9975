#include "../../tools/npy.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include <hone/hone.hpp>

#include "support/model.hpp"
#include "support/temporary_file.hpp"

namespace npy_test {

using hone_test::contains;
using hone_test::TemporaryFile;

/// What read_npy() says of such a file.
std::string problem(const std::string& bytes) {
  const TemporaryFile file(bytes);
  return hone_test::error_of([&] { (void)tools::read_npy(file.path()); });
}

TEST_CASE("npy: what is written is read again") {
  const TemporaryFile file("");
  for (const hone::Shape& shape : {hone::Shape{}, hone::Shape{4}, hone::Shape{2, 3}, hone::Shape{0, 3}, hone::Shape{1, 2, 1, 3}}) {
    hone::Tensor<std::int16_t> tensor(shape);
    std::int16_t next = -2;
    for (std::int16_t& element : tensor) element = next++;
    tools::write_npy(file.path(), tensor.ref());
    CHECK(std::filesystem::file_size(file.path()) % 64 == tensor.size() * sizeof(std::int16_t) % 64);
    const hone::Value read = tools::read_npy(file.path());
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
  const hone::Value value = tools::read_npy(file.path());
  REQUIRE(value.shape() == hone::Shape{2});
  CHECK(value.view<float>()[0] == 1.0f);
  CHECK(value.view<float>()[1] == -2.0f);
  CHECK(contains(problem(bytes + "1234"), "needs 8"));
  std::string fortran = bytes + "12345678";
  fortran.replace(fortran.find("False"), 5, "True ");
  CHECK(contains(problem(fortran), "Fortran order"));
  std::string big_endian = bytes + "12345678";
  big_endian.replace(big_endian.find("<f4"), 3, ">f4");
  CHECK(contains(problem(big_endian), "'>f4'"));
}

TEST_CASE("npy: files that are none are errors") {
  CHECK(contains(problem(""), "is no .npy file"));
  CHECK(contains(problem("something else altogether"), "is no .npy file"));
  CHECK(contains(problem(std::string("\x93NUMPY\x01\0\xff\xff too short", 20)), "ends inside its header"));
  CHECK_THROWS_AS((void)tools::read_npy("no/such/file.npy"), hone::Error);
  CHECK_THROWS_AS(tools::write_npy("no/such/file.npy", hone::Tensor<float>({1}).ref()), hone::Error);
}

}  // namespace npy_test
