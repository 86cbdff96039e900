#include "common/sasl/server.h"

#include "common/base/ascii.h"

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

}  // namespace

std::unique_ptr<Server> make_server(std::string_view name) {
  if (name == "PLAIN") return std::make_unique<Plain>();
  if (name == "LOGIN") return std::make_unique<Login>();
  return nullptr;
}

const std::vector<std::string>& server_mechanisms() {
  static const std::vector<std::string> names = {"PLAIN", "LOGIN"};
  return names;
}

std::string plain_response(const Credentials& credentials) {
  return credentials.authorization + '\0' + credentials.authentication + '\0' + credentials.password;
}

}  // namespace quartet::sasl
