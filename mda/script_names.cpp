#include "mda/script_names.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/crypto/digest.h"
#include "common/mime/charset.h"
#include "common/store/names.h"

namespace quartet::mda {
namespace {

/// RFC 5804 section 1.6 has 128; in NFC one can become three (UAX #15 section 9).
constexpr std::size_t kMostCharacters = 3 * 128;
/// With the suffix it is the name of a file.
constexpr std::size_t kLongestStem = 255 - kScriptSuffix.size();
constexpr std::size_t kDigestDigits = 64;

bool is_digest(std::string_view stem) {
  return stem.size() == 1 + kDigestDigits && stem.front() == '=' &&
         stem.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

std::string own_stem(std::string_view name) {
  const bool of_file = name.size() <= kLongestStem && !name.starts_with('.') && !name.contains('/') && !is_digest(name);
  if (of_file) return std::string(name);
  std::string out = "=";
  for (const char c : crypto::hash(crypto::Digest::kSha256, name))
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string link_of(const std::string& directory, const std::string& stem) { return directory + "/" + stem + ".name"; }

}  // namespace

std::string script_name(std::string_view given) { return store::composed(given); }

bool is_script_name(std::string_view name) {
  if (name.empty() || !mime::is_utf8(name)) return false;
  if (utf8::count(name) > kMostCharacters) return false;
  // Neither U+0080 to U+009F nor U+2028 and U+2029.
  for (std::size_t i = 0; i + 1 < name.size(); ++i) {
    if (name[i] == '\xC2' && static_cast<unsigned char>(name[i + 1]) < 0xA0) return false;
  }
  if (name.contains("\xE2\x80\xA8") || name.contains("\xE2\x80\xA9")) return false;
  return std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; });
}

std::optional<std::string> name_of_stem(const std::string& directory, const std::string& stem) {
  if (stem.starts_with('.') || stem.contains('/')) return std::nullopt;
  std::string name;
  if (is_digest(stem)) {
    char target[4096];
    const auto size = ::readlink(link_of(directory, stem).c_str(), target, sizeof target);
    if (size > 0) name.assign(target, static_cast<std::size_t>(size));
    if (own_stem(name) != stem) return std::nullopt;
  } else {
    name = script_name(stem);
  }
  return is_script_name(name) ? std::optional(std::move(name)) : std::nullopt;
}

std::string stem_of(const std::string& directory, std::string_view name) {
  auto out = own_stem(name);
  struct stat found = {};
  if (::stat((directory + "/" + out + std::string(kScriptSuffix)).c_str(), &found) == 0) return out;
  const auto is_it = [&](const std::string& stem) {
    if (is_digest(stem) || name_of_stem(directory, stem) != name) return true;
    out = stem;
    return false;
  };
  (void)each_stem(directory, is_it);
  return out;
}

FileResult<void> note_name(const std::string& directory, const std::string& stem, const std::string& name) {
  if (!is_digest(stem)) return {};
  const auto path = link_of(directory, stem);
  if (::symlink(name.c_str(), path.c_str()) != 0 && errno != EEXIST) return file_error("link", path);
  return {};
}

void forget_name(const std::string& directory, const std::string& stem) {
  if (is_digest(stem)) ::unlink(link_of(directory, stem).c_str());
}

FileResult<void> each_stem(const std::string& directory, const std::function<bool(const std::string& stem)>& take) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    auto stem = entry->path().filename().string();
    std::error_code unknown;
    if (!stem.ends_with(kScriptSuffix) || !entry->is_regular_file(unknown)) continue;
    stem.resize(stem.size() - kScriptSuffix.size());
    if (!take(stem)) return {};
  }
  if (!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return {};
  errno = error.value();
  return file_error("list", directory);
}

}  // namespace quartet::mda
