// MTA-STS (RFC 8461): the texts in which a domain says that its mail hosts have TLS. Sans-IO.
#pragma once
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::sts {

enum class Mode {
  kNone,     // the domain has no policy any more
  kTesting,  // failures are of interest, but mail is delivered nevertheless
  kEnforce,  // no delivery to hosts that fail
};

struct Policy {
  Mode mode = Mode::kNone;
  std::vector<std::string> mx;  // "mx.a.example" or "*.a.example"; lower case
  std::chrono::seconds max_age{0};
  friend bool operator==(const Policy&, const Policy&) = default;
};

/// What the policy host gave (RFC 8461 section 3.2). Unknown fields are passed over, the first of several counts.
std::expected<Policy, std::string> parse_policy(std::string_view text);

/// The id of the policy in the TXT records of _mta-sts.DOMAIN; nullopt unless just one of them is an MTA-STS record and
/// a valid one (RFC 8461 section 3.1).
std::optional<std::string> policy_id(const std::vector<std::string>& records);

/// Whether `host`, in lower case, may be an MX host of the domain (RFC 8461 section 4.1).
bool allows(const Policy& policy, std::string_view host);

}  // namespace quartet::sts
