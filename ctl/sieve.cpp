// quartetctl sieve ...: scripts are compiled and run here. An agent is asked for its settings at most.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "common/base/ascii.h"
#include "common/base/expand_path.h"
#include "common/base/read_file.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/sieve/run.h"
#include "ctl/command.h"
#include "ctl/script_site.h"

namespace quartet::ctl {
namespace {

/// Null after saying what is wrong: FILE:LINE:COLUMN and the fault, one a line, as compilers have it.
sieve::ProgramPtr read_script(const Invocation& invocation, const ScriptSite& site, const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    invocation.err << "quartetctl: " << path << ": " << text.error() << '\n';
    return nullptr;
  }
  auto program = sieve::compile(*text, site.compile_options);
  if (program) return *std::move(program);
  for (const auto& error : program.error()) invocation.err << path << ':' << to_string(error) << '\n';
  return nullptr;
}

int check(const Invocation& invocation) {
  const auto site = script_site(invocation);
  if (!site) return site.error();
  int code = kOk;
  for (const auto& path : invocation.arguments.operands()) {
    if (read_script(invocation, **site, path) == nullptr) code = kFailed;
  }
  return code;
}

/// A site as its configuration and the options describe it. Nothing is remembered from one run to the next, nothing is
/// annotated.
class OptionsWorld final : public sieve::World {
 public:
  /// `site` outlives it; `to` is the recipient.
  OptionsWorld(const Arguments& arguments, ScriptSite& site, const std::string& to)
      : mailboxes_(arguments.values("mailbox")), directory_(arguments.value("include")), site_(site) {
    mailboxes_.emplace_back("INBOX");
    // The account, if it is not another one by an alias.
    const auto at = to.rfind('@');
    if (at != std::string::npos) account_ = to.substr(0, std::min(at, to.find('+'))) + to.substr(at);
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
  std::expected<sieve::ProgramPtr, std::string> script(bool global, const std::string& name) override {
    const auto directory = directory_.value_or(global ? site_.config.global() : own_directory());
    if (directory.empty() || name.contains('/')) return nullptr;
    const auto text = read_file(directory + "/" + name + ".sieve");
    if (!text) return nullptr;
    auto program = sieve::compile(*text, site_.compile_options);
    if (!program) return std::unexpected(to_string(program.error().front()));
    return *std::move(program);
  }
  std::expected<sieve::ExternalListPtr, std::string> list(const std::string& name) override {
    return site_.lists.find(name, account_);
  }
  std::int32_t zone(std::int64_t) override { return 0; }

  /// "" for a recipient that is no address.
  const std::string& account() const { return account_; }

 private:
  std::string own_directory() const {
    const auto at = account_.rfind('@');
    if (site_.config.directory().empty() || at == std::string::npos) return {};
    return expand_path(site_.config.directory() + "/{domain}/{user}", account_.substr(0, at), account_.substr(at + 1))
        .value_or("");
  }

  std::vector<std::string> mailboxes_;
  std::optional<std::string> directory_;
  ScriptSite& site_;
  std::string account_;
};

/// Nothing given: as the message itself says, for a message out of a mailbox.
std::string address_in(const mime::Header& header, std::string_view field) {
  auto text = header.text(field);
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  return text;
}

int test(const Invocation& invocation) {
  const auto operands = invocation.arguments.operands();
  const auto site = script_site(invocation);
  if (!site) return site.error();
  const auto script = read_script(invocation, **site, operands[0]);
  if (script == nullptr) return kFailed;
  const auto file = read_file(operands[1]);
  if (!file) {
    invocation.err << "quartetctl: " << operands[1] << ": " << file.error() << '\n';
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
  input.now = wall_now();
  input.environment = {{"location", "MDA"}, {"phase", "during"}, {"name", "Quartet"}, {"version", QUARTET_VERSION}};
  input.verdicts = (*site)->verdicts.get();
  OptionsWorld world(invocation.arguments, **site, input.to);
  // As the mda has it: mail to an address with a detail is mail to the account without it.
  input.user = world.account().empty() ? input.to : world.account();
  const auto outcome = sieve::run(*script, input, world, (*site)->limits);
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
  auto of_site = script_site_options();
  auto of_test = of_site;
  of_test.insert(of_test.begin(),
                 {{"from", "ADDRESS", "the envelope's sender; \"\" for <> (default: Return-Path of the message)"},
                  {"to", "ADDRESS", "the recipient (default: Delivered-To of the message)"},
                  {"mailbox", "NAME", "a mailbox that exists beside INBOX; may be repeated"},
                  {"include", "PLACE", "the directory of included scripts (default: as the configuration says)"}});
  return {
      {"sieve", "check", "SCRIPT...", 1, kMany, "say what is wrong with Sieve scripts, as FILE:LINE:COLUMN",
       std::move(of_site), check, false},
      {"sieve", "test", "SCRIPT MESSAGE", 2, 2, "say what a Sieve script does with a message; nothing is delivered",
       std::move(of_test), test, false},
  };
}

}  // namespace quartet::ctl
