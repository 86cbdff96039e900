#include "common/relay/kept_file.h"

#include "common/base/crc32c.h"
#include "common/base/encoding.h"
#include "common/journal/files.h"

namespace quartet::relay {

std::expected<std::string, std::string> read_kept(const std::filesystem::path& file, std::string_view mark) {
  if (!std::filesystem::exists(file)) return std::string();
  const auto whole = journal::read_whole(file);
  if (!whole) return std::unexpected(whole.error().detail);
  constexpr auto kChecksum = sizeof(std::uint32_t);
  std::string_view contents = *whole;
  if (!contents.starts_with(mark) || contents.size() < mark.size() + kChecksum)
    return std::unexpected("the file is damaged");
  auto checksum = contents.substr(contents.size() - kChecksum);
  contents.remove_suffix(kChecksum);
  if (take_le<std::uint32_t>(checksum) != crc32c(contents)) return std::unexpected("the file is damaged");
  return std::string(contents.substr(mark.size()));
}

std::expected<void, std::string> write_kept(const std::filesystem::path& file, std::string_view mark,
                                            std::string_view contents) {
  std::string out(mark);
  out += contents;
  put_le(out, crc32c(out));
  const journal::Files files(file.parent_path(), {});
  const auto written = journal::write_atomically(files, file.filename().string(), out);
  if (!written) return std::unexpected(written.error().detail);
  return {};
}

}  // namespace quartet::relay
