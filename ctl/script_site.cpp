#include "ctl/script_site.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "common/config/config.h"
#include "common/sieve_site/verdicts.h"
#include "ctl/calls.h"
#include "ctl/values.h"
#include "quartet/control/v1/config.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using config::v1::Mda;
using config::v1::Sieve;

int fail(const Invocation& invocation, std::string_view why) {
  invocation.err << "quartetctl: " << why << '\n';
  return kFailed;
}

/// Of a file or of an agent; nullopt: of neither, so that nothing is known.
using Read = std::expected<std::optional<Sieve>, int>;

Read take(const Invocation& invocation, const std::expected<Mda, std::vector<config::Error>>& mda,
          const std::string& whose) {
  if (!mda) {
    for (const auto& error : mda.error()) invocation.err << config::to_string(error) << '\n';
    return std::unexpected(kFailed);
  }
  if (!mda->has_sieve()) return std::unexpected(fail(invocation, whose + " runs no scripts: it has no `sieve`"));
  return mda->sieve();
}

/// Of the agent. One that is only in the environment need not be an mda.
Read ask_agent(const Invocation& invocation) {
  if (invocation.target.empty()) return std::nullopt;
  const bool named = invocation.arguments.has("target") || !invocation.contexts.empty();
  const auto channel = connect(invocation);
  if (!channel) return std::unexpected(usage_error(invocation, channel.error()));
  v1::GetConfigRequest request;
  request.set_setting("sieve");
  v1::GetConfigResponse response;
  const auto stub = v1::ConfigService::NewStub(*channel);
  const auto status = ask(invocation, request, response, [&](auto& context, const auto& asked, auto& answer) {
    return stub->GetConfig(&context, asked, &answer);
  });
  if (named && status.error_code() == grpc::StatusCode::NOT_FOUND)
    return std::unexpected(fail(invocation, invocation.target + " is no mda"));
  if (named && !status.ok()) return std::unexpected(report(status, invocation));
  if (!status.ok() || (!named && response.text().empty())) {
    invocation.err << "quartetctl: " << invocation.target << " does not say what its scripts may know: "
                   << (status.ok() ? "it runs none" : plain(status.error_message())) << '\n';
    return std::nullopt;
  }
  auto text = response.text();
  // What counts has its variables put in.
  for (auto at = text.find("${"); at != std::string::npos; at = text.find("${", at)) text.replace(at, 1, "\\044");
  Mda mda;
  auto parsed = config::parse_into(text, invocation.target, mda);
  if (!parsed) return take(invocation, std::unexpected(std::move(parsed.error())), invocation.target);
  return take(invocation, mda, invocation.target);
}

Read read_sieve(const Invocation& invocation) {
  const auto file = invocation.arguments.value("config");
  if (!file) return ask_agent(invocation);
  return take(invocation, config::load<Mda>(*file), *file);
}

/// --list NAME=FILE, which comes before one of the same name in a configuration; the error says what is wrong.
std::expected<std::vector<sieve_site::Lists::Source>, std::string> given_lists(const Arguments& arguments) {
  std::vector<sieve_site::Lists::Source> out;
  for (const auto& value : arguments.values("list")) {
    // A URI may have the sign as well, a path seldom has.
    const auto sign = value.rfind('=');
    const auto name = sign == std::string::npos ? std::nullopt : sieve::canonical_list_name(value.substr(0, sign));
    if (!name) return std::unexpected(fmt::format("--list: expected NAME=FILE with a URI as name, not {}", value));
    out.push_back({*name, std::filesystem::absolute(value.substr(sign + 1)).string()});
  }
  return out;
}

}  // namespace

std::expected<std::unique_ptr<ScriptSite>, int> script_site(const Invocation& invocation) {
  auto lists = given_lists(invocation.arguments);
  if (!lists) return std::unexpected(usage_error(invocation, lists.error()));
  const auto sieve = read_sieve(invocation);
  if (!sieve) return std::unexpected(sieve.error());
  std::shared_ptr<const sieve::Verdicts> verdicts;
  if (*sieve) {
    bool faulty = false;
    const auto complain = [&](const google::protobuf::Message&, std::string_view field, const std::string& text) {
      fail(invocation, fmt::format("sieve: {}: {}", field, text));
      faulty = true;
    };
    verdicts = sieve_site::read_verdicts(complain, **sieve);
    for (auto& source : sieve_site::list_sources(complain, **sieve)) {
      if (std::ranges::count(*lists, source.name, &sieve_site::Lists::Source::name) == 0)
        lists->push_back(std::move(source));
    }
    if (faulty) return std::unexpected(kFailed);
  }
  auto out = std::make_unique<ScriptSite>(*std::move(lists));
  out->verdicts = std::move(verdicts);
  // Where nothing is known there may be everything.
  if (*sieve || !out->lists.empty())
    out->compile_options = sieve_site::compile_options(out->verdicts.get(), out->lists);
  if (!*sieve) out->compile_options.without.reset();
  if (*sieve) out->config = **sieve;
  if (out->config.redirects() != 0) out->limits.redirects = out->config.redirects();
  return out;
}

std::vector<Option> script_site_options() {
  return {
      {"config", "FILE", "of an mda, for its filters, lists and limits (default: as the agent says, if there is one)"},
      {"list", "NAME=FILE", "a list that scripts may look up and redirect to; may be repeated"}};
}

}  // namespace quartet::ctl
