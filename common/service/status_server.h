// HTTP for machines that look after the agent: /metrics (Prometheus), /healthz (the process works), /readyz (it can do
// its work now). GET and HEAD only, one request a connection.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "common/service/acceptor.h"

namespace quartet::service {

class StatusServer {
 public:
  /// `trouble` says why the agent is not ready; empty if it is. `collect` is called before the metrics are shown, for
  /// those that are looked up and not counted. Any thread.
  StatusServer(async::LoopThreads& loops, std::function<std::string()> trouble, std::function<void()> collect);

  Status start(const net::Address& address);
  void stop() { acceptor_.drain(std::chrono::seconds(0)); }

 private:
  async::Task<void> serve(std::unique_ptr<net::Stream> stream);
  std::string answer(std::string_view request) const;

  std::function<std::string()> trouble_;
  std::function<void()> collect_;
  Acceptor acceptor_;
};

/// The path of "GET /path HTTP/1.1"; empty if the line is anything else. Exposed for tests.
std::string request_path(std::string_view line);

}  // namespace quartet::service
