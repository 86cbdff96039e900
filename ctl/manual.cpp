#include "ctl/manual.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "ctl/command.h"

namespace quartet::ctl {
namespace {

/// Text as it is shown, whatever it has that man(7) would take for more.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

void add_options(std::string& page, const std::vector<Option>& options) {
  for (const auto& option : options) {
    page += fmt::format(".TP\n\\fB\\-\\-{}\\fR", escaped(option.name));
    if (!option.value.empty()) page += fmt::format(" \\fI{}\\fR", escaped(option.value));
    page += fmt::format("\n{}\n", escaped(option.help));
  }
}

void add_command(std::string& page, const Command& command) {
  page += fmt::format(".SS \"quartetctl {}\"\n{}\n", escaped(synopsis(command)), escaped(command.summary));
  add_options(page, command.options);
}

}  // namespace

std::vector<std::string> manual_nouns() {
  std::vector<std::string> nouns;
  for (const auto& command : all_commands())
    if (!command.verb.empty() && std::ranges::find(nouns, command.noun) == nouns.end())
      nouns.emplace_back(command.noun);
  return nouns;
}

std::string manual_page(std::string_view noun) {
  const auto name = noun.empty() ? std::string("quartetctl") : fmt::format("quartetctl-{}", noun);
  auto page = fmt::format(".TH {} 1 \"\" \"Quartet {}\" \"Quartet\"\n.SH NAME\n{} \\- {}\n", ascii::upper(name),
                          QUARTET_VERSION, escaped(name), escaped(kPurpose));
  page += ".SH SYNOPSIS\n.B quartetctl\n";
  page += noun.empty() ? "[\\fIOPTION\\fR...] \\fINOUN\\fR \\fIVERB\\fR ...\n"
                       : fmt::format("[\\fIOPTION\\fR...] \\fB{}\\fR \\fIVERB\\fR ...\n", escaped(noun));
  page += ".SH COMMANDS\n";
  for (const auto& command : all_commands()) {
    if (noun.empty() && !command.verb.empty()) {
      page += fmt::format(".TP\n.B {}\n{}\n", escaped(synopsis(command)), escaped(command.summary));
    } else if (noun.empty() || command.noun == noun) {
      add_command(page, command);
    }
  }
  page += ".SH \"OPTIONS OF ALL COMMANDS\"\n";
  add_options(page, global_options());
  page += fmt::format(".SH \"EXIT STATUS\"\n{}\n", escaped(kExitCodes));
  if (noun.empty()) {
    page += ".SH \"SEE ALSO\"\n";
    const auto nouns = manual_nouns();
    for (const auto& one : nouns)
      page += fmt::format(".BR quartetctl\\-{} (1){}\n", escaped(one), one == nouns.back() ? "" : ",");
  } else {
    page += ".SH \"SEE ALSO\"\n.BR quartetctl (1)\n";
  }
  return page;
}

}  // namespace quartet::ctl
