#include "common/service/pipe.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "common/relay/local_hop.h"
#include "common/relay/pipe_terms.h"

namespace quartet::service {
namespace {

void read_user(Checker& checker, const v1::Agent& agent, const v1::Pipe& pipe, relay::PipeCommand& out) {
  const bool root = ::geteuid() == 0 && agent.user().empty();
  if (pipe.user().empty()) {
    if (root) checker.fault(pipe, "argument", "needs `user`: a program must not run as root");
    if (!pipe.group().empty()) checker.fault(pipe, "group", "needs `user`");
    return;
  }
  const auto* const user = ::getpwnam(pipe.user().c_str());  // NOLINT: before any other thread
  if (user == nullptr) return checker.fault(pipe, "user", fmt::format("there is no user \"{}\"", pipe.user()));
  // As the user that the agent is anyway.
  const bool same = user->pw_uid == ::geteuid() || pipe.user() == agent.user();
  if (!root && !same) return checker.fault(pipe, "user", "an agent that does not run as root can become nobody else");
  if (!root) return;
  out.user = user->pw_uid;
  out.group = user->pw_gid;
  if (pipe.group().empty()) return;
  const auto* const group = ::getgrnam(pipe.group().c_str());
  if (group == nullptr) return checker.fault(pipe, "group", fmt::format("there is no group \"{}\"", pipe.group()));
  out.group = group->gr_gid;
}

void check_placeholders(Checker& checker, const v1::Pipe& pipe, std::string_view field,
                        const google::protobuf::RepeatedPtrField<std::string>& texts) {
  for (int i = 0; i < texts.size(); ++i) {
    if (const auto name = relay::unknown_placeholder(texts[i]))
      checker.fault(pipe, field,
                    fmt::format("{{{}}} is not known: {{sender}}, {{recipient}}, {{user}}, {{domain}}, "
                                "{{id}}, {{trace}} and {{size}} are",
                                *name),
                    i);
  }
}

}  // namespace

relay::NextHop read_pipe(Checker& checker, const v1::Agent& agent, const v1::Pipe& pipe) {
  auto command = std::make_shared<relay::PipeCommand>();
  command->arguments.assign(pipe.argument().begin(), pipe.argument().end());
  if (pipe.argument().empty())
    checker.fault(pipe, "argument", "is required: the path of the program");
  else if (!pipe.argument(0).starts_with('/') || ::access(pipe.argument(0).c_str(), X_OK) != 0)
    checker.fault(pipe, "argument", "expected the path of a program, which begins with '/'", 0);
  check_placeholders(checker, pipe, "argument", pipe.argument());
  command->environment.assign(pipe.environment().begin(), pipe.environment().end());
  for (int i = 0; i < pipe.environment_size(); ++i) {
    if (const auto equals = pipe.environment(i).find('='); equals == std::string::npos || equals == 0)
      checker.fault(pipe, "environment", "expected \"NAME=value\"", i);
  }
  check_placeholders(checker, pipe, "environment", pipe.environment());
  if (!pipe.directory().empty()) command->directory = pipe.directory();
  if (!std::filesystem::path(command->directory).is_absolute())
    checker.fault(pipe, "directory", "expected a path that begins with '/'");
  command->user_name = pipe.user();
  read_user(checker, agent, pipe, *command);
  if (pipe.processes() != 0) command->processes = pipe.processes();
  if (pipe.timeout_seconds() != 0) command->timeout = std::chrono::seconds(pipe.timeout_seconds());
  command->from_line = pipe.from_line();
  command->return_path = pipe.return_path();
  command->delivered_to = pipe.delivered_to();
  command->crlf = pipe.crlf();
  relay::NextHop out;
  out.kind = relay::NextHop::Kind::kPipe;
  out.pipe = std::move(command);
  return out;
}

}  // namespace quartet::service
