// quartetctl sieve ...: scripts are compiled and run here; no agent is asked.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "common/base/ascii.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/sieve/run.h"
#include "ctl/command.h"
#include "ctl/read_file.h"

namespace quartet::ctl {
namespace {

/// Null after saying what is wrong: FILE:LINE:COLUMN and the fault, one a line, as compilers have it.
sieve::ProgramPtr read_script(const Invocation& invocation, const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    invocation.err << "quartetctl: " << text.error() << '\n';
    return nullptr;
  }
  auto program = sieve::compile(*text);
  if (program) return *std::move(program);
  for (const auto& error : program.error()) invocation.err << path << ':' << to_string(error) << '\n';
  return nullptr;
}

int check(const Invocation& invocation) {
  int code = kOk;
  for (const auto& path : invocation.arguments.operands()) {
    if (read_script(invocation, path) == nullptr) code = kFailed;
  }
  return code;
}

/// A site as the options describe it. Nothing is remembered from one run to the next, nothing is annotated.
class OptionsWorld final : public sieve::World {
 public:
  explicit OptionsWorld(const Arguments& arguments) : mailboxes_(arguments.values("mailbox")) {
    mailboxes_.emplace_back("INBOX");
    directory_ = arguments.value("include").value_or("");
  }
  bool mailbox_exists(const std::string& name) override {
    return std::ranges::any_of(
        mailboxes_, [&](const auto& one) { return one == name || (one == "INBOX" && ascii::iequals(name, one)); });
  }
  std::optional<std::string> annotation(const std::optional<std::string>&, const std::string&) override {
    return std::nullopt;
  }
  std::optional<std::string> special_use(const std::string&) override { return std::nullopt; }
  bool has_special_use(const std::string&, const std::string&) override { return false; }
  bool seen(const std::string&) override { return false; }
  std::expected<sieve::ProgramPtr, std::string> script(bool, const std::string& name) override {
    if (directory_.empty() || name.contains('/')) return nullptr;
    const auto text = read_file(directory_ + "/" + name + ".sieve");
    if (!text) return nullptr;
    auto program = sieve::compile(*text);
    if (!program) return std::unexpected(to_string(program.error().front()));
    return *std::move(program);
  }
  std::int32_t zone(std::int64_t) override { return 0; }

 private:
  std::vector<std::string> mailboxes_;
  std::string directory_;
};

/// Nothing given: as the message itself says, for a message out of a mailbox.
std::string address_in(const mime::Header& header, std::string_view field) {
  auto text = header.text(field);
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  return text;
}

int test(const Invocation& invocation) {
  const auto operands = invocation.arguments.operands();
  const auto script = read_script(invocation, operands[0]);
  if (script == nullptr) return kFailed;
  const auto file = read_file(operands[1]);
  if (!file) {
    invocation.err << "quartetctl: " << file.error() << '\n';
    return kFailed;
  }
  std::string message;
  mime::append_crlf(message, *file);
  const mime::Header header(message);
  sieve::Input input;
  input.name = std::filesystem::path(operands[0]).stem().string();
  input.message = message;
  input.from = invocation.arguments.value("from").value_or(address_in(header, "Return-Path"));
  input.to = invocation.arguments.value("to").value_or(address_in(header, "Delivered-To"));
  input.user = input.to;
  input.now = wall_now();
  input.environment = {{"location", "MDA"}, {"phase", "during"}, {"name", "Quartet"}, {"version", QUARTET_VERSION}};
  OptionsWorld world(invocation.arguments);
  const auto outcome = sieve::run(*script, input, world);
  for (const auto& action : outcome.actions) invocation.out << to_string(action) << '\n';
  if (outcome.actions.empty()) invocation.out << "discard\n";
  if (!outcome.no_vacation.empty()) invocation.err << "no vacation reply: " << outcome.no_vacation << '\n';
  if (!outcome.no_redirect.empty()) invocation.err << "no redirect: " << outcome.no_redirect << '\n';
  if (!outcome.error) return kOk;
  const auto& where = outcome.error_script.empty() ? operands[0] : outcome.error_script;
  invocation.err << where << ':' << to_string(*outcome.error) << '\n';
  return kFailed;
}

}  // namespace

std::vector<Command> sieve_commands() {
  constexpr std::size_t kMany = 10'000;
  return {
      {"sieve",
       "check",
       "SCRIPT...",
       1,
       kMany,
       "say what is wrong with Sieve scripts, as FILE:LINE:COLUMN",
       {},
       check,
       false},
      {"sieve",
       "test",
       "SCRIPT MESSAGE",
       2,
       2,
       "say what a Sieve script does with a message; nothing is delivered",
       {{"from", "ADDRESS", "the envelope's sender; \"\" for <> (default: Return-Path of the message)"},
        {"to", "ADDRESS", "the recipient (default: Delivered-To of the message)"},
        {"mailbox", "NAME", "a mailbox that exists beside INBOX; may be repeated"},
        {"include", "PLACE", "the directory that included scripts are in"}},
       test,
       false},
  };
}

}  // namespace quartet::ctl
