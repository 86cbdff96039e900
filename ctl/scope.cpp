#include "ctl/scope.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>

#include "ctl/client.h"
#include "ctl/json.h"
#include "ctl/values.h"
#include "quartet/control/v1/peer.grpc.pb.h"

namespace quartet::ctl {
namespace {

using Request = control::v1::AskPeersRequest;
using Response = control::v1::AskPeersResponse;

/// Unspecified if it is none.
Request::Scope scope_of(const std::string& text) {
  if (text == "role") return Request::SCOPE_ROLE;
  if (text == "chain") return Request::SCOPE_CHAIN;
  return Request::SCOPE_UNSPECIFIED;
}

}  // namespace

bool scope_is_good(const Invocation& invocation) {
  const auto text = invocation.arguments.value("scope");
  return !text || scope_of(*text) != Request::SCOPE_UNSPECIFIED;
}

int ask_scope(const Invocation& invocation, Request request, const std::function<void(const Response&)>& take) {
  const auto text = invocation.arguments.value("scope");
  if (!text) return kOk;
  request.set_scope(scope_of(*text));
  if (request.scope() == Request::SCOPE_UNSPECIFIED) return usage_error(invocation, "--scope: expected role or chain");
  if (invocation.timeout) {
    request.mutable_patience()->set_seconds(invocation.timeout->count() / 1000);
    request.mutable_patience()->set_nanos(static_cast<std::int32_t>(invocation.timeout->count() % 1000 * 1'000'000));
  }
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  grpc::ClientContext context;
  const auto stream = control::v1::PeerService::NewStub(*channel)->AskPeers(&context, request);
  int code = kOk;
  Response response;
  while (stream->Read(&response)) {
    if (response.error().empty()) {
      take(response);
      continue;
    }
    invocation.err << fmt::format("quartetctl: {}: {}\n", plain(response.name()), plain(response.error()));
    code = kUnreachable;
  }
  return std::max(code, report(stream->Finish(), invocation));
}

int print_scope(const Invocation& invocation, Request request,
                const std::function<std::string(const Response&)>& text_of) {
  return ask_scope(invocation, std::move(request), [&](const Response& response) {
    print_answer(invocation, response, invocation.json ? std::string() : text_of(response));
  });
}

void print_answer(const Invocation& invocation, const Response& response, std::string_view text) {
  if (invocation.json)
    invocation.out << to_json(response) << '\n';
  else
    invocation.out << '\n' << plain(response.name()) << ":\n" << text;
}

}  // namespace quartet::ctl
