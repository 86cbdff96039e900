#include "ctl/transfer/imap_names.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/ascii.h"
#include "ctl/transfer/maildir_files.h"

namespace quartet::transfer {
namespace {

// RFC 6154; without \All and \Flagged, whose mailboxes only show what is in others: a copy of one is not that.
constexpr std::array<std::string_view, 5> kUses = {"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"};

/// ((prefix separator) ...)
std::vector<std::string> prefixes_of(const ImapValue& value) {
  std::vector<std::string> prefixes;
  for (const auto& one : value.list)
    if (!one.list.empty()) prefixes.push_back(one.list.front().text);
  return prefixes;
}

std::string name_of(std::string_view name, std::string_view separator) {
  std::string out;
  const auto levels = separator.empty() ? std::vector{name} : ascii::split(name, separator.front());
  for (const auto text : levels) {
    auto level = level_of(text);
    std::ranges::replace(level, '/', '_');
    if (!out.empty()) out += '/';
    out += level;
  }
  return out;
}

}  // namespace

ImapNamespaces namespaces_of(const std::vector<ImapResponse>& answer) {
  ImapNamespaces out;
  for (const auto& response : answer) {
    if (response.name != "NAMESPACE" || response.values.size() < 3) continue;
    const auto personal = prefixes_of(response.values[0]);
    if (!personal.empty()) out.personal = personal.front();
    for (const auto n : {1, 2})
      for (auto& prefix : prefixes_of(response.values[static_cast<std::size_t>(n)]))
        if (!prefix.empty()) out.others.push_back(std::move(prefix));
  }
  return out;
}

std::optional<Folder> folder_of(const ImapResponse& response, const ImapNamespaces& namespaces) {
  if (response.name != "LIST" || response.values.size() < 3) return std::nullopt;
  const auto& attributes = response.values[0].list;
  const auto has = [&attributes](std::string_view name) {
    return std::ranges::any_of(attributes, [name](const ImapValue& one) { return one.is_atom(name); });
  };
  if (has("\\Noselect") || has("\\NonExistent")) return std::nullopt;
  const auto& place = response.values[2].text;
  for (const auto& prefix : namespaces.others)
    if (place.starts_with(prefix)) return std::nullopt;
  Folder folder;
  folder.place = place;
  folder.subscribed = has("\\Subscribed");
  for (const auto use : kUses)
    if (has(use)) folder.special_use = use;
  if (ascii::iequals(place, "INBOX")) {
    folder.name = "INBOX";
    return folder;
  }
  std::string_view name = place;
  if (name.starts_with(namespaces.personal)) name.remove_prefix(namespaces.personal.size());
  const auto& separator = response.values[1];
  folder.name = name_of(name, separator.kind == ImapValue::Kind::kNil ? "" : separator.text);
  return folder;
}

}  // namespace quartet::transfer
