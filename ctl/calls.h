// Calls that are answered at once, what their options have in common, and lists that come in pages.
#pragma once
#include <grpcpp/client_context.h>

#include <ostream>

#include "common/base/duration.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/json.h"

namespace quartet::ctl {

/// `call` is a unary call as a function (context, request, response).
template <typename Request, typename Response, typename Call>
grpc::Status ask(const Invocation& invocation, const Request& request, Response& response, Call call) {
  grpc::ClientContext context;
  set_deadline(context, invocation);
  return call(context, request, response);
}

/// Gives `take` each page in turn, until it returns false or there are no more; then `request` has the token of the
/// page that would be next, if there is one.
template <typename Response, typename Request, typename Call, typename Take>
grpc::Status each_page(const Invocation& invocation, Request& request, Call call, Take take) {
  for (;;) {
    Response response;
    auto status = ask(invocation, request, response, call);
    if (!status.ok()) return status;
    request.set_page_token(response.next_page_token());
    if (!take(response) || request.page_token().empty()) return status;
  }
}

/// The answer of a call to `Service`, as JSON or as `text_of` says it.
template <typename Service, typename Request, typename Response, typename Text>
int call(const Invocation& invocation,
         grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&, Response*), const Request& request,
         Text text_of) {
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  Response response;
  const auto stub = Service::NewStub(*channel);
  const auto status = ask(invocation, request, response, [&](auto& context, const auto& asked, auto& answer) {
    return (stub.get()->*method)(&context, asked, &answer);
  });
  if (!status.ok()) return report(status, invocation);
  invocation.out << (invocation.json ? to_json(response) : text_of(response)) << '\n';
  return kOk;
}

/// Takes an option that is a duration into the message that `field` gives; false if it is none.
template <typename Field>
bool take_duration(const Invocation& invocation, std::string_view option, Field field) {
  const auto text = invocation.arguments.value(option);
  if (!text) return true;
  const auto duration = parse_duration(*text);
  if (!duration) return false;
  auto& to = *field();
  to.set_seconds(duration->count() / 1000);
  to.set_nanos(static_cast<std::int32_t>(duration->count() % 1000 * 1'000'000));
  return true;
}

/// Takes --for into the request; false if it is no duration above 0.
template <typename Request>
bool take_ttl(const Invocation& invocation, Request& request) {
  return take_duration(invocation, "for", [&request] { return request.mutable_ttl(); }) &&
         (!request.has_ttl() || request.ttl().seconds() != 0 || request.ttl().nanos() != 0);
}
inline constexpr const char* kBadTtl = "--for: expected a duration such as 30m or 2h";

}  // namespace quartet::ctl
