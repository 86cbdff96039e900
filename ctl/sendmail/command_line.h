// The command line of sendmail as programs use it: single letters, with values joined or apart.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/smtp/path.h"

namespace quartet::sendmail {

struct CommandLine {
  enum class Mode {
    kSend,
    kList,     // -bp, or called as mailq
    kRetry,    // -q
    kHelp,     // --help
    kVersion,  // --version
  };
  Mode mode = Mode::kSend;
  bool recipients_of_header = false;    // -t
  bool dot_ends = true;                 // a line with a lone dot ends the message; -i says no
  std::optional<std::string> sender;    // -f or -r, without brackets; "": the null reverse-path
  std::string full_name;                // -F
  std::string config_file;              // -C
  std::uint8_t notify = 0;              // -N, as OutboundRecipient.notify
  smtp::Ret ret = smtp::Ret::kDefault;  // -R
  std::string envid;                    // -V
  std::vector<std::string> recipients;  // as given; one word may hold several, with commas
};

/// `name` is what the program was called, without directory. Options that only concern sendmail's own queue or its log
/// are taken and have no effect; those that ask for something that is not done here (-bs, -bd, -bv, -q30m, ...) are
/// errors, whose text says which.
std::expected<CommandLine, std::string> parse_command_line(const std::string& name, std::span<const std::string> words);

std::string help_text();

}  // namespace quartet::sendmail
