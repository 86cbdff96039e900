// Calls that are answered at once, and lists that come in pages.
#pragma once
#include <grpcpp/client_context.h>

#include "ctl/client.h"

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

}  // namespace quartet::ctl
