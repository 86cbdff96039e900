#include "ctl/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <span>
#include <sstream>

#include "common/base/ascii.h"
#include "common/base/duration.h"
#include "ctl/command.h"
#include "ctl/complete.h"
#include "ctl/scope.h"

namespace quartet::ctl {

const std::vector<Option>& global_options() {
  static const std::vector<Option> options = {
      {"target", "WHERE", "the agent's control plane: unix:/path or host:port (default: $QUARTET_TARGET)"},
      {"context", "NAME", "the agent of this name in ~/.config/quartet/contexts; may be repeated"},
      {"all-contexts", "", "all agents there, one after the other"},
      {"ca", "FILE", "PEM: whose certificate a host:port must show (default: the system's authorities)"},
      {"cert", "FILE", "PEM: our certificate, for host:port"},
      {"key", "FILE", "PEM: its key"},
      {"json", "", "for programs: JSON, one object a line for what goes on, else one value"},
      {"timeout", "TIME", "give up after this long, such as 5s (default: 10s; none for what goes on)"},
      {"help", "", "this text, or that of a noun or a verb"},
      {"version", "", "the version of this program"},
  };
  return options;
}

const std::vector<Command>& all_commands() {
  static const std::vector<Command> all = [] {
    auto list = queue_commands();
    for (const auto& more :
         {operation_commands(), rule_commands(), link_commands(), upstream_commands(), dest_commands(),
          session_commands(), account_commands(), mailbox_commands(), quota_commands(), sieve_commands(),
          store_commands(), transfer_commands(), config_commands(), node_commands(), trace_commands(), tail_commands(),
          top_commands(), shell_commands()})
      list.insert(list.end(), more.begin(), more.end());
    return list;
  }();
  return all;
}

std::string synopsis(const Command& command) {
  return fmt::format("{}{}{}{}{}", command.noun, command.verb.empty() ? "" : " ", command.verb,
                     command.operands.empty() ? "" : " ", command.operands);
}

namespace {

std::vector<Option> all_options() {
  auto options = global_options();
  for (const auto& command : all_commands())
    options.insert(options.end(), command.options.begin(), command.options.end());
  return options;
}

void print_options(const std::vector<Option>& options, std::ostream& out) {
  for (const auto& option : options) {
    const auto name = fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ", option.value);
    out << fmt::format("  {:<26}  {}\n", name, option.help);
  }
}

const Command* find_command(const std::vector<std::string>& words) {
  for (const auto& command : all_commands()) {
    if (words.empty() || command.noun != words[0]) continue;
    if (command.verb.empty() || (words.size() >= 2 && command.verb == words[1])) return &command;
  }
  return nullptr;
}

/// Of everything, of the commands of a noun, or of one command.
void print_help(const std::vector<std::string>& words, std::ostream& out) {
  const auto matches = [&](const Command& command) {
    return (words.empty() || command.noun == words[0]) &&
           (words.size() < 2 || command.verb.empty() || command.verb == words[1]);
  };
  if (find_command(words) != nullptr) {
    for (const auto& command : all_commands()) {
      if (!matches(command)) continue;
      out << "usage: quartetctl [OPTION...] " << synopsis(command) << "\n\n" << command.summary << "\n\n";
      if (!command.options.empty()) out << "options:\n";
      print_options(command.options, out);
      if (!command.options.empty()) out << '\n';
    }
  } else {
    out << "usage: quartetctl [OPTION...] NOUN VERB ...\n\n"
        << ascii::upper(kPurpose.substr(0, 1)) << kPurpose.substr(1) << ".\n\ncommands:\n";
    for (const auto& command : all_commands())
      if (matches(command)) out << fmt::format("  {:<24}  {}\n", synopsis(command), command.summary);
    out << '\n';
  }
  out << "options of all commands:\n";
  print_options(global_options(), out);
  out << "\nexit codes: " << kExitCodes << '\n';
}

int complain(std::ostream& err, const std::string& why) {
  err << "quartetctl: " << why << "\nquartetctl --help says more\n";
  return kUsage;
}

bool is_known(const std::vector<std::string>& words) {
  if (words.empty() || find_command(words) != nullptr) return true;
  return words.size() == 1 && std::ranges::find(all_commands(), words[0], &Command::noun) != all_commands().end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// The contexts that the command line names; none if it names an agent otherwise.
std::expected<std::vector<Context>, std::string> chosen_contexts(const Arguments& arguments) {
  const auto names = arguments.values("context");
  const bool all = arguments.has("all-contexts");
  if (names.empty() && !all) return std::vector<Context>();
  for (const auto* other : {"target", "ca", "cert", "key"})
    if (arguments.has(other)) return std::unexpected(fmt::format("--{} and a context: which of the two?", other));
  auto known = read_contexts(contexts_file());
  if (!known || all) return known;
  std::vector<Context> chosen;
  for (const auto& name : names) {
    const auto found = std::ranges::find(*known, name, &Context::name);
    if (found == known->end()) return std::unexpected(fmt::format("{}: no context {}", contexts_file().string(), name));
    chosen.push_back(*found);
  }
  return chosen;
}

/// Fills what all commands share; the error says which option makes no sense.
std::string read_globals(const std::string& default_target, Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  invocation.json = arguments.has("json");
  if (!scope_is_good(invocation)) return "--scope: expected role or chain";
  if (const auto text = arguments.value("timeout")) {
    invocation.timeout = parse_duration(*text);
    if (!invocation.timeout || invocation.timeout->count() == 0)
      return "--timeout: expected a duration such as 5s or 1m30s";
  }
  auto contexts = chosen_contexts(arguments);
  if (!contexts) return contexts.error();
  invocation.contexts = *std::move(contexts);
  if (!invocation.contexts.empty()) {
    go_to(invocation, invocation.contexts.front());
    return {};
  }
  if (arguments.has("all-contexts")) return contexts_file().string() + ": has no context";
  invocation.target = arguments.value("target").value_or(default_target);
  if (invocation.target.empty() && arguments.has("control")) invocation.target = arguments.values("control").front();
  invocation.ca = arguments.value("ca").value_or("");
  invocation.certificate = arguments.value("cert").value_or("");
  invocation.key = arguments.value("key").value_or("");
  if (invocation.target.empty()) return "which agent? Give --target or --context, or set QUARTET_TARGET";
  if (!is_target(invocation.target)) return "--target: expected unix:/path or host:port";
  if (invocation.certificate.empty() != invocation.key.empty()) return "--cert and --key belong together";
  return {};
}

/// For one context after the other; what they say is told apart by their names. The worst code of all.
int run_each(const Command& command, const Invocation& invocation) {
  std::size_t width = 0;
  for (const auto& context : invocation.contexts) width = std::max(width, context.name.size());
  int code = kOk;
  for (const auto& context : invocation.contexts) {
    std::ostringstream out, err;
    Invocation one{invocation.arguments, out, err, {}, {}, {}, {}, invocation.json, invocation.timeout, {}};
    go_to(one, context);
    code = std::max(code, command.run(one));
    invocation.out << (invocation.json ? tagged(context.name, out.view()) : prefixed(context.name, width, out.view()));
    invocation.out.flush();
    invocation.err << prefixed(context.name, width, err.view());
  }
  return code;
}

}  // namespace

void go_to(Invocation& invocation, const Context& context) {
  invocation.target = context.target;
  invocation.ca = context.ca;
  invocation.certificate = context.certificate;
  invocation.key = context.key;
}

int usage_error(const Invocation& invocation, const std::string& why) { return complain(invocation.err, why); }

int run(const std::vector<std::string>& words, const std::string& default_target, std::ostream& out,
        std::ostream& err) {
  // What is being typed need not make sense yet, and so is not parsed.
  if (!words.empty() && words[0] == "complete") {
    out << to_lines(complete(std::span(words).subspan(1)));
    return kOk;
  }
  const auto options = all_options();
  const auto arguments = Arguments::parse(words, options);
  if (!arguments) return complain(err, arguments.error());
  if (arguments->has("version")) {
    out << "quartetctl " QUARTET_VERSION "\n";
    return kOk;
  }
  if (!is_known(arguments->words())) return complain(err, "no such command: " + joined(arguments->words()));
  if (arguments->has("help")) {
    print_help(arguments->words(), out);
    return kOk;
  }
  const auto* const command = find_command(arguments->words());
  if (command == nullptr) {
    print_help(arguments->words(), err);
    return kUsage;
  }
  if (const auto other = arguments->other_than(global_options(), command->options); !other.empty())
    return complain(err, fmt::format("{}{}{} has no option --{}", command->noun, command->verb.empty() ? "" : " ",
                                     command->verb, other));
  const auto operands = command->verb.empty() ? arguments->words().size() - 1 : arguments->operands().size();
  if (operands < command->least || operands > command->most) return complain(err, "usage: " + synopsis(*command));
  Invocation invocation{*arguments, out, err, {}, {}, {}, {}, false, {}, {}};
  if (const auto why = read_globals(default_target, invocation); command->needs_agent && !why.empty())
    return complain(err, why);
  if (invocation.contexts.size() < 2 || command->several == Command::Several::kItself) return command->run(invocation);
  if (command->several == Command::Several::kNo) return complain(err, synopsis(*command) + ": one context at a time");
  return run_each(*command, invocation);
}

}  // namespace quartet::ctl
