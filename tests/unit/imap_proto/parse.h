// For tests of the IMAP grammar: commands and errors of one input.
#pragma once
#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "imapd/proto/parser.h"

/// The arguments of a command that must be right. The text may hold non-synchronising literals; `text` is without the
/// last CRLF.
template <typename Arguments>
Arguments parsed(std::string_view text, quartet::imapd::ParseOptions options = {}) {
  INFO(text);
  quartet::imapd::CommandReader reader;
  reader.feed(std::string(text) + "\r\n");
  auto command = quartet::imapd::parse_command(std::get<quartet::imapd::RawCommand>(reader.next()), options);
  if (!command) FAIL(command.error().text);
  REQUIRE(std::holds_alternative<Arguments>(command->arguments));
  return std::get<Arguments>(std::move(command->arguments));
}

/// The error of a command that must be wrong; its tag is checked to be "a".
inline quartet::imapd::ParseError error_of(std::string_view text, quartet::imapd::ParseOptions options = {}) {
  INFO(text);
  quartet::imapd::CommandReader reader;
  reader.feed(std::string(text) + "\r\n");
  auto command = quartet::imapd::parse_command(std::get<quartet::imapd::RawCommand>(reader.next()), options);
  REQUIRE_FALSE(command);
  CHECK(command.error().tag == "a");
  CHECK_FALSE(command.error().text.empty());
  return command.error();
}
