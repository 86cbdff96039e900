#include "common/service/status_server.h"

#include <fmt/format.h>

#include "common/metrics/metrics.h"

namespace quartet::service {
namespace {

constexpr std::size_t kMostRequest = 8192;
constexpr std::chrono::seconds kTimeout{10};

std::string response(std::string_view status, std::string_view type, std::string_view body, bool with_body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{}",
      status, type, body.size(), with_body ? body : std::string_view());
}

}  // namespace

std::string request_path(std::string_view line) {
  for (const std::string_view method : {"GET ", "HEAD "}) {
    if (!line.starts_with(method)) continue;
    line.remove_prefix(method.size());
    const auto end = line.find(" HTTP/1.");
    if (end == line.npos || line.empty() || line.front() != '/') return {};
    return std::string(line.substr(0, std::min(end, line.find('?'))));
  }
  return {};
}

StatusServer::StatusServer(async::LoopThreads& loops, std::function<std::string()> trouble,
                           std::function<void()> collect)
    : trouble_(std::move(trouble)),
      collect_(std::move(collect)),
      acceptor_(loops, {.metrics = false},
                [this](std::unique_ptr<net::Stream> stream, const ListenerSpec&) { return serve(std::move(stream)); }) {
}

Status StatusServer::start(const net::Address& address) {
  auto bound = acceptor_.bind({{address, false}});
  if (bound) acceptor_.start();
  return bound;
}

std::string StatusServer::answer(std::string_view request) const {
  const auto line = request.substr(0, request.find("\r\n"));
  const bool with_body = !line.starts_with("HEAD ");
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const auto path = request_path(line);
  if (path == "/metrics") {
    collect_();
    return response("200 OK", "text/plain; version=0.0.4", metrics::render(), with_body);
  }
  if (path == "/healthz") return response("200 OK", kText, "ok\n", with_body);
  if (path == "/readyz") {
    const auto trouble = trouble_();
    if (trouble.empty()) return response("200 OK", kText, "ready\n", with_body);
    return response("503 Service Unavailable", kText, trouble + "\n", with_body);
  }
  if (path.empty()) return response("400 Bad Request", kText, "GET or HEAD, HTTP/1.1\n", true);
  return response("404 Not Found", kText, "there are /metrics, /healthz and /readyz\n", with_body);
}

async::Task<void> StatusServer::serve(std::unique_ptr<net::Stream> stream) {
  const auto deadline = async::Deadline::after(kTimeout);
  std::string request;
  while (!request.contains("\r\n\r\n")) {
    const auto bytes = co_await stream->read_some(deadline);
    if (!bytes || request.size() + bytes->size() > kMostRequest) co_return;
    request.append(*bytes);
  }
  const std::string reply = answer(request);
  const auto sent = co_await stream->write(reply, deadline);
  if (!sent) co_return;
  const auto ended = co_await stream->shutdown(deadline);
  if (!ended) co_return;
  // Closing with unread bytes would reset the connection and cut the answer short.
  for (bool more = true; more;) {
    const auto rest = co_await stream->read_some(deadline);
    more = rest.has_value();
  }
}

}  // namespace quartet::service
