#include "common/control/tail.h"

#include <mutex>

#include "common/control/convert.h"
#include "common/control/lines.h"
#include "common/control/response_stream.h"
#include "common/control/session_filter.h"
#include "common/log/tap.h"
#include "common/net/wire.h"

namespace quartet::control {
namespace {

constexpr std::size_t kLinesPerResponse = 200;
constexpr std::size_t kLongestFilter = 1000;

/// What both streams have in common: whoever looks on puts lines in, and wakes the stream.
template <typename Response, typename Line>
class Tail : public ResponseStream<Response> {
 public:
  using ResponseStream<Response>::ResponseStream;

  void put(Line line) {
    if (lines_.put(std::move(line))) this->wake();
  }
  /// What keeps it attached. Before start().
  void hold(std::shared_ptr<void> attachment) { attachment_ = std::move(attachment); }

 private:
  /// Not left to the destructor, which may run where somebody puts a line in: that waits for itself.
  void over() override { attachment_.reset(); }

  using Step = typename ResponseStream<Response>::Step;
  Step produce(Response& response) override {
    auto [lines, lost] = lines_.take(kLinesPerResponse);
    if (lines.empty()) return Step::kNothing;
    for (auto& line : lines) *response.add_line() = std::move(line);
    response.set_lost(lost);
    return Step::kWrite;
  }

  Lines<Line> lines_;
  std::shared_ptr<void> attachment_;
};

using LogTail = Tail<v1::TailLogResponse, std::string>;
using SessionTail = Tail<v1::TraceSessionsResponse, v1::SessionLine>;

class LogTap final : public log::Tap {
 public:
  LogTap(std::weak_ptr<LogTail> tail, const v1::TailLogRequest& wanted)
      : tail_(std::move(tail)),
        wanted_(wanted),
        trace_(wanted.trace_id().empty() ? "" : "\"trace\":\"" + wanted.trace_id() + "\"") {}

  void take(log::Level, std::string_view event, std::string_view line) override {
    if (!event.starts_with(wanted_.event())) return;
    if (!line.contains(trace_) || !line.contains(wanted_.text())) return;
    if (const auto tail = tail_.lock()) tail->put(utf8(line));
  }

 private:
  const std::weak_ptr<LogTail> tail_;
  const v1::TailLogRequest wanted_;
  const std::string trace_;
};

class SessionWatcher final : public net::WireWatcher {
 public:
  SessionWatcher(std::weak_ptr<SessionTail> tail, SessionFilter filter)
      : tail_(std::move(tail)), filter_(std::move(filter)) {}

  void take(const net::WireLine& line) override {
    const auto tail = tail_.lock();
    if (!tail) return;
    v1::SessionLine out;
    set(*out.mutable_time(), wall_now());
    out.set_session(line.session);
    out.set_server(line.server);
    out.set_protocol(std::string(line.protocol));
    out.set_peer(utf8(line.peer.to_string()));
    out.set_host(utf8(line.host));
    out.set_ours(line.ours);
    out.set_text(utf8(line.text));
    out.set_last(line.last);
    const std::lock_guard lock(mutex_);
    for (auto& each : filter_.take(std::move(out), line.peer)) tail->put(std::move(each));
  }

 private:
  const std::weak_ptr<SessionTail> tail_;
  std::mutex mutex_;
  SessionFilter filter_;
};

template <typename Response>
grpc::ServerWriteReactor<Response>* invalid(std::string text) {
  return refuse_stream<Response>({grpc::StatusCode::INVALID_ARGUMENT, std::move(text)});
}

}  // namespace

grpc::ServerWriteReactor<v1::TailLogResponse>* tail_log(Calls& calls, const v1::TailLogRequest& request) {
  if (request.event().size() + request.trace_id().size() + request.text().size() > kLongestFilter)
    return invalid<v1::TailLogResponse>("longer than 1000 octets");
  if (!v1::LogLevel_IsValid(request.level()))
    return invalid<v1::TailLogResponse>("level: " + std::to_string(request.level()) + " is none");
  const auto tail = std::make_shared<LogTail>(calls);
  auto tap = std::make_shared<LogTap>(tail, request);
  tail->hold(log::attach(std::move(tap), level_of(request.level()).value_or(log::Level::kInfo)));
  return LogTail::start(tail);
}

grpc::ServerWriteReactor<v1::TraceSessionsResponse>* trace_sessions(Calls& calls,
                                                                    const v1::TraceSessionsRequest& request) {
  auto filter = SessionFilter::make(request);
  if (!filter) return invalid<v1::TraceSessionsResponse>(std::move(filter.error()));
  const auto tail = std::make_shared<SessionTail>(calls);
  tail->hold(net::watch_wire(std::make_shared<SessionWatcher>(tail, *std::move(filter))));
  return SessionTail::start(tail);
}

}  // namespace quartet::control
