// Sender Rewriting Scheme: who forwards mail puts the sender's address into one of his own domain, so that SPF (RFC
// 7208) at the next host looks at the domain that really sends. The address carries a hash and a date: only what was
// made here, and not long ago, leads a bounce back, so that nobody relays by it. Compatible with libsrs2 and postsrsd.
// Sans-IO.
//
// SRS0=hash=date=host=user@domain for user@host; SRS1=hash=host=...@domain where the sender is an SRS0 address of
// another forwarder `host`: bounces then go to that one directly, however many forward.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"

namespace quartet::smtp {

struct SrsOptions {
  std::string domain;                // ours, lower case
  std::vector<std::string> secrets;  // at least one: the first makes hashes, each of them is good
  unsigned max_age_days = 21;        // at most 1023
  std::size_t hash_length = 4;       // characters of base64, at most 27
};

class Srs {
 public:
  explicit Srs(SrsOptions options) : options_(std::move(options)) {}

  const std::string& domain() const { return options_.domain; }

  /// The sender for forwarded mail; nullopt: it stays as it is, because it is the null sender, of our domain already,
  /// quoted, or would become longer than a path may be (RFC 5321 section 4.5.3.1.3).
  std::optional<std::string> forward(std::string_view sender, WallTime now) const;

  enum class Error {
    kMalformed,
    kForged,   // made by somebody else, or with a secret that is given up
    kExpired,  // the bounce comes too late
  };
  /// Whether `address` is one of our domain in this form.
  bool is_ours(std::string_view address) const;
  /// For such an address: where its mail goes.
  std::expected<std::string, Error> reverse(std::string_view address, WallTime now) const;

 private:
  std::string hash(std::string_view secret, std::string_view data) const;
  bool verify(std::string_view hash, std::string_view data) const;

  SrsOptions options_;
};

}  // namespace quartet::smtp
