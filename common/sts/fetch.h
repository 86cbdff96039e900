// A policy from its HTTPS server (RFC 8461 section 3.3), by libcurl.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace quartet::sts {

struct FetchOptions {
  std::string ca;  // PEM file; empty: the system's
  std::uint16_t port = 443;
  std::chrono::milliseconds timeout{15'000};
  std::size_t most = 64 * 1024;  // octets
};

/// The text that mta-sts.DOMAIN has for `domain`, from one of `addresses` (IP, as text; nothing else is looked up).
/// Blocks: for a thread pool. Redirections are not followed, the certificate must be valid, and only a 200 with
/// text/plain will do. The error is for people.
std::expected<std::string, std::string> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                              const FetchOptions& options);

}  // namespace quartet::sts
