// SASL mechanisms from the server's side (RFC 4422): EXTERNAL, PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195),
// SCRAM-SHA-1 and SCRAM-SHA-256 with and without channel binding (RFC 5802, RFC 7677), OAUTHBEARER (RFC 7628), XOAUTH2.
// Sans-IO; what goes in and out is decoded, base64 belongs to the protocol around it (exchange.h).
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/sasl/scram.h"

namespace quartet::sasl {

struct Password {
  std::string text;
};

/// That the client has the password, shown without it.
struct CramMd5Proof {
  std::string challenge;
  std::string digest;  // 16 octets
};

/// What the mechanism itself found, by the account's verifier or the peer's certificate.
enum class Verdict { kProven, kDisproven };

/// That an authorization server vouches for the client; not looked at here. Empty: the client asks for the refusal.
struct BearerToken {
  std::string text;
};

/// What the client claims to be, and by what; whether it is true, the agent finds out.
struct Claim {
  std::string authorization;   // whom to act as; empty: the same as authentication
  std::string authentication;  // may be empty beside a BearerToken, which then says who it is
  std::variant<Password, CramMd5Proof, Verdict, BearerToken> evidence;

  /// Whom the session belongs to once the claim is believed.
  const std::string& user() const { return authorization.empty() ? authentication : authorization; }
};

struct Challenge {
  std::string text;
};
struct Malformed {
  std::string reason;
};
using Step = std::variant<Challenge, Claim, Malformed>;

class Server {
 public:
  virtual ~Server() = default;
  /// The client's response; nullopt at the start when it sent no initial one. Not called again after Claim or
  /// Malformed.
  virtual Step step(std::optional<std::string_view> response) = 0;
  /// The claim was believed: what the client is told before the protocol says so. It has cancelled if its answer to
  /// that is not empty. nullopt: nothing.
  virtual std::optional<Challenge> accepted() { return std::nullopt; }
  /// The claim was not believed: what the client is told before the protocol says so. Whatever it answers to that is of
  /// no interest. nullopt: nothing.
  virtual std::optional<Challenge> refused() { return std::nullopt; }
};

/// What mechanisms know of the accounts. For a user without a verifier there must be a made-up one, always the same, so
/// that strangers do not learn who has an account.
using Verifiers = std::function<ScramVerifier(crypto::Digest digest, std::string_view user)>;
/// What mechanisms know of the connection: net::Stream::channel_binding(). Empty in clear text.
using ChannelBinding = std::function<std::string(std::string_view type)>;

/// What mechanisms need beside the client's responses.
struct Means {
  Verifiers verifiers{};
  ChannelBinding channel{};
  std::vector<std::string> certificate{};  // whom the peer's verified certificate names; empty: it has shown none
  // Members of the JSON object of RFC 7628 section 3.2.2 but its status; empty: no tokens are taken.
  std::string token_refusal{};
};

/// Null for a mechanism that is not known, and for one that lacks what it needs: SCRAM verifiers, -PLUS a channel,
/// EXTERNAL a certificate, those by token the text of a refusal. `name` in upper case.
std::unique_ptr<Server> make_server(std::string_view name, const Means& means = {});

/// Those that give passwords, which can be checked against hashes.
const std::vector<std::string>& password_mechanisms();
/// "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256".
std::vector<std::string> scram_mechanisms(crypto::Digest digest);
/// OAUTHBEARER (RFC 7628) and XOAUTH2.
const std::vector<std::string>& token_mechanisms();
/// Whether the mechanism may be used only within TLS.
bool needs_tls(std::string_view name);
/// For clients with a certificate (RFC 4422 appendix A). It is for the first name in the certificate, whether there is
/// such an account or not, unless the client says which.
inline constexpr std::string_view kExternal = "EXTERNAL";
/// For those who have the passwords themselves.
inline constexpr std::string_view kCramMd5 = "CRAM-MD5";
bool proves(const CramMd5Proof& proof, std::string_view password);

/// RFC 4616 section 2: 255 octets of a name or password are what a client may count on; the double is plenty.
inline constexpr std::size_t kMostOctets = 512;
inline constexpr std::size_t kMostToken = 8 * 1024;
/// Whether it can be a name or a password.
bool acceptable(std::string_view text);

/// The response of the client's side to PLAIN.
std::string plain_response(std::string_view user, std::string_view password);

}  // namespace quartet::sasl
