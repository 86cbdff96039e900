#include "ctl/transfer/line_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "ctl/transfer/local_files.h"

namespace quartet::transfer {

std::string as_word(std::string_view text) {
  if (text.empty()) return "%";
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) > ' ' && c != '%' && c != '\x7F')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string from_word(std::string_view word) {
  if (word == "%") return {};
  std::string out;
  while (!word.empty()) {
    const bool coded = word.front() == '%' && word.size() > 2;
    const auto code = coded ? ascii::to_number<unsigned>(word.substr(1, 2), 16) : std::nullopt;
    out += code ? static_cast<char>(*code) : word.front();
    word.remove_prefix(code ? 3 : 1);
  }
  return out;
}

std::vector<std::string_view> words_of(std::string_view line, std::size_t count, std::string_view* rest) {
  std::vector<std::string_view> words;
  while (words.size() < count) {
    if (line.empty()) return {};
    const auto end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  if (rest == nullptr && !line.empty()) return {};
  if (rest != nullptr) *rest = line;
  return words;
}

Outcome<LineFile> LineFile::open(const std::string& path, const std::string& first_line,
                                 const std::function<bool(std::string_view)>& take) {
  LineFile out;
  if (path.empty()) return out;
  out.path_ = path;
  out.file_ = File(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!out.file_.is_open()) return system_error("open", path);
  if (::flock(out.file_.get(), LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(path + ": another transfer is at work with it");
  const auto content = read_content(path);
  if (!content) return std::unexpected(content.error());
  // Somebody else's file stays as it is. Of ours a crash may have left the beginning of the first line.
  if (!(first_line + "\n").starts_with(content->bytes) && !content->bytes.starts_with("quartet-transfer "))
    return std::unexpected(path + ": is no file that --resume has made");
  const auto whole = content->bytes.rfind('\n') + 1;  // 0 if there is none
  if (::ftruncate(out.file_.get(), static_cast<off_t>(whole)) != 0) return system_error("truncate", path);
  auto rest = std::string_view(content->bytes).substr(0, whole);
  if (rest.empty()) {
    if (auto written = out.add(first_line + "\n"); !written) return std::unexpected(written.error());
    if (auto synced = sync_directory(parent_of(path)); !synced) return std::unexpected(synced.error().detail);
    return out;
  }
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    if (number == 1 && line != first_line)
      return std::unexpected(fmt::format("{}: is of another transfer: {}", path, line));
    if (number > 1 && !take(line)) return std::unexpected(fmt::format("{}:{}: makes no sense: {}", path, number, line));
  }
  return out;
}

Outcome<void> LineFile::add(std::string_view lines) {
  if (!is_kept()) return {};
  if (auto written = write_all(file_, lines, path_); !written) return std::unexpected(written.error().detail);
  return {};
}

Outcome<void> LineFile::sync() {
  if (is_kept() && ::fdatasync(file_.get()) != 0) return system_error("fdatasync", path_);
  return {};
}

}  // namespace quartet::transfer
