#include "msa/agent.h"

#include <fmt/format.h>
#include <algorithm>
#include <thread>

#include "common/log/log.h"
#include "common/service/settings.h"
#include "msa/session.h"

namespace quartet::msa {
namespace {

/// Settings that only a start takes over.
std::vector<std::string_view> at_start(const config::v1::Msa& first, const config::v1::Msa& next) {
  std::vector<std::string_view> out = {"listener", "spool", "shared_spool", "login_limits"};
  // From one to the other is another queue.
  if (first.hand_off_case() != next.hand_off_case()) out.insert(out.end(), {"smart_host", "sending"});
  return out;
}

}  // namespace

std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> Agent::load(const std::string& path) {
  auto settings = load_settings(path);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return std::make_unique<Agent>(*std::move(settings));
}

Agent::Agent(SettingsPtr settings)
    : first_(settings),
      latest_(std::move(settings)),
      current_(latest_),
      budget_(latest_->memory),
      passwords_(std::max(1U, std::thread::hardware_concurrency()),
                 service::remembered_for(latest_->config.login_limits())) {}

service::Status Agent::bind(async::LoopThreads& loops) {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return service::connections_per_client(current_.get()->config.limits()); };
  // What a proxy passes on are many clients.
  options.exempt = [this](const net::Address& client) {
    return service::contains(current_.get()->forwarders.xclient, client);
  };
  options.refusal = [this] { return service::too_many_connections(current_.get()->config.agent()); };
  acceptor_ = std::make_unique<service::Acceptor>(
      loops, std::move(options), [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve(std::move(stream), listener);
      });
  return acceptor_->bind(latest_->listeners);
}

service::Belongings Agent::belongings() const {
  return {acceptor_->socket_files(), {latest_->config.spool(), latest_->config.shared_spool()}};
}

service::Status Agent::open_queue() {
  if (latest_->router) {
    auto opened = service::Queue::open(latest_->config.spool(), latest_->relay, latest_->router);
    if (!opened) return std::unexpected(std::move(opened.error()));
    queue_ = *std::move(opened);
    intake_.enqueue = [this](spool::NewMessage message) { return queue_->spool().enqueue(std::move(message)); };
    queue_->start();
    return {};
  }
  spool::HandOffOptions options;
  options.directory = latest_->config.shared_spool();
  auto opened = spool::HandOff::open(std::move(options));
  if (!opened)
    return std::unexpected(fmt::format("shared_spool {}: {}", latest_->config.shared_spool(), opened.error().detail));
  hand_off_ = *std::move(opened);
  log::info("hand_off.opened", {{"spool", latest_->config.shared_spool()}});
  intake_.enqueue = [this](spool::NewMessage message) { return hand_off_->enqueue(std::move(message)); };
  return {};
}

service::Status Agent::start() {
  intake_.agent = "msa";
  intake_.budget = &budget_;
  auto guard = service::LoginGuard::open(
      service::login_limits(latest_->config.login_limits()),
      [this](std::string_view login) { return current_.get()->directory->canonical_at_home(login); });
  if (!guard) return std::unexpected("login_limits: " + guard.error());
  guard_ = *std::move(guard);
  auto opened = open_queue();
  if (opened) acceptor_->start();
  return opened;
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = current_.get();
  auto options = settings->server;
  options.implicit_tls = listener.implicit_tls;
  options.features.xclient = service::contains(settings->forwarders.xclient, stream->peer());
  options.features.xforward = service::contains(settings->forwarders.xforward, stream->peer());
  if (auto& release = options.features.future_release) release->latest = wall_now() + settings->longest_hold;
  options.draining = &acceptor_->draining();
  const auto place = sessions_.enter("smtp", *stream);
  options.record = &place.record();
  const auto client = stream->peer().to_string();
  Session session(current_, intake_, passwords_, *guard_);
  const auto end = co_await smtp::serve(std::move(stream), options, session);
  log::debug("msa.disconnected", {{"peer", client}, {"end", smtp::to_string(end)}});
}

std::string Agent::trouble() const {
  if (queue_) return queue_->trouble();
  const auto fault = hand_off_->fault();
  return fault ? fmt::format("the shared spool takes no mail: {}", fault->detail) : std::string();
}

service::Preview Agent::preview(const config::Input& input) const {
  return service::preview(first_, latest_, load_settings(input),
                          [this](const Settings& next) { return at_start(first_->config, next.config); });
}

std::optional<control::RecipientAnswer> Agent::explain(const control::RecipientQuestion& question) const {
  return explain_recipient(*current_.get()->directory, question);
}

service::Reloaded Agent::reload(const config::Input& input) {
  auto loaded = load_settings(input);
  if (!loaded) return {.faults = std::move(loaded.error())};
  auto reloaded =
      service::compare(first_->config, latest_->config, (*loaded)->config, at_start(first_->config, (*loaded)->config));
  latest_ = *std::move(loaded);
  current_.set(latest_);
  budget_.set_most(latest_->memory);
  if (queue_ && latest_->router) queue_->relay().reload(latest_->relay, latest_->router);
  return reloaded;
}

void Agent::drain(std::chrono::seconds grace) {
  // Both ends at once: what sessions still bring is in the spool, and goes out after the next start.
  if (queue_) queue_->wind_down(grace);
  if (acceptor_) acceptor_->drain(grace);
  if (queue_) queue_->stop(grace);
  if (hand_off_) hand_off_->close();
}

}  // namespace quartet::msa
