#include "common/control/access.h"

#include <grpcpp/server_context.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/control/audit.h"
#include "common/log/log.h"

namespace quartet::control {
namespace {

bool includes(Role has, Role needed) { return has == needed || has == Role::kAdmin || needed == Role::kObserver; }

bool is_meant(const Grant& grant, const Caller& caller) {
  const auto in = [](const auto& list) {
    return [&list](const auto& one) { return std::ranges::find(list, one) != list.end(); };
  };
  if (!caller.local) return std::ranges::any_of(caller.certificate, in(grant.certificates));
  return in(grant.users)(caller.user) || std::ranges::any_of(caller.groups, in(grant.groups));
}

/// The supplementary groups that the other end had when it connected.
void add_groups(int descriptor, std::vector<gid_t>& groups) {
  std::vector<gid_t> more(64);
  for (int tries = 0; tries < 2; ++tries) {
    auto size = static_cast<socklen_t>(more.size() * sizeof(gid_t));
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, more.data(), &size) == 0) {
      groups.insert(groups.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(size / sizeof(gid_t)));
      return;
    }
    if (errno != ERANGE) return;
    more.resize(size / sizeof(gid_t));
  }
}

}  // namespace

const char* name_of(Role role) {
  switch (role) {
    case Role::kObserver:
      return "observer";
    case Role::kOperator:
      return "operator";
    case Role::kContentReader:
      return "content reader";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

Caller caller_of(const grpc::CallbackServerContext& context) {
  Caller caller;
  if (const auto auth = context.auth_context(); auth && auth->IsPeerAuthenticated()) {
    for (const auto& name : auth->GetPeerIdentity()) caller.certificate.emplace_back(name.data(), name.size());
    return caller;
  }
  const auto descriptor = descriptor_of(context);
  ucred who{};
  socklen_t size = sizeof who;
  if (!descriptor || ::getsockopt(*descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return caller;
  caller.local = true;
  caller.user = who.uid;
  caller.groups = {who.gid};
  add_groups(*descriptor, caller.groups);
  return caller;
}

bool Access::allows(const Caller& caller, Role needed) const {
  if (grants_.empty()) return true;
  if (caller.local && (caller.user == 0 || caller.user == ::geteuid())) return true;
  return std::ranges::any_of(
      grants_, [&](const Grant& grant) { return includes(grant.role, needed) && is_meant(grant, caller); });
}

grpc::Status Access::check(const grpc::CallbackServerContext& context, Role needed) const {
  if (grants_.empty() || allows(caller_of(context), needed)) return grpc::Status::OK;
  const auto peer = peer_of(context);
  log::warn("control.denied", {{"peer", peer}, {"role", name_of(needed)}});
  return {grpc::StatusCode::PERMISSION_DENIED,
          "this needs the role " + std::string(name_of(needed)) + ", which " + peer + " does not have"};
}

}  // namespace quartet::control
