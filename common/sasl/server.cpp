#include "common/sasl/server.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/id.h"
#include "common/sasl/bearer_server.h"
#include "common/sasl/scram_server.h"

namespace quartet::sasl {
namespace {

class Plain final : public Server {
 public:
  Step step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    const auto parts = ascii::split(*response, '\0');
    if (parts.size() != 3) return Malformed{"expected authorization NUL authentication NUL password"};
    if (parts[0].size() > kMostOctets || !acceptable(parts[1]) || !acceptable(parts[2]))
      return Malformed{"a part is empty or too long"};
    return Claim{std::string(parts[0]), std::string(parts[1]), Password{std::string(parts[2])}};
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
    return Claim{"", user_, Password{std::string(*response)}};
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
    return Claim{"", std::string(user), CramMd5Proof{challenge_, *std::move(digest)}};
  }

 private:
  std::string challenge_;
};

class External final : public Server {
 public:
  explicit External(std::vector<std::string> names) : names_(std::move(names)) {}

  Step step(std::optional<std::string_view> response) override {
    if (!response) return Challenge{};
    if (response->empty()) return Claim{"", names_.front(), Verdict::kProven};
    if (!acceptable(*response)) return Malformed{"malformed authorization identity"};
    const auto meant =
        std::ranges::find_if(names_, [&](const std::string& name) { return ascii::iequals(name, *response); });
    return Claim{std::string(*response), meant != names_.end() ? *meant : names_.front(), Verdict::kProven};
  }

 private:
  const std::vector<std::string> names_;
};

constexpr std::string_view kPlus = "-PLUS";
constexpr std::string_view kOauthBearer = "OAUTHBEARER";
constexpr std::string_view kXoauth2 = "XOAUTH2";

}  // namespace

bool acceptable(std::string_view text) {
  return !text.empty() && text.size() <= kMostOctets && text.find('\0') == std::string_view::npos;
}

bool needs_tls(std::string_view name) {
  return name.ends_with(kPlus) || std::ranges::find(token_mechanisms(), name) != token_mechanisms().end();
}

std::unique_ptr<Server> make_server(std::string_view name, const Means& means) {
  if (name == "PLAIN") return std::make_unique<Plain>();
  if (name == "LOGIN") return std::make_unique<Login>();
  if (name == kCramMd5) return std::make_unique<CramMd5>();
  if (name == kExternal) return means.certificate.empty() ? nullptr : std::make_unique<External>(means.certificate);
  if (name == kOauthBearer || name == kXoauth2) {
    using Form = BearerServer::Form;
    if (means.token_refusal.empty()) return nullptr;
    return std::make_unique<BearerServer>(name == kXoauth2 ? Form::kXoauth2 : Form::kOauthBearer, means.token_refusal);
  }
  const bool plus = name.ends_with(kPlus);
  if (!means.verifiers || (plus && !means.channel)) return nullptr;
  if (plus) name.remove_suffix(kPlus.size());
  for (const auto digest : {crypto::Digest::kSha256, crypto::Digest::kSha1})
    if (name == scram_name(digest)) return std::make_unique<ScramServer>(digest, plus, means.verifiers, means.channel);
  return nullptr;
}

const std::vector<std::string>& password_mechanisms() {
  static const std::vector<std::string> names = {"PLAIN", "LOGIN"};
  return names;
}

const std::vector<std::string>& token_mechanisms() {
  static const std::vector<std::string> names = {std::string(kOauthBearer), std::string(kXoauth2)};
  return names;
}

std::vector<std::string> scram_mechanisms(crypto::Digest digest) {
  const std::string name(scram_name(digest));
  return {name + std::string(kPlus), name};
}

bool proves(const CramMd5Proof& proof, std::string_view password) {
  return crypto::same_secret(proof.digest, crypto::hmac(crypto::Digest::kMd5, password, proof.challenge));
}

std::string plain_response(std::string_view user, std::string_view password) {
  std::string out(1, '\0');
  out.append(user);
  out += '\0';
  return out.append(password);
}

}  // namespace quartet::sasl
