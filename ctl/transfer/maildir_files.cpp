#include "ctl/transfer/maildir_files.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/mutf7.h"

namespace quartet::transfer {
namespace {

constexpr std::size_t kLetters = 26;
constexpr std::string_view kForwarded = "$Forwarded";
constexpr std::string_view kVersion2 = "V\t2";

template <typename F>
std::string map_levels(std::string_view name, char from, char to, F change) {
  std::string out;
  for (const auto level : ascii::split(name, from)) {
    if (!out.empty()) out += to;
    out += change(level);
  }
  return out;
}

}  // namespace

std::string level_of(std::string_view file) { return mime::from_mutf7(file).value_or(std::string(file)); }

std::string mailbox_of(std::string_view folder) {
  if (folder.starts_with('.')) folder.remove_prefix(1);
  return map_levels(folder, '.', '/', level_of);
}

std::optional<std::string> folder_of(std::string_view mailbox) {
  if (mailbox.contains('.') || mailbox.starts_with('/') || mailbox.ends_with('/') || mailbox.contains("//"))
    return std::nullopt;
  return "." + map_levels(mailbox, '/', '.', mime::to_mutf7);
}

std::vector<std::string> parse_subscriptions(const std::vector<std::string>& lines, char separator) {
  std::vector<std::string> names;
  std::size_t first = 0;
  if (!lines.empty() && lines[0].starts_with(kVersion2)) {
    separator = '\t';
    first = 1;
  }
  for (std::size_t n = first; n < lines.size(); ++n)
    if (!lines[n].empty()) names.push_back(map_levels(lines[n], separator, '/', level_of));
  return names;
}

std::string format_subscriptions(const std::vector<std::string>& mailboxes) {
  std::string text = std::string(kVersion2) + "\n\n";
  for (const auto& name : mailboxes) text += map_levels(name, '/', '\t', mime::to_mutf7) + "\n";
  return text;
}

KeywordLetters::KeywordLetters(const std::vector<std::string>& lines) {
  for (const auto& line : lines) {
    const auto blank = std::min(line.find(' '), line.size());
    const auto number = ascii::to_number<std::size_t>(std::string_view(line).substr(0, blank));
    if (!number || *number >= kLetters || blank == line.size()) continue;
    if (names_.size() <= *number) names_.resize(*number + 1);
    names_[*number] = line.substr(blank + 1);
  }
}

Flags KeywordLetters::flags(std::string_view letters) const {
  Flags flags;
  flags.system = from_letters(letters);
  if (letters.contains('P')) flags.add_keyword(kForwarded);
  for (const char letter : letters)
    if (const auto number = static_cast<std::size_t>(letter - 'a'); ascii::is_lower(letter) && number < names_.size())
      flags.add_keyword(names_[number]);
  return flags;
}

std::string KeywordLetters::letters(const Flags& flags) {
  auto letters = to_letters(flags.system);
  for (const auto& keyword : flags.keywords) {
    if (ascii::iequals(keyword, kForwarded)) letters += 'P';
    auto found = std::ranges::find_if(names_, [&](const std::string& name) { return ascii::iequals(name, keyword); });
    if (found == names_.end()) found = std::ranges::find(names_, "");
    if (found == names_.end() && names_.size() < kLetters) found = names_.insert(names_.end(), keyword);
    if (found == names_.end()) {
      ++left_out_;
      continue;
    }
    if (found->empty()) *found = keyword;
    letters += static_cast<char>('a' + (found - names_.begin()));
  }
  return letters;
}

std::string KeywordLetters::text() const {
  std::string text;
  for (std::size_t n = 0; n < names_.size(); ++n)
    if (!names_[n].empty()) text += std::to_string(n) + " " + names_[n] + "\n";
  return text;
}

std::map<std::string, std::uint32_t, std::less<>> parse_uid_list(const std::vector<std::string>& lines) {
  std::map<std::string, std::uint32_t, std::less<>> uids;
  for (std::size_t n = 1; n < lines.size(); ++n) {  // behind the line about the whole
    const std::string_view line = lines[n];
    const auto uid = ascii::to_number<std::uint32_t>(line.substr(0, line.find(' ')));
    const auto name = line.find(" :");  // version 3 has more words between; before it there is no colon
    if (!uid) continue;
    const auto file =
        line.substr(name == std::string_view::npos ? std::min(line.find(' ') + 1, line.size()) : name + 2);
    uids.emplace(file.substr(0, file.find_first_of(",:")), *uid);
  }
  return uids;
}

}  // namespace quartet::transfer
