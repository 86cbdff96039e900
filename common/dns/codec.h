// DNS packets on ldns, sans-IO: values in, bytes out and back (RFC 1035 section 4, RFC 6891 for EDNS0).
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/dns/message.h"

namespace quartet::dns {

struct QueryOptions {
  std::uint16_t id = 0;
  std::optional<std::uint16_t> udp_payload = 1232;  // announced by EDNS0; nullopt sends a query without EDNS0
  bool dnssec_ok = false;                           // DO, with EDNS0 only
  bool authentic_data = false;                      // AD in a query asks for AD in the answer (RFC 6840 section 5.7)
};

/// The packet of a recursive query. The error names what is wrong with `question.name` (label over 63 bytes, ...).
std::expected<std::string, std::string> encode_query(const Question& question, const QueryOptions& options);

/// A response in a packet; the error says why it is none.
std::expected<Message, std::string> decode_answer(std::string_view packet);

/// Lower case, without the final dot, or nullopt when `name` is no domain name: letters, digits, '-' and '_' in labels
/// of 1 to 63 bytes, 253 in all. A U-label is refused: the caller converts to A-labels first.
std::optional<std::string> canonical_name(std::string_view name);

/// The name that a PTR look-up asks for ("1.2.0.192.in-addr.arpa"); nullopt if `ip` is no IP address.
std::optional<std::string> reverse_name(std::string_view ip);

}  // namespace quartet::dns
