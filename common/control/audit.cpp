#include "common/control/audit.h"

#include <grpcpp/server_context.h>
#include <sys/socket.h>

#include "common/base/ascii.h"
#include "common/control/convert.h"
#include "common/log/log.h"

namespace quartet::control {

std::optional<int> descriptor_of(const grpc::CallbackServerContext& context) {
  // Connections that our UnixSocket accepted are known to gRPC by their descriptor. It is looked at when the call
  // begins; only a caller that hangs up within that moment could be mistaken for another one of those who may connect.
  constexpr std::string_view kDescriptor = "fd:";
  const auto peer = context.peer();
  if (!peer.starts_with(kDescriptor)) return std::nullopt;
  return ascii::to_number<int>(std::string_view(peer).substr(kDescriptor.size()));
}

std::string peer_of(const grpc::CallbackServerContext& context) {
  if (const auto auth = context.auth_context(); auth && auth->IsPeerAuthenticated()) {
    const auto names = auth->GetPeerIdentity();
    if (!names.empty()) return "tls:" + utf8({names.front().data(), names.front().size()}, 256);
  }
  if (const auto descriptor = descriptor_of(context)) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(*descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
      return "unix:uid=" + std::to_string(who.uid) + ",pid=" + std::to_string(who.pid);
  }
  return context.peer();
}

void audit(const Change& change) {
  if (!change.refused.empty()) {
    log::warn("control.refused", {{"verb", change.verb},
                                  {"peer", change.peer},
                                  {"selector", change.selector},
                                  {"reason", change.reason},
                                  {"operation", change.operation},
                                  {"rule", change.rule},
                                  {"error", change.refused},
                                  {"changed", change.changed}});
    return;
  }
  log::info("control.change", {{"verb", change.verb},
                               {"peer", change.peer},
                               {"selector", change.selector},
                               {"reason", change.reason},
                               {"next_hop", change.next_hop},
                               {"detail", change.detail},
                               {"operation", change.operation},
                               {"rule", change.rule},
                               {"dry_run", change.dry_run},
                               {"changed", change.changed},
                               {"pending", change.pending},
                               {"skipped", change.skipped}});
}

}  // namespace quartet::control
