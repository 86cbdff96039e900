#include "common/service/acceptor.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "common/async/task_group.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/net/proxied.h"
#include "common/service/call_on.h"

namespace quartet::service {
namespace {

std::string cannot_listen(const net::Address& address, const net::IoError& error) {
  return fmt::format("cannot listen on {}: {}", address.to_string(), to_string(error));
}

constexpr std::chrono::seconds kProxyHeader{10};  // it comes with the connection
constexpr std::chrono::seconds kLastWords{2};     // for sessions that were stopped to say so
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::minutes kSaidAgain{1};  // what every accept fails by is not worth a line each

}  // namespace

struct Acceptor::Here {
  explicit Here(async::Loop& where) : loop(where) {}

  async::Loop& loop;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::vector<std::size_t> specs;  // index into listeners_ of each
  async::TaskGroup accepting;
  async::TaskGroup sessions;
  async::TaskGroup closing;
  async::Event drain_begun;
};

std::string client_key(const net::Address& client) {
  in6_addr address{};
  if (client.is_unix() || inet_pton(AF_INET6, client.host().c_str(), &address) != 1) return client.host();
  std::fill_n(address.s6_addr + 8, 8, std::uint8_t{0});
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string(text) + "/64";
}

Acceptor::Acceptor(async::LoopThreads& loops, Options options, Serve serve)
    : loops_(loops), options_(std::move(options)), serve_(std::move(serve)) {
  for (std::size_t i = 0; i < loops_.size(); ++i) here_.push_back(std::make_unique<Here>(loops_[i]));
}

Acceptor::~Acceptor() { drain(std::chrono::seconds(0)); }

Status Acceptor::bind(const std::vector<ListenerSpec>& listeners) {
  listeners_ = listeners;
  for (std::size_t index = 0; index < listeners_.size(); ++index) {
    auto& address = listeners_[index].address;
    const bool shared = !address.is_unix();
    // Sockets that share a port are also shared with a second process that was started by mistake, which would take
    // half of the connections: the first socket asks whether the port is ours alone.
    if (shared) {
      auto probed = call_on(here_.front()->loop, [&address] {
        auto alone = net::Listener::open(address, {});
        return alone ? std::expected<net::Address, net::IoError>((*alone)->local()) : std::unexpected(alone.error());
      });
      if (!probed) return std::unexpected(cannot_listen(address, probed.error()));
      address = *probed;  // port 0 became a real one
    }
    for (std::size_t i = 0; i < here_.size(); ++i) {
      // The paths are dealt out to the loops in turn.
      if (!shared && i != index % here_.size()) continue;
      auto& here = *here_[i];
      auto opened = call_on(here.loop, [&address, shared] {
        net::ListenOptions options;
        options.reuse_port = shared;
        return net::Listener::open(address, options);
      });
      if (!opened) return std::unexpected(cannot_listen(address, opened.error()));
      here.listeners.push_back(*std::move(opened));
      here.specs.push_back(index);
    }
  }
  return {};
}

void Acceptor::start() {
  for (const auto& owned : here_) {
    auto& here = *owned;
    call_on(here.loop, [this, &here] {
      for (std::size_t i = 0; i < here.listeners.size(); ++i) here.accepting.spawn(accept_from(here, i));
    });
  }
  for (const auto& listener : listeners_)
    log::info("listening", {{"address", listener.address.to_string()}, {"implicit_tls", listener.implicit_tls}});
}

async::Task<void> Acceptor::accept_from(Here& here, std::size_t index) {
  const auto& spec = listeners_[here.specs[index]];
  auto say_at = std::chrono::steady_clock::now();
  for (;;) {
    auto accepted = co_await here.listeners[index]->accept();
    if (accepted) {
      here.sessions.spawn(run_session(*std::move(accepted), spec));
      continue;
    }
    if (accepted.error().code == net::IoCode::kCancelled) co_return;
    // Out of descriptors, mostly: who connects waits in the backlog until sessions end.
    if (const auto now = std::chrono::steady_clock::now(); now >= say_at) {
      log::warn("accept.failed", {{"address", spec.address.to_string()}, {"error", to_string(accepted.error())}});
      say_at = now + kSaidAgain;
    }
    const auto paused = co_await async::sleep_for(kAcceptPause);
    if (paused == async::Wait::kCancelled) co_return;
  }
}

async::Task<void> Acceptor::run_session(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener) {
  const auto balancer = stream->peer();
  const auto is_balancer = [&balancer](const net::Network& network) { return network.contains(balancer); };
  if (std::ranges::none_of(listener.proxies, is_balancer)) co_return co_await run_client(std::move(stream), listener);
  auto proxied = co_await net::accept_proxied(std::move(stream), async::Deadline::after(kProxyHeader));
  if (proxied) co_return co_await run_client(*std::move(proxied), listener);
  // A check of the balancer's own may be no more than a connection.
  if (proxied.error().code == net::IoCode::kEndOfStream || proxied.error().code == net::IoCode::kCancelled) co_return;
  log::info("connection.refused", {{"peer", balancer.to_string()}, {"reason", net::to_string(proxied.error())}});
}

async::Task<void> turn_away(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener, std::string words) {
  if (words.empty() || listener.implicit_tls) co_return;
  // Nothing waits to be sent before it: a client that does not take so little need not hear it.
  (void)co_await stream->write(words, async::Deadline::after(kLastWords));
}

async::Task<void> Acceptor::run_client(std::unique_ptr<net::Stream> stream, const ListenerSpec& listener) {
  static auto& refused = metrics::counter("quartet_connections_refused_total", "Connections over the limit per client");
  static auto& open = metrics::gauge("quartet_connections", "Open connections of clients");
  const auto client = stream->peer();
  Place place(clients_, client_key(client));
  if (const auto most = limit_of(client); most != 0 && !place.take(most)) {
    refused.add();
    log::info("connection.refused", {{"peer", client.to_string()}, {"reason", "too many connections of one client"}});
    auto words = options_.refusal ? options_.refusal() : std::string();
    co_return co_await turn_away(std::move(stream), listener, std::move(words));
  }
  sessions_.fetch_add(1, std::memory_order_relaxed);
  static auto& taken = metrics::counter("quartet_connections_total", "Connections of clients that were taken");
  static auto& seconds =
      metrics::histogram("quartet_session_seconds", "Durations of clients' sessions", metrics::durations());
  const auto begun = std::chrono::steady_clock::now();
  if (options_.metrics) {
    open.add(1);
    taken.add();
  }
  const ScopeExit left([this, begun] {
    if (options_.metrics) {
      open.add(-1);
      seconds.observe(metrics::seconds_since(begun));
    }
    sessions_.fetch_sub(1, std::memory_order_relaxed);
  });
  co_await serve_(std::move(stream), listener);
}

std::size_t Acceptor::limit_of(const net::Address& client) const {
  if (!options_.connections_per_client || client.is_unix()) return 0;
  return options_.exempt && options_.exempt(client) ? 0 : options_.connections_per_client();
}

std::vector<std::string> Acceptor::socket_files() const {
  std::vector<std::string> files;
  for (const auto& listener : listeners_) {
    if (listener.address.is_unix()) files.push_back(listener.address.host());
  }
  return files;
}

async::Task<void> Acceptor::close_down(Here& here, std::chrono::seconds grace, std::move_only_function<void()> done) {
  here.drain_begun.set();
  co_await here.accepting.close();
  here.listeners.clear();
  const bool ended = co_await here.sessions.join(async::Deadline::after(grace));
  if (!ended) {
    const bool stopped = co_await here.sessions.close(async::Deadline::after(kLastWords));
    if (!stopped) log::warn("drain.slow", {{"sessions", here.sessions.size()}});
  }
  co_await here.sessions.close();
  done();
}

async::Event& Acceptor::drain_begun() {
  const auto here = std::ranges::find_if(here_, [](const auto& one) { return &one->loop == &async::Loop::current(); });
  QUARTET_CHECK(here != here_.end());
  return (*here)->drain_begun;
}

void Acceptor::stop_accepting() {
  std::vector<std::promise<void>> ended(here_.size());
  for (std::size_t i = 0; i < here_.size(); ++i) {
    auto& here = *here_[i];
    here.loop.post([&here, &promise = ended[i]] { here.closing.spawn(close_listeners(here, promise)); });
  }
  for (auto& promise : ended) promise.get_future().wait();
}

async::Task<void> Acceptor::close_listeners(Here& here, std::promise<void>& closed) {
  co_await here.accepting.close();
  here.listeners.clear();
  closed.set_value();
}

void Acceptor::drain(std::chrono::seconds grace) {
  if (std::exchange(drained_, true)) return;
  draining_ = true;
  std::vector<std::promise<void>> ended(here_.size());
  for (std::size_t i = 0; i < here_.size(); ++i) {
    auto& here = *here_[i];
    here.loop.post([this, &here, grace, &promise = ended[i]] {
      here.closing.spawn(close_down(here, grace, [&promise] { promise.set_value(); }));
    });
  }
  for (auto& promise : ended) promise.get_future().wait();
  // A turn of the loop later the closing task itself is gone.
  for (auto& here : here_) call_on(here->loop, [&here] { here.reset(); });
  here_.clear();
}

}  // namespace quartet::service
