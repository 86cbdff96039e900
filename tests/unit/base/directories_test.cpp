#include "common/base/directories.h"

#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"

namespace quartet {

TEST_CASE("Directories are made with their parents, in any spelling") {
  const test::TemporaryDirectory directory;
  CHECK_FALSE(make_directories(directory.path() / "a/b//c/"));
  CHECK(std::filesystem::is_directory(directory.path() / "a/b/c"));
  CHECK_FALSE(make_directories(directory.path() / "a/b/c"));
  CHECK_FALSE(make_directories(directory.path() / "a/./b/../d"));
  CHECK(std::filesystem::is_directory(directory.path() / "a/d"));
}

TEST_CASE("A directory that cannot be made is an error") {
  CHECK(make_directories("/proc/none/such") == std::errc::no_such_file_or_directory);
}

}  // namespace quartet
