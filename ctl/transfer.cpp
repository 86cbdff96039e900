// quartetctl import ..., quartetctl export ...: run by quartet-transfer, which works on the store itself.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ostream>

#include "ctl/command.h"

namespace quartet::ctl {
namespace {

/// Beside this program, as both are installed and built; else where the shell would look for it.
std::string transfer_program() {
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "quartet-transfer";
  return !error && std::filesystem::exists(beside, error) ? beside.string() : "quartet-transfer";
}

/// The command line again, without what concerns agents.
std::vector<std::string> words_for(const Invocation& invocation) {
  std::vector<std::string> words = {transfer_program()};
  for (const auto& command : transfer_commands()) {
    if (command.noun != invocation.arguments.words()[0] || command.verb != invocation.arguments.words()[1]) continue;
    for (const auto& option : command.options)
      for (const auto& value : invocation.arguments.values(option.name))
        words.push_back(fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : "=", value));
  }
  if (invocation.json) words.emplace_back("--json");
  words.emplace_back("--");
  words.insert(words.end(), invocation.arguments.words().begin(), invocation.arguments.words().end());
  return words;
}

int run_transfer(const Invocation& invocation) {
  auto words = words_for(invocation);
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  invocation.out.flush();
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, pointers[0], nullptr, nullptr, pointers.data(), environ);
  int status = 0;
  while (failed == 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (failed == 0 && WIFEXITED(status)) return WEXITSTATUS(status);
  invocation.err << "quartetctl: " << words[0] << ": " << (failed != 0 ? std::strerror(failed) : "ended by a signal")
                 << '\n';
  return kFailed;
}

std::vector<Option> with_common(std::vector<Option> options) {
  const std::vector<Option> common = {
      {"store", "DIRECTORY", "the store, as the configuration of mda and imapd names it (default: $QUARTET_STORE)"},
      {"store-database", "WHERE", "for a store in PostgreSQL: what the configuration has as `store_database`"},
      {"account", "LOGIN", "whose mailboxes: the login in the directory"},
      {"mailbox", "NAME", "only this one; may be repeated"},
      {"resume", "FILE",
       "note there what is done; a later run with the same file goes on where this one ended, however that was, and "
       "brings what is new"},
      {"progress", "", "say once a second how far it is, also where no terminal is"},
  };
  options.insert(options.begin(), common.begin(), common.end());
  return options;
}

const std::vector<Option> kImapOptions = {
    {"user", "NAME", "who logs in there"},
    {"password-file", "FILE", "the password is its first line; \"-\": the standard input's"},
    {"tls", "HOW", "starttls (the default), implicit (the default for port 993) or none", "starttls implicit none"},
    {"ca", "FILE", "PEM: whose certificate the server must show (default: the system's authorities)"},
};

std::vector<Option> import_options(const std::vector<Option>& more) {
  std::vector<Option> options = {
      {"into", "NAME", "the mailbox that INBOX of the source, or a single file, becomes; all others come below it"},
      {"exclude", "NAME", "not this mailbox of the source; may be repeated"},
  };
  options.insert(options.end(), more.begin(), more.end());
  return with_common(std::move(options));
}

}  // namespace

std::vector<Command> transfer_commands() {
  return {
      {"import", "maildir", "DIRECTORY", 1, 1,
       "bring messages, flags, keywords, folders and subscriptions of a Maildir into the store; agents may be at work "
       "on "
       "it",
       import_options({}), run_transfer, false},
      {"import", "mbox", "PLACE", 1, 1, "the same of an mbox file, which becomes INBOX, or of a directory of them",
       import_options({}), run_transfer, false},
      {"import", "imap", "HOST[:PORT]", 1, 1,
       "the same from an account on another IMAP server, in which nothing is changed", import_options(kImapOptions),
       run_transfer, false},
      {"export", "maildir", "DIRECTORY", 1, 1,
       "write the mailboxes of an account into a new Maildir; with --resume bring it up to date", with_common({}),
       run_transfer, false},
      {"export", "mbox", "PLACE", 1, 1,
       "write the mailboxes of an account into mbox files of a directory, or a single one into a file", with_common({}),
       run_transfer, false},
  };
}

}  // namespace quartet::ctl
