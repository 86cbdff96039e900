#include "msa/agent.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <thread>

#include "common/log/log.h"
#include "common/service/settings.h"
#include "msa/session.h"

namespace quartet::msa {

std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> Agent::load(const std::string& path) {
  auto settings = load_settings(path);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return std::make_unique<Agent>(*std::move(settings));
}

Agent::Agent(SettingsPtr settings)
    : latest_(std::move(settings)),
      current_(latest_),
      budget_(latest_->memory),
      passwords_(std::max(1U, std::thread::hardware_concurrency())) {}

service::Status Agent::bind(async::LoopThreads& loops) {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return service::connections_per_client(current_.get()->config.limits()); };
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
  intake_.hostname = latest_->hostname;
  intake_.budget = &budget_;
  auto opened = open_queue();
  if (opened) acceptor_->start();
  return opened;
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = current_.get();
  auto options = settings->server;
  options.implicit_tls = listener.implicit_tls;
  options.draining = &acceptor_->draining();
  const auto client = stream->peer().to_string();
  Session session(current_, intake_, passwords_);
  const auto end = co_await smtp::serve(std::move(stream), options, session);
  log::debug("msa.disconnected", {{"peer", client}, {"end", smtp::to_string(end)}});
}

std::string Agent::trouble() const {
  if (queue_) return queue_->trouble();
  const auto fault = hand_off_->fault();
  return fault ? fmt::format("the shared spool takes no mail: {}", fault->detail) : std::string();
}

std::vector<config::Error> Agent::reload(const std::string& path) {
  auto loaded = load_settings(path);
  if (!loaded) return std::move(loaded.error());
  using google::protobuf::util::MessageDifferencer;
  const auto& before = latest_->config;
  const auto& after = (*loaded)->config;
  service::report_ignored("listener",
                          !std::ranges::equal(before.listener(), after.listener(), MessageDifferencer::Equals));
  service::report_ignored("spool", before.spool() != after.spool());
  service::report_ignored(before.sending(), after.sending());
  const bool other_way =
      before.hand_off_case() != after.hand_off_case() || before.shared_spool() != after.shared_spool();
  service::report_ignored(after.has_smart_host() ? "smart_host" : "shared_spool", other_way);
  service::report_ignored("limits.memory", before.limits().memory() != after.limits().memory());
  latest_ = *std::move(loaded);
  current_.set(latest_);
  if (queue_ && latest_->router) queue_->relay().set_router(latest_->router);
  return {};
}

void Agent::drain(std::chrono::seconds grace) {
  // Both ends at once: what sessions still bring is in the spool, and goes out after the next start.
  if (queue_) queue_->wind_down(grace);
  if (acceptor_) acceptor_->drain(grace);
  if (queue_) queue_->stop(grace);
  if (hand_off_) hand_off_->close();
}

}  // namespace quartet::msa
