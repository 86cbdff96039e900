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

/// The text that mta-sts.DOMAIN has for `domain`, from one of `addresses` (IP, as text; nothing else is looked up).
/// Blocks: for a thread pool. Redirections are not followed, the certificate must be valid, and only a 200 with
/// text/plain will do. The error is for people.
std::expected<std::string, std::string> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                              const FetchOptions& options);

}  // namespace quartet::sts
