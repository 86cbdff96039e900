#include "ctl/read_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace quartet::ctl {

std::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.is_open() && !file.bad()) return text;
  const auto why = errno != 0 ? std::generic_category().message(errno) : std::string("cannot be read");
  return std::unexpected(path.string() + ": " + why);
}

}  // namespace quartet::ctl
