// URLs of messages and their parts on this server: absolute and relative paths of RFC 5092 section 7.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/mime/section.h"

namespace quartet::imapd {

/// "/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2/;PARTIAL=0.1024"
struct MessageUrl {
  struct Partial {
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> count;  // not 0; none: up to the end
    friend bool operator==(const Partial&, const Partial&) = default;
  };

  std::string mailbox;  // UTF-8, INBOX in capitals; "": the selected mailbox
  std::optional<std::uint32_t> uidvalidity;
  std::uint32_t uid = 0;
  mime::Section section;
  std::optional<Partial> partial;
  friend bool operator==(const MessageUrl&, const MessageUrl&) = default;
};

/// nullopt for what is no such URL: one that names a server, a mailbox as a whole, a search, an authorization (RFC
/// 4467), or is longer than 8192 octets.
std::optional<MessageUrl> parse_message_url(std::string_view text);

/// `url` as it may stand in a response code (RFC 4469 section 5): other octets than printable ASCII and "]" as "%5D",
/// and no more than 1024 of it.
std::string printable_url(std::string_view url);

}  // namespace quartet::imapd
