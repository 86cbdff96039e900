#include "common/sasl/gs2.h"

#include "common/sasl/server.h"

namespace quartet::sasl {

std::expected<Gs2Header, std::string> parse_gs2_header(std::string_view message) {
  const auto first = message.find(',');
  const auto second = first == std::string_view::npos ? first : message.find(',', first + 1);
  if (second == std::string_view::npos) return std::unexpected("expected a GS2 header");
  Gs2Header out{message.substr(0, first), {}, second + 1};
  const auto name = message.substr(first + 1, second - first - 1);
  // gsasl says "a=" when it has none, which the grammar does not permit and nobody can misunderstand.
  if (name.empty() || name == "a=") return out;
  auto decoded = name.starts_with("a=") ? parse_saslname(name.substr(2)) : std::nullopt;
  if (!decoded) return std::unexpected("malformed authorization identity");
  out.authorization = *std::move(decoded);
  return out;
}

std::optional<std::string> parse_saslname(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '=') {
      out += text[0];
      text.remove_prefix(1);
    } else if (text.starts_with("=2C") || text.starts_with("=3D")) {
      out += text[2] == 'C' ? ',' : '=';
      text.remove_prefix(3);
    } else {
      return std::nullopt;
    }
  }
  if (!acceptable(out)) return std::nullopt;
  return out;
}

}  // namespace quartet::sasl
