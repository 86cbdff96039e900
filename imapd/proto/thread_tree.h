// Which messages belong together: the algorithms of THREAD (RFC 5256 section 3), on what was read of the messages.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::imapd {

/// What the views are of outlives it.
struct ThreadMessage {
  std::uint32_t number = 0;                  // sequence number or UID, for the response
  std::int64_t sent = 0;                     // seconds
  std::string_view id;                       // Message-ID without brackets; "" if it has none
  std::vector<std::string_view> references;  // ids, oldest first: of References, else the first of In-Reply-To
  std::string_view subject;                  // the base subject in the form it is compared in
  bool is_reply = false;                     // or a forward
};

/// The Message-IDs in a header field, without their brackets.
std::vector<std::string> message_ids(std::string_view field);

/// One THREAD response's list: "(2)(3 6 (4 23)(44 7 96))"; "" for no messages. The messages come in the order of their
/// numbers.
std::string thread_by_references(const std::vector<ThreadMessage>& messages);
std::string thread_by_subject(const std::vector<ThreadMessage>& messages);

}  // namespace quartet::imapd
