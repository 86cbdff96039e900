// One HTTPS request by libcurl, to addresses that the caller has looked up.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::https {

struct Options {
  std::string ca;                             // PEM file; empty: the system's
  std::chrono::milliseconds timeout{15'000};  // for all of it
  std::size_t most = 64 * 1024;               // octets of the answer

  friend bool operator==(const Options&, const Options&) = default;
};

struct Url {
  std::string host;
  std::uint16_t port = 443;
  std::string path = "/";  // with its query
  friend bool operator==(const Url&, const Url&) = default;
};

/// "https://host[:port][/path]" without user, password and fragment; the host is a name. nullopt for anything else.
std::optional<Url> parse_url(std::string_view text);

struct Response {
  long status = 0;   // 200
  std::string type;  // Content-Type without parameters
  std::string body;
};

struct Error {
  std::string text;              // for people
  bool bad_certificate = false;  // the server has none that is valid for its name
};

/// Nothing but `addresses` (IP, as text) is connected to. Blocks: for a thread pool. Redirections are not followed, and
/// the certificate must be valid for the host.
std::expected<Response, Error> get(const Url& url, const std::vector<std::string>& addresses, const Options& options);
std::expected<Response, Error> post(const Url& url, const std::vector<std::string>& addresses, std::string_view type,
                                    std::string_view body, const Options& options);

}  // namespace quartet::https
