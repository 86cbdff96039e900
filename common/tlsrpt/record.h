// Where a domain wants its reports: the TXT record of _smtp._tls.DOMAIN (RFC 8460 section 3). Sans-IO.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/https/request.h"

namespace quartet::tlsrpt {

struct MailTo {
  std::string address;
  friend bool operator==(const MailTo&, const MailTo&) = default;
};
using Destination = std::variant<MailTo, https::Url>;

/// What the record names that we can serve, in its order; at most ten. Nothing unless just one of the records is a
/// TLSRPTv1 record and a valid one.
std::vector<Destination> parse_record(const std::vector<std::string>& records);

}  // namespace quartet::tlsrpt
