#include "common/sieve/address.h"

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::sieve {
namespace {

bool is_domain(std::string_view domain) {
  if (domain.starts_with('[')) return domain.ends_with(']');
  return std::ranges::none_of(ascii::split(domain, '.'), [](auto label) { return label.empty(); });
}

}  // namespace

bool is_outbound(const mime::Address& address, std::string_view text) {
  if (address.kind != mime::Address::Kind::kMailbox || address.local.empty() || !is_domain(address.domain))
    return false;
  if (!address.route.empty()) return false;
  const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; };
  if (std::ranges::any_of(address.local, control) || std::ranges::any_of(address.domain, control)) return false;
  // In quotes it may be written in many ways.
  return text.contains('"') || text.contains(address.address());
}

std::string single_address(std::string_view text) {
  const auto addresses = mime::parse_addresses(text, 2);
  return addresses.size() == 1 && is_outbound(addresses[0], text) ? addresses[0].address() : std::string();
}

std::string single_mailbox(std::string_view text) {
  const auto address = single_address(text);
  if (address.empty()) return {};
  return mime::format_mailbox(mime::parse_addresses(text, 1).front().name, address);
}

}  // namespace quartet::sieve
