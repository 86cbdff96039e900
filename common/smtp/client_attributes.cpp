#include "common/smtp/client_attributes.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/net/mapped.h"
#include "common/smtp/path.h"

namespace quartet::smtp {
namespace {

constexpr std::size_t kMostValue = 255;

Reply bad(std::string_view what) { return {501, "5.5.4", "bad " + std::string(what)}; }

/// A value as it was meant: "" if the host does not know it. nullopt: it makes no sense.
std::optional<std::string> value_of(std::string_view text) {
  if (ascii::iequals(text, "[UNAVAILABLE]") || ascii::iequals(text, "[TEMPUNAVAIL]")) return std::string();
  auto value = xtext_decode(text);
  const auto printable = [](char c) { return c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '(' && c != ')'; };
  if (!value || value->empty() || value->size() > kMostValue || !std::ranges::all_of(*value, printable))
    return std::nullopt;
  return value;
}

/// Into `out`; false if the value is no address. IPv6 addresses are marked as such.
bool take_address(const std::string& value, std::optional<std::optional<net::Address>>& out) {
  out.emplace();
  if (value.empty()) return true;
  const bool marked = ascii::istarts_with(value, "IPV6:");
  const auto address = net::Address::from_ip(marked ? std::string_view(value).substr(5) : value, 0);
  if (!address || (marked && address->family() != net::Address::Family::kIpv6)) return false;
  *out = net::unmapped(*address);
  return true;
}

bool take_port(const std::string& value, std::optional<std::uint16_t>& out) {
  out = value.empty() ? std::optional<std::uint16_t>(0) : ascii::to_number<std::uint16_t>(value);
  return out.has_value();
}

bool take_protocol(const std::string& value, std::optional<bool>& out) {
  out = ascii::iequals(value, "ESMTP");
  return *out || value.empty() || ascii::iequals(value, "SMTP");
}

bool take_source(const std::string& value, std::optional<std::string>& out) {
  out = ascii::upper(value);
  return out->empty() || *out == "LOCAL" || *out == "REMOTE";
}

/// False if the value makes no sense, nullopt if there is no such attribute.
std::optional<bool> take(ClientAttributes& out, AttributeCommand command, const std::string& name,
                         const std::string& value) {
  const bool xclient = command == AttributeCommand::kXclient;
  if (name == "ADDR") return take_address(value, out.address);
  if (name == "PORT") return take_port(value, out.port);
  if (name == "PROTO") return take_protocol(value, out.esmtp);
  if (name == "DESTADDR" && xclient) return take_address(value, out.local);
  if (name == "DESTPORT" && xclient) return take_port(value, out.local_port);
  if (name == "SOURCE" && !xclient) return take_source(value, out.source);
  auto* text = name == "NAME"                ? &out.name
               : name == "HELO"              ? &out.hello
               : name == "LOGIN" && xclient  ? &out.login
               : name == "IDENT" && !xclient ? &out.ident
                                             : nullptr;
  if (text == nullptr) return std::nullopt;
  *text = value;
  return true;
}

}  // namespace

std::expected<ClientAttributes, Reply> parse_attributes(AttributeCommand command, std::string_view argument) {
  ClientAttributes out;
  bool any = false;
  for (const auto word : ascii::split(argument, ' ')) {
    if (word.empty()) continue;
    any = true;
    const auto equals = word.find('=');
    const auto name = ascii::upper(word.substr(0, equals));
    if (equals == std::string_view::npos) return std::unexpected(bad("attribute " + name.substr(0, 64)));
    const auto value = value_of(word.substr(equals + 1));
    if (!value) return std::unexpected(bad("value of " + name.substr(0, 64)));
    const auto taken = take(out, command, name, *value);
    if (!taken) return std::unexpected(bad("attribute " + name.substr(0, 64)));
    if (!*taken) return std::unexpected(bad("value of " + name));
  }
  if (!any) return std::unexpected(bad("command: no attribute"));
  return out;
}

void merge(ClientAttributes& into, ClientAttributes more) {
  const auto put = [](auto& to, auto& from) {
    if (from) to = std::move(from);
  };
  put(into.name, more.name);
  put(into.address, more.address);
  put(into.port, more.port);
  put(into.esmtp, more.esmtp);
  put(into.hello, more.hello);
  put(into.login, more.login);
  put(into.local, more.local);
  put(into.local_port, more.local_port);
  put(into.ident, more.ident);
  put(into.source, more.source);
}

std::string_view offer_of(AttributeCommand command) {
  return command == AttributeCommand::kXclient ? "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT"
                                               : "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE";
}

}  // namespace quartet::smtp
