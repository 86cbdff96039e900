#include "common/sieve_site/lists.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/expand_path.h"
#include "common/base/files.h"

namespace quartet::sieve_site {
namespace {

using Result = std::expected<sieve::ExternalListPtr, std::string>;

constexpr std::uint64_t kMostOctets = 4 * 1024 * 1024;  // of a file
constexpr std::uint64_t kMostKnown = 64 * 1024 * 1024;  // of all that are kept

std::int64_t nanoseconds(const struct timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; }

std::expected<std::string, std::string> read_all(const File& file, const std::string& path) {
  std::string out;
  char buffer[64 * 1024];
  for (;;) {
    const auto got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(file_error("read", path).error().detail);
    if (got == 0) return out;
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > kMostOctets) return std::unexpected(fmt::format("{} is larger than {} octets", path, kMostOctets));
  }
}

}  // namespace

bool Lists::Source::of_account() const { return file.contains('{'); }

sieve::ListNames Lists::names() const {
  sieve::ListNames out;
  for (const auto& source : sources_) out.insert(source.name);
  return out;
}

Result Lists::find(const std::string& name, const std::string& login) {
  const auto source = std::ranges::find(sources_, name, &Source::name);
  if (source == sources_.end()) {
    if (name != sieve::kDefaultAddressBook) return nullptr;
    return std::make_shared<const sieve::ExternalList>();
  }
  const auto at = login.rfind('@');
  const auto path = expand_path(source->file, login.substr(0, at), at == std::string::npos ? "" : login.substr(at + 1));
  if (!path) return std::unexpected(fmt::format("\"{}\" cannot be part of the path {}", login, source->file));
  return read(*path, source->of_account());
}

Result Lists::read(const std::string& path, bool may_be_missing) {
  // A pipe would have us wait until somebody writes.
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    if (may_be_missing && (errno == ENOENT || errno == ENOTDIR)) return std::make_shared<const sieve::ExternalList>();
    return std::unexpected(file_error("open", path).error().detail);
  }
  struct stat found = {};
  if (::fstat(file.get(), &found) != 0) return std::unexpected(file_error("stat", path).error().detail);
  if (!S_ISREG(found.st_mode)) return std::unexpected(path + " is no regular file");
  const Version version{found.st_dev, found.st_ino, found.st_size, nanoseconds(found.st_mtim),
                        nanoseconds(found.st_ctim)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = known_.find(path); known != known_.end() && known->second.version == version)
      return known->second.list;
  }
  const auto text = read_all(file, path);
  if (!text) return std::unexpected(text.error());
  auto list = std::make_shared<const sieve::ExternalList>(*text);
  const std::lock_guard lock(mutex_);
  if (octets_ + text->size() > kMostKnown) {
    known_.clear();
    octets_ = 0;
  }
  octets_ += text->size();
  known_.insert_or_assign(path, Entry{version, list});
  return list;
}

std::vector<Lists::Source> list_sources(const Report& report, const config::v1::Sieve& sieve) {
  std::vector<Lists::Source> out;
  for (const auto& list : sieve.list()) {
    const auto name = sieve::canonical_list_name(list.name());
    if (!name)
      report(list, "name", "expected an absolute URI, or \":addrbook:\" and a name");
    else if (std::ranges::count(out, *name, &Lists::Source::name) != 0)
      report(list, "name", "there is such a list");
    if (!is_absolute_template(list.file()))
      report(list, "file", "expected a path that begins with '/', with {user} and {domain} where they are wanted");
    if (name) out.push_back({*name, list.file()});
  }
  return out;
}

void check_lists(const Report& report, const config::v1::Sieve& sieve) {
  for (const auto& list : sieve.list()) {
    const Lists::Source source{"", list.file()};
    if (!is_absolute_template(source.file) || source.of_account()) continue;
    if (const auto read = Lists({source}).find(source.name, {}); !read) report(list, "file", read.error());
  }
}

sieve::CompileOptions compile_options(const sieve::Verdicts* verdicts, const Lists& lists) {
  static const sieve::Verdicts kNone;
  sieve::CompileOptions out;
  out.without = (verdicts == nullptr ? kNone : *verdicts).without();
  out.without.set(static_cast<std::size_t>(sieve::Extension::kExtlists), lists.empty());
  out.lists = lists.names();
  return out;
}

}  // namespace quartet::sieve_site
