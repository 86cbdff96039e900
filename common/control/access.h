// Who may do what on the control plane.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace grpc {
class CallbackServerContext;
class Status;
}  // namespace grpc

namespace quartet::control {

enum class Role : std::uint8_t {
  kObserver,       // sees queue, destinations, sessions, events and operations, but nothing of what messages say
  kOperator,       // an observer who also changes them
  kContentReader,  // an observer who also reads messages
  kAdmin,          // all of these, and what concerns the agent as a whole
};
const char* name_of(Role role);

/// To whom a role is given.
struct Grant {
  Role role = Role::kObserver;
  std::vector<std::string> certificates;  // any name in the client's certificate
  std::vector<uid_t> users;               // at the other end of the UNIX socket
  std::vector<gid_t> groups;              // of those, supplementary ones too
};

/// Who asks, as the connection tells.
struct Caller {
  std::vector<std::string> certificate;  // its names; empty: it showed none
  bool local = false;                    // by the UNIX socket
  uid_t user = 0;
  std::vector<gid_t> groups;
};
Caller caller_of(const grpc::CallbackServerContext& context);

class Access {
 public:
  /// None: whoever may connect may do everything. Else root and the user of this process may, by the UNIX socket.
  explicit Access(std::vector<Grant> grants = {}) : grants_(std::move(grants)) {}

  bool allows(const Caller& caller, Role needed) const;
  /// PERMISSION_DENIED says which role is missing, and is logged.
  grpc::Status check(const grpc::CallbackServerContext& context, Role needed) const;

 private:
  std::vector<Grant> grants_;
};

}  // namespace quartet::control
