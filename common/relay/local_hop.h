// Next hops that no connection leads to: a program that takes the message, or a directory from which a gateway takes
// it.
#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace quartet::relay {

/// A program that is run once for each recipient, with the message on its standard input.
struct PipeCommand {
  std::vector<std::string> arguments;    // the program's path first; with placeholders, see expand()
  std::vector<std::string> environment;  // "NAME=value", beside those every program gets; with placeholders
  std::string directory = "/";
  std::string user_name;  // for people
  std::optional<unsigned> user;
  std::optional<unsigned> group;
  std::chrono::seconds timeout{1000};
  std::size_t processes = 4;  // at the same time
  bool from_line = false;     // "From sender date" before the message, as UUCP and mbox want it
  bool return_path = false;   // a Return-Path field before the message, in place of any other
  bool delivered_to = false;  // a Delivered-To field; a message that has it for this recipient is a loop
  bool crlf = false;          // line ends as in SMTP; else LF
};

/// A directory that gets one file for each message with its recipients: the SMTP dialogue (RFC 2442).
struct BatchDrop {
  std::filesystem::path directory;
  bool esmtp = false;  // EHLO and parameters instead of HELO and nothing
  bool lf = false;     // line ends LF instead of CRLF
};

/// "pipe:uucp:/usr/bin/uux - x!rmail {user}": equal for what shares its limits.
std::string name_of(const PipeCommand& command);
std::string name_of(const BatchDrop& drop);

}  // namespace quartet::relay
