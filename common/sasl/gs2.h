// What SCRAM and OAUTHBEARER begin with (RFC 5801 section 4). Sans-IO.
#pragma once
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::sasl {

struct Gs2Header {
  std::string_view flag;      // "n", "y" or "p=channel", or what else is there
  std::string authorization;  // empty: none
  std::size_t size = 0;       // octets, with the comma at its end
};

/// The header at the front of a client's first message. The error says what is wrong with it.
std::expected<Gs2Header, std::string> parse_gs2_header(std::string_view message);

/// RFC 5802 section 5.1: "=2C" and "=3D" stand for a comma and an equals sign; any other "=" is a fault, and so is a
/// name that is not acceptable().
std::optional<std::string> parse_saslname(std::string_view text);

}  // namespace quartet::sasl
