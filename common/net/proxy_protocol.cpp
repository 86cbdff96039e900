#include "common/net/proxy_protocol.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/net/mapped.h"

namespace quartet::net {
namespace {

using Result = std::expected<ProxyHeader, ProxyError>;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMostText = 107;   // with its CRLF (section 2.1)
constexpr std::size_t kBinaryHead = 16;  // signature, version and command, family, length

/// Whether `bytes` may still become something that begins with `signature`.
bool may_begin(std::string_view bytes, std::string_view signature) {
  return bytes.substr(0, signature.size()) == signature.substr(0, bytes.size());
}

std::optional<Address> address(std::string_view ip, std::string_view port, Address::Family family) {
  const auto number = ascii::to_number<std::uint16_t>(port);
  if (!number || port.size() > 5) return std::nullopt;
  const auto made = Address::from_ip(ip, *number);
  return made && made->family() == family ? std::optional(unmapped(*made)) : std::nullopt;
}

Result text_header(std::string_view line) {
  const auto words = ascii::split(line, ' ');
  if (words.size() >= 2 && words[1] == "UNKNOWN") return ProxyHeader();
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return std::unexpected(ProxyError::kMalformed);
  const auto family = words[1] == "TCP4" ? Address::Family::kIpv4 : Address::Family::kIpv6;
  ProxyHeader header{address(words[2], words[4], family), address(words[3], words[5], family)};
  if (!header.client || !header.server) return std::unexpected(ProxyError::kMalformed);
  return header;
}

std::size_t number(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
         static_cast<unsigned char>(bytes[at + 1]);
}

Address from_bytes(std::string_view ip, std::size_t port) {
  std::string text;
  for (std::size_t i = 0; i < ip.size(); i += ip.size() == 4 ? 1 : 2) {
    if (ip.size() == 4) {
      text += (i == 0 ? "" : ".") + std::to_string(static_cast<unsigned char>(ip[i]));
      continue;
    }
    static constexpr char kHex[] = "0123456789abcdef";
    const auto group = number(ip, i);
    if (i != 0) text += ':';
    for (int shift = 12; shift >= 0; shift -= 4) text += kHex[group >> shift & 15];
  }
  return unmapped(*Address::from_ip(text, static_cast<std::uint16_t>(port)));
}

/// Section 2.2; `rest` is what follows the length.
Result binary_header(unsigned char command, unsigned char family, std::string_view rest) {
  if (command >> 4 != 2 || (command & 15) > 1) return std::unexpected(ProxyError::kMalformed);
  const bool local = (command & 15) == 0;
  const std::size_t octets = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;
  if (local || octets == 0) return ProxyHeader();
  if (rest.size() < 2 * octets + 4) return std::unexpected(ProxyError::kMalformed);
  return ProxyHeader{from_bytes(rest.substr(0, octets), number(rest, 2 * octets)),
                     from_bytes(rest.substr(octets, octets), number(rest, 2 * octets + 2))};
}

}  // namespace

std::optional<Result> ProxyParser::next_text() {
  const auto end = buffer_.find("\r\n");
  if (end == std::string::npos && buffer_.size() < kMostText) return std::nullopt;
  if (end == std::string::npos || end + 2 > kMostText) return std::unexpected(ProxyError::kMalformed);
  taken_ = end + 2;
  return text_header(std::string_view(buffer_).substr(0, end));
}

std::optional<Result> ProxyParser::next_binary() {
  if (buffer_.size() < kBinaryHead) return std::nullopt;
  const auto length = number(buffer_, 14);
  if (length > kMostProxyHeader) return std::unexpected(ProxyError::kTooLong);
  if (buffer_.size() < kBinaryHead + length) return std::nullopt;
  taken_ = kBinaryHead + length;
  return binary_header(static_cast<unsigned char>(buffer_[12]), static_cast<unsigned char>(buffer_[13]),
                       std::string_view(buffer_).substr(kBinaryHead, length));
}

std::optional<Result> ProxyParser::next() {
  if (buffer_.empty()) return std::nullopt;
  if (may_begin(buffer_, kText)) return buffer_.size() < kText.size() ? std::nullopt : next_text();
  if (may_begin(buffer_, kBinary)) return next_binary();
  return std::unexpected(ProxyError::kNotProxy);
}

const char* to_string(ProxyError error) {
  static constexpr std::array<const char*, 3> kTexts = {"no PROXY header", "a malformed PROXY header",
                                                        "a PROXY header that is too long"};
  return kTexts[static_cast<std::size_t>(error)];
}

}  // namespace quartet::net
