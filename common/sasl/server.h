// SASL mechanisms from the server's side (RFC 4422): PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195). Sans-IO; what goes
// in and out is decoded, base64 belongs to the protocol around it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace quartet::sasl {

/// What the client claims; whether it is true, the agent finds out.
struct Credentials {
  std::string authorization;  // whom to act as; empty: the same as authentication
  std::string authentication;
  std::string password;
};

/// That the client has the password of `authentication`, shown without it.
struct CramMd5Proof {
  std::string authentication;
  std::string challenge;
  std::string digest;  // 16 bytes
};

struct Challenge {
  std::string text;
};
struct Malformed {
  std::string reason;
};
using Step = std::variant<Challenge, Credentials, CramMd5Proof, Malformed>;

class Server {
 public:
  virtual ~Server() = default;
  /// The client's response; nullopt at the start when it sent no initial one. Not called again after Credentials or
  /// Malformed.
  virtual Step step(std::optional<std::string_view> response) = 0;
};

/// Null for a mechanism that is neither in server_mechanisms() nor CRAM-MD5. `name` in upper case.
std::unique_ptr<Server> make_server(std::string_view name);
/// Those that give credentials, which can be checked against hashes.
const std::vector<std::string>& server_mechanisms();
/// For those who have the passwords themselves.
inline constexpr std::string_view kCramMd5 = "CRAM-MD5";
bool proves(const CramMd5Proof& proof, std::string_view password);

/// The response of the client's side to PLAIN.
std::string plain_response(const Credentials& credentials);

}  // namespace quartet::sasl
