#include "mda/scripts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/base/expand_path.h"
#include "common/base/id.h"
#include "common/sieve/parser.h"
#include "mda/script_names.h"

namespace quartet::mda {
namespace {

constexpr std::size_t kMostCompiled = 2'000;
constexpr std::size_t kMostAsked = 100'000;
constexpr std::chrono::seconds kInMemory{10};

/// nullopt: there is no such file.
FileResult<std::optional<std::string>> read_file(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return file_error("open", path);
  }
  std::string out;
  char buffer[16'384];
  const auto most = sieve::SyntaxLimits{}.bytes;
  for (;;) {
    const auto got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", path);
    // More than a script may have is not needed to refuse it.
    if (got == 0 || out.size() > most) return out;
    out.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string file_of(const std::string& directory, const std::string& stem) {
  return directory + "/" + stem + std::string(kScriptSuffix);
}

}  // namespace

std::optional<std::string> user_directory(std::string_view directory, std::string_view login) {
  const auto at = login.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  return expand_path(std::string(directory) + "/{domain}/{user}", login.substr(0, at), login.substr(at + 1));
}

std::optional<std::string> Scripts::path_of(const std::string& login, const std::string& name) const {
  auto path = user_directory(directory_, login);
  if (!path || !is_script_name(name)) return std::nullopt;
  return file_of(*path, stem_of(*path, name));
}

FileResult<std::optional<std::string>> Scripts::active(const std::string& login) const {
  const auto directory = user_directory(directory_, login);
  if (!directory) return std::nullopt;
  const auto path = *directory + "/active";
  {
    const std::lock_guard lock(mutex_);
    if (asked_.size() >= kMostAsked) asked_.clear();
    asked_[login] = std::chrono::steady_clock::now();
  }
  char target[1024];
  const auto size = ::readlink(path.c_str(), target, sizeof target);
  if (size < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return file_error("readlink", path);
  }
  std::string stem(target, static_cast<std::size_t>(size));
  if (stem.ends_with(kScriptSuffix)) stem.resize(stem.size() - kScriptSuffix.size());
  if (auto name = name_of_stem(*directory, stem)) return name;
  errno = EINVAL;
  return file_error("a link to a script beside it is expected at", path);
}

bool Scripts::has_none(const std::string& login) const {
  {
    const std::lock_guard lock(mutex_);
    const auto asked = asked_.find(login);
    if (asked == asked_.end() || std::chrono::steady_clock::now() - asked->second > kInMemory) return false;
  }
  const auto name = active(login);
  return name && !*name;
}

FileResult<std::optional<std::string>> Scripts::read(const std::string& login, const std::string& name) const {
  const auto path = path_of(login, name);
  if (!path) return std::nullopt;
  auto text = read_file(*path);
  if (!text || !*text || (*text)->size() <= sieve::SyntaxLimits{}.bytes) return text;
  errno = EFBIG;  // somebody has put it there by other ways: its beginning alone would be another script
  return file_error("read", *path);
}

FileResult<std::vector<std::string>> Scripts::list(const std::string& login) const {
  std::vector<std::string> out;
  const auto directory = user_directory(directory_, login);
  if (!directory) return out;
  const auto take = [&](const std::string& stem) {
    if (auto name = name_of_stem(*directory, stem)) out.push_back(*std::move(name));
    return true;
  };
  if (const auto listed = each_stem(*directory, take); !listed) return std::unexpected(listed.error());
  std::ranges::sort(out);
  // One name may be written in several ways.
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

/// The user's directory, made if it is missing.
FileResult<std::string> Scripts::writable(const std::string& login) const {
  auto directory = user_directory(directory_, login);
  if (!directory) {
    errno = EINVAL;
    return file_error("find the directory of", login);
  }
  std::error_code error;
  std::filesystem::create_directories(*directory, error);
  if (!error) return *std::move(directory);
  errno = error.value();
  return file_error("make", *directory);
}

FileResult<void> Scripts::put(const std::string& login, const std::string& name, std::string_view text) const {
  const auto directory = writable(login);
  if (!directory) return std::unexpected(directory.error());
  const auto stem = stem_of(*directory, name);
  const auto path = file_of(*directory, stem);
  const auto temporary = *directory + "/.new." + Id::make().to_string();
  auto written = note_name(*directory, stem, name);
  if (written) written = write_new(temporary, text);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = file_error("rename", temporary);
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_directory(*directory);
}

FileResult<void> Scripts::remove(const std::string& login, const std::string& name) const {
  const auto directory = user_directory(directory_, login).value_or("");
  const auto stem = stem_of(directory, name);
  const auto path = file_of(directory, stem);
  if (::unlink(path.c_str()) != 0) return file_error("remove", path);
  forget_name(directory, stem);
  return sync_directory(directory);
}

FileResult<void> Scripts::erase(const std::string& login) const {
  const auto directory = user_directory(directory_, login);
  std::error_code error;
  if (!directory || std::filesystem::remove_all(*directory, error) == 0) return {};
  if (!error) return sync_directory(parent_of(*directory));
  errno = error.value();
  return file_error("remove", *directory);
}

FileResult<void> Scripts::rename(const std::string& login, const std::string& from, const std::string& to) const {
  const auto directory = user_directory(directory_, login).value_or("");
  const auto old_path = file_of(directory, stem_of(directory, from));
  const auto stem = stem_of(directory, to);
  const auto new_path = file_of(directory, stem);
  const auto now = active(login);
  if (!now) return std::unexpected(now.error());
  if (auto noted = note_name(directory, stem, to); !noted) return noted;
  // With both names there is no moment at which none is active.
  if (::link(old_path.c_str(), new_path.c_str()) != 0) return file_error("link", new_path);
  if (*now == from) {
    if (auto moved = activate(login, to); !moved) return moved;
  }
  return remove(login, from);
}

FileResult<void> Scripts::activate(const std::string& login, const std::string& name) const {
  const auto directory = writable(login);
  if (!directory) return std::unexpected(directory.error());
  const auto path = *directory + "/active";
  if (name.empty()) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_error("remove", path);
    return sync_directory(*directory);
  }
  const auto temporary = *directory + "/.active." + Id::make().to_string();
  const auto target = stem_of(*directory, name) + std::string(kScriptSuffix);
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return file_error("link", temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const auto error = file_error("rename", temporary);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_directory(*directory);
}

Scripts::Compiled Scripts::compile(const std::string& login, const std::string& name) {
  const auto path = path_of(login, script_name(name));
  return path ? compile_file(*path) : nullptr;
}

Scripts::Compiled Scripts::compile_global(const std::string& name) {
  const auto composed = script_name(name);
  if (global_.empty() || !is_script_name(composed)) return nullptr;
  return compile_file(file_of(global_, stem_of(global_, composed)));
}

Scripts::Compiled Scripts::compile_file(const std::string& path) {
  struct stat found = {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return nullptr;
    return std::unexpected(Fault{file_error("stat", path).error().detail, true});
  }
  const Version version{found.st_ino, found.st_size, found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = compiled_.find(path); known != compiled_.end() && known->second.version == version)
      return known->second.compiled;
  }
  const auto text = read_file(path);
  if (!text) return std::unexpected(Fault{text.error().detail, true});
  if (!*text) return nullptr;
  Compiled out;
  if (auto program = sieve::compile(**text, compile_options_))
    out = *std::move(program);
  else
    out = std::unexpected(Fault{sieve::to_string(program.error().front())});
  const std::lock_guard lock(mutex_);
  if (compiled_.size() >= kMostCompiled) compiled_.clear();
  compiled_.insert_or_assign(path, Entry{version, out});
  return out;
}

}  // namespace quartet::mda
