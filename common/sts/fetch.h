// A policy from its HTTPS server (RFC 8461 section 3.3).
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "common/https/request.h"

namespace quartet::sts {

struct FetchOptions {
  https::Options https;
  std::uint16_t port = 443;

  friend bool operator==(const FetchOptions&, const FetchOptions&) = default;
};

/// Why a policy that a domain announces cannot be had, as reports about TLS tell it apart (RFC 8460 section 4.3.2.2).
struct Failure {
  enum class Kind {
    kFetch,        // its server could not be reached, or has no such text
    kCertificate,  // its server has no valid certificate
    kInvalid,      // what it has is no policy
  };
  Kind kind = Kind::kFetch;
  std::string text;  // for people
};

/// The text that mta-sts.DOMAIN has for `domain`, from one of `addresses` (IP, as text; nothing else is looked up).
/// Blocks: for a thread pool. Redirections are not followed, the certificate must be valid, and only a 200 with
/// text/plain will do.
std::expected<std::string, Failure> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                          const FetchOptions& options);

}  // namespace quartet::sts
