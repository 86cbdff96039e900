#include "common/sieve/external_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/casemap.h"
#include "common/mime/charset.h"

namespace quartet::sieve {
namespace {

constexpr std::string_view kSieveUrn = "urn:ietf:params:sieve:";
constexpr std::string_view kAddressBook = "urn:ietf:params:sieve:addrbook:";

bool is_unreserved(char c) { return ascii::is_alnum(c) || std::string_view("-._~").contains(c); }

/// RFC 3986 appendix A: what may stand behind the scheme but for '%'. A '#' begins a fragment, which no absolute URI
/// has.
bool is_of_uri(char c) { return is_unreserved(c) || std::string_view(":/?@[]!$&'()*+,;=").contains(c); }

bool is_scheme(std::string_view text) {
  if (text.empty() || !ascii::is_alpha(text.front())) return false;
  return std::ranges::all_of(text, [](char c) { return ascii::is_alnum(c) || c == '+' || c == '-' || c == '.'; });
}

/// RFC 3986 section 6.2.2: escapes of what needs none are undone, others have capitals. nullopt: not of a URI.
std::optional<std::string> normalised(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      if (!is_of_uri(text.front())) return std::nullopt;
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto code = text.size() < 3 ? std::nullopt : ascii::to_number<unsigned>(text.substr(1, 2), 16);
    if (!code) return std::nullopt;
    if (is_unreserved(static_cast<char>(*code)))
      out += static_cast<char>(*code);
    else
      out += fmt::format("%{:02X}", *code);
    text.remove_prefix(3);
  }
  return out;
}

/// As values are compared. Of what is no UTF-8 nothing is known but its octets.
std::string form_of(std::string_view text) { return mime::is_utf8(text) ? mime::casemap(text) : std::string(text); }

}  // namespace

std::optional<std::string> canonical_list_name(std::string_view name) {
  auto whole = std::string(name);
  if (name.starts_with(':')) whole = std::string(kSieveUrn) + whole.substr(1);
  const auto colon = whole.find(':');
  if (colon == std::string::npos || !is_scheme(std::string_view(whole).substr(0, colon))) return std::nullopt;
  const auto rest = normalised(std::string_view(whole).substr(colon + 1));
  if (!rest || rest->empty()) return std::nullopt;
  auto out = ascii::lower(std::string_view(whole).substr(0, colon)) + ":" + *rest;
  // RFC 6134 section 2.5: the name of another address book keeps its case.
  if (ascii::iequals(out, kDefaultAddressBook)) return std::string(kDefaultAddressBook);
  if (ascii::istarts_with(out, kAddressBook)) {
    out.replace(0, kAddressBook.size(), kAddressBook);
    if (out.size() == kAddressBook.size()) return std::nullopt;
  }
  return out;
}

std::string list_types(const ListNames& names) {
  std::set<std::string_view> types;
  for (const std::string_view name : names) {
    if (!name.starts_with(kAddressBook)) types.insert(name.substr(0, name.find(':')));
  }
  // The default one is always there.
  std::string out(kAddressBook.substr(0, kAddressBook.size() - 1));
  for (const auto type : types) out.append(" ").append(type);
  return out;
}

ExternalList::ExternalList(std::string_view lines) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (lines.starts_with(kByteOrderMark)) lines.remove_prefix(kByteOrderMark.size());
  for (const auto line : ascii::split(lines, '\n')) {
    const auto member = ascii::trim(line);
    if (member.empty() || member.front() == '#') continue;
    if (by_form_.try_emplace(form_of(member), members_.size()).second) members_.emplace_back(member);
  }
}

const std::string* ExternalList::find(std::string_view value) const {
  const auto found = by_form_.find(form_of(ascii::trim(value)));
  return found == by_form_.end() ? nullptr : &members_[found->second];
}

}  // namespace quartet::sieve
