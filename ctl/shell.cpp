// quartetctl completion, quartetctl manual: what shells and man(1) want of us.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "ctl/command.h"
#include "ctl/complete.h"
#include "ctl/manual.h"
#include "ctl/new_file.h"

namespace quartet::ctl {
namespace {

int completion(const Invocation& invocation) {
  const auto script = completion_script(invocation.arguments.words()[1]);
  if (script.empty()) return usage_error(invocation, "completion: expected bash, zsh or fish");
  invocation.out << script;
  return kOk;
}

std::expected<void, std::string> write_page(const std::filesystem::path& directory, const std::string& noun) {
  auto file = NewFile::create(directory / ((noun.empty() ? "quartetctl" : "quartetctl-" + noun) + ".1"), 0644);
  if (!file) return std::unexpected(file.error());
  if (auto written = file->write(manual_page(noun)); !written) return written;
  return file->commit();
}

int manual(const Invocation& invocation) {
  const auto& words = invocation.arguments.words();
  const auto to = invocation.arguments.value("to");
  auto nouns = manual_nouns();
  if (!to) {
    const auto noun = words.size() > 1 ? words[1] : "";
    if (!noun.empty() && std::ranges::find(nouns, noun) == nouns.end())
      return usage_error(invocation, "manual: no such noun: " + noun);
    invocation.out << manual_page(noun);
    return kOk;
  }
  nouns.emplace_back();
  std::error_code error;
  std::filesystem::create_directories(*to, error);
  for (const auto& noun : nouns) {
    if (const auto written = write_page(*to, noun); !written) {
      invocation.err << "quartetctl: " << written.error() << '\n';
      return kFailed;
    }
  }
  return kOk;
}

}  // namespace

std::vector<Command> shell_commands() {
  return {
      {"completion",
       "",
       "SHELL",
       1,
       1,
       "the script that lets bash, zsh or fish complete our command lines",
       {},
       completion,
       false,
       "bash zsh fish"},
      {"manual",
       "",
       "[NOUN]",
       0,
       1,
       "the manual page of all commands or of a noun's, for man(1)",
       {{"to", "PLACE", "write all pages into this directory"}},
       manual,
       false},
  };
}

}  // namespace quartet::ctl
