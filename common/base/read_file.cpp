#include "common/base/read_file.h"

#include <cerrno>
#include <fstream>
#include <system_error>

namespace quartet {

std::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  // By read(), which says so where it fails: an iterator throws, of a directory for one.
  char buffer[65'536];
  while (file.read(buffer, sizeof buffer) || file.gcount() > 0)
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
  if (file.is_open() && !file.bad()) return text;
  return std::unexpected(errno != 0 ? std::generic_category().message(errno) : std::string("cannot be read"));
}

}  // namespace quartet
