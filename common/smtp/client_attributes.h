// XCLIENT and XFORWARD, by which a host that we trust says whose mail it passes on (Postfix, XCLIENT_README and
// XFORWARD_README). Sans-IO.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/address.h"
#include "common/smtp/reply.h"

namespace quartet::smtp {

/// What was said; an attribute that is unavailable counts as said, and is empty.
struct ClientAttributes {
  std::optional<std::string> name;  // host name
  std::optional<std::optional<net::Address>> address;
  std::optional<std::uint16_t> port;
  std::optional<bool> esmtp;  // PROTO
  std::optional<std::string> hello;
  std::optional<std::string> login;                  // XCLIENT only
  std::optional<std::optional<net::Address>> local;  // DESTADDR, XCLIENT only
  std::optional<std::uint16_t> local_port;           // DESTPORT, XCLIENT only
  std::optional<std::string> ident;                  // its queue id, XFORWARD only
  std::optional<std::string> source;                 // LOCAL or REMOTE, XFORWARD only
};

enum class AttributeCommand { kXclient, kXforward };

/// The argument of the command: one or more "NAME=value", the values in xtext. The error is the reply to send.
std::expected<ClientAttributes, Reply> parse_attributes(AttributeCommand command, std::string_view argument);

/// Puts what `more` says into `into`.
void merge(ClientAttributes& into, ClientAttributes more);

/// What EHLO offers: "XCLIENT NAME ADDR ...".
std::string_view offer_of(AttributeCommand command);

}  // namespace quartet::smtp
