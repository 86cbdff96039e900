// Why an operation on a connection failed. Every code is transient to the mail it carries.
#pragma once
#include <string>

namespace quartet::net {

enum class IoCode {
  kEndOfStream,  // the peer closed its side in good order
  kTimedOut,     // the deadline passed
  kCancelled,    // the task group is stopping
  kReset,        // the peer or the network broke the connection
  kRefused,      // nobody listens there
  kUnreachable,  // no route to the host or network
  kInUse,        // the local address is taken
  kDenied,       // the system does not let us (port, path)
  kTls,          // handshake, certificate or record failure; `detail` names it
  kTooLong,      // the peer sent more than the caller's limit
  kScarce,       // this host itself has no descriptor or memory left for it; `detail` names what
  kSystem,       // anything else; `detail` has the system's text
};

struct IoError {
  IoCode code = IoCode::kSystem;
  std::string detail;  // for the log only
};

/// E.g. "timed out" or "tls: certificate has expired".
std::string to_string(const IoError& error);

}  // namespace quartet::net
