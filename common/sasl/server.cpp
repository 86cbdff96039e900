#include "common/sasl/server.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/id.h"
#include "common/crypto/hmac.h"

namespace quartet::sasl {
namespace {

/// RFC 4616 section 2: 255 octets each is what a client may count on; the double is plenty.
constexpr std::size_t kMostOctets = 512;

bool acceptable(std::string_view text) {
  return !text.empty() && text.size() <= kMostOctets && text.find('\0') == std::string_view::npos;
}

class Plain final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    const auto parts = ascii::split(*response, '\0');
    if (parts.size() != 3) return Malformed{"expected authorization NUL authentication NUL password"};
    if (parts[0].size() > kMostOctets || !acceptable(parts[1]) || !acceptable(parts[2]))
      return Malformed{"a part is empty or too long"};
    return Credentials{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
  }
};

/// Never standardised; the prompts are those that clients look for.
class Login final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{"Username:"};
    if (!acceptable(*response)) return Malformed{"empty or too long"};
    if (user_.empty()) {
      user_ = *response;
      return Challenge{"Password:"};
    }
    return Credentials{"", user_, std::string(*response)};
  }

 private:
  std::string user_;
};

/// RFC 2195 section 2. The challenge is a msg-id that was never given before and cannot be guessed.
class CramMd5 final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (challenge_.empty()) {
      if (response) return Malformed{"CRAM-MD5 has no initial response"};
      challenge_ = "<" + Id::make().to_string() + "@quartet.invalid>";
      return Challenge{challenge_};
    }
    const auto space = response ? response->rfind(' ') : std::string_view::npos;
    if (space == std::string_view::npos) return Malformed{"expected a name and a digest"};
    auto digest = hex_decode(response->substr(space + 1));
    const auto user = response->substr(0, space);
    if (!digest || digest->size() != 16 || !acceptable(user)) return Malformed{"expected a name and a digest"};
    return CramMd5Proof{std::string(user), challenge_, *std::move(digest)};
  }

 private:
  std::string challenge_;
};

}  // namespace

std::unique_ptr<Server> make_server(std::string_view name) {
  if (name == "PLAIN") return std::make_unique<Plain>();
  if (name == "LOGIN") return std::make_unique<Login>();
  if (name == kCramMd5) return std::make_unique<CramMd5>();
  return nullptr;
}

const std::vector<std::string>& server_mechanisms() {
  static const std::vector<std::string> names = {"PLAIN", "LOGIN"};
  return names;
}

bool proves(const CramMd5Proof& proof, std::string_view password) {
  const auto wanted = crypto::hmac_md5(password, proof.challenge);
  unsigned char difference = proof.digest.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(wanted.size(), proof.digest.size()); ++i)
    difference |= static_cast<unsigned char>(wanted[i] ^ proof.digest[i]);
  return difference == 0;
}

std::string plain_response(const Credentials& credentials) {
  return credentials.authorization + '\0' + credentials.authentication + '\0' + credentials.password;
}

}  // namespace quartet::sasl
