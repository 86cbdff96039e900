// The connection to an agent. TCP is always mutual TLS; a UNIX socket is guarded by its permissions.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <string>

#include "ctl/command.h"

namespace grpc {
class Channel;
class ClientContext;
class Status;
}  // namespace grpc

namespace quartet::ctl {

/// Connects with the first call. The error is about files that cannot be read.
std::expected<std::shared_ptr<grpc::Channel>, std::string> connect(const Invocation& invocation);

/// The deadline of a call that ought to be answered at once, or as the user wishes.
void set_deadline(grpc::ClientContext& context, const Invocation& invocation);
/// Of a call that lasts: as the user wishes, else none.
void set_stream_deadline(grpc::ClientContext& context, const Invocation& invocation);

/// kOk, or says what went wrong on the standard error and gives the exit code for it.
int report(const grpc::Status& status, const Invocation& invocation);

/// While it lives, SIGINT and SIGTERM cancel the call instead of ending the process.
class Interrupt {
 public:
  explicit Interrupt(grpc::ClientContext& context);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  bool happened() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quartet::ctl
