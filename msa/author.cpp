#include "msa/author.h"

#include <algorithm>

#include "common/mime/address.h"

namespace quartet::msa {
namespace {

/// Whether the field names somebody, and nobody but the account. An empty group names nobody (RFC 6854).
bool all_own(const mime::Field& field, const directory::Directory& directory, const directory::Account& account) {
  bool any = false;
  for (const auto& each : mime::parse_addresses(field.value)) {
    if (each.kind != mime::Address::Kind::kMailbox) continue;
    any = true;
    if (!directory.may_send_as(account, each.address())) return false;
  }
  return any;
}

/// A second one may be what the next reader shows, so it is looked at, too (RFC 5322 section 3.6 allows one).
bool all_own(const mime::Header& header, std::string_view name, const directory::Directory& directory,
             const directory::Account& account) {
  return std::ranges::all_of(
      header.fields(), [&](const mime::Field& field) { return !field.is(name) || all_own(field, directory, account); });
}

}  // namespace

std::expected<std::string, smtp::Reply> check_author(AuthorRule rule, const mime::Header& header,
                                                     const directory::Directory& directory,
                                                     const directory::Account& account) {
  if (rule == AuthorRule::kAny) return "";
  // Of several blocks the first is the latest.
  if (const auto* resent = header.find("Resent-From")) {
    const auto* sender = header.find("Resent-Sender");
    if (all_own(*resent, directory, account)) return "";
    if (rule == AuthorRule::kOwn || sender == nullptr || !all_own(*sender, directory, account))
      return std::unexpected(smtp::Reply(550, "5.7.1", "who resends (Resent-From) does not belong to your account"));
    return "";
  }
  const auto* from = header.find("From");
  if (rule == AuthorRule::kOwn) {
    if (from == nullptr) return std::unexpected(smtp::Reply(550, "5.7.1", "the message names no author (From)"));
    if (all_own(header, "From", directory, account)) return "";
    return std::unexpected(smtp::Reply(550, "5.7.1", "the author (From) does not belong to your account"));
  }
  if (from == nullptr || all_own(header, "From", directory, account)) return "";
  if (header.find("Sender") == nullptr) return "Sender: <" + account.login + ">\r\n";
  if (all_own(header, "Sender", directory, account)) return "";
  return std::unexpected(smtp::Reply(550, "5.7.1", "the sender (Sender) does not belong to your account"));
}

}  // namespace quartet::msa
