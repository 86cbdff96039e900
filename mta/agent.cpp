#include "mta/agent.h"

#include <algorithm>

#include "common/log/log.h"
#include "common/service/settings.h"
#include "mta/explain.h"
#include "mta/odmr_session.h"
#include "mta/rewrite.h"
#include "mta/session.h"
#include "mta/turned_session.h"

namespace quartet::mta {
namespace {

constexpr std::string_view kAtStart[] = {"listener", "spool", "login_limits"};

std::vector<service::ListenerSet::Listener> odmr_listeners(const Settings& settings) {
  std::vector<service::ListenerSet::Listener> out;
  for (std::size_t i = 0; i < settings.odmr.size(); ++i)
    out.push_back({settings.odmr[i], settings.config.odmr(static_cast<int>(i)).SerializeAsString()});
  return out;
}

void warn_of(const Settings& settings) {
  if (!settings.directory) return;
  for (const auto& domain : service::without_postmaster(*settings.directory))
    log::warn("directory.no_postmaster", {{"domain", domain}, {"reason", "mail to it is taken and bounces"}});
}

}  // namespace

std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> Agent::load(const std::string& path) {
  auto settings = load_settings(path);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return std::make_unique<Agent>(*std::move(settings));
}

Agent::Agent(SettingsPtr settings)
    : first_(settings), latest_(std::move(settings)), current_(latest_), budget_(latest_->memory) {}

service::Acceptor::Options Agent::acceptor_options() {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return service::connections_per_client(current_.get()->config.limits()); };
  options.exempt = [this](const net::Address& client) {
    const auto settings = current_.get();
    return service::contains(settings->trusted, client) || service::contains(settings->forwarders.xclient, client);
  };
  options.refusal = [this] { return service::too_many_connections(current_.get()->config.agent()); };
  return options;
}

service::Status Agent::bind(async::LoopThreads& loops) {
  relay_thread_ = std::make_unique<async::LoopThreads>(1);
  acceptor_ = std::make_unique<service::Acceptor>(
      loops, acceptor_options(), [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve(std::move(stream), listener);
      });
  passwords_ = std::make_unique<service::Passwords>(1, service::remembered_for(latest_->config.login_limits()));
  odmr_ = std::make_unique<service::ListenerSet>(
      *relay_thread_, acceptor_options(),
      [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve_odmr(std::move(stream), listener);
      });
  if (auto bound = acceptor_->bind(latest_->listeners); !bound) return bound;
  return odmr_->set(odmr_listeners(*latest_));
}

service::Belongings Agent::belongings() const {
  auto files = acceptor_->socket_files();
  std::ranges::copy(odmr_->socket_files(), std::back_inserter(files));
  return {std::move(files), {latest_->config.spool()}};
}

service::Status Agent::start() {
  // As the user that the agent runs as: the other agents of the host have to write to its file, too.
  auto guard = service::LoginGuard::open(service::login_limits(latest_->config.login_limits()));
  if (!guard) return std::unexpected("login_limits: " + guard.error());
  guard_ = *std::move(guard);
  // Before the queue, which tells it of connections.
  upstreams_ = std::make_unique<Upstreams>(
      (*relay_thread_)[0], latest_->upstreams,
      [this](const Upstream& upstream, Upstreams::Progress& progress) { return ask(upstream, progress); },
      Upstreams::Pace());
  auto relaying = latest_->relay;
  relaying.on_connected = [this](const relay::Candidate& host) { upstreams_->connected(host.name); };
  auto opened = service::Queue::open(latest_->config.spool(), relaying, latest_->router, &(*relay_thread_)[0]);
  if (!opened) return std::unexpected(std::move(opened.error()));
  queue_ = *std::move(opened);
  verifier_ =
      std::make_unique<relay::RecipientVerifier>((*relay_thread_)[0], latest_->relay, latest_->verification.options);
  intake_.agent = "mta";
  intake_.budget = &budget_;
  intake_.enqueue = [this](spool::NewMessage message) { return queue_->spool().enqueue(std::move(message)); };
  warn_of(*latest_);
  queue_->start();
  acceptor_->start();
  odmr_->start();
  // Last: what is asked for by ETRN comes to our own listeners.
  upstreams_->start();
  return {};
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = current_.get();
  auto options = settings->server;
  options.features = features_for(*settings, stream->peer(), std::move(options.features));
  options.features.xclient = service::contains(settings->forwarders.xclient, stream->peer());
  options.features.xforward = service::contains(settings->forwarders.xforward, stream->peer());
  options.implicit_tls = listener.implicit_tls;
  options.draining = &acceptor_->draining();
  const auto place = sessions_.enter("smtp", *stream);
  options.record = &place.record();
  const auto client = stream->peer().to_string();
  Session session(current_, intake_, queue_->relay(), *verifier_);
  const auto end = co_await smtp::serve(std::move(stream), options, session);
  log::debug("mta.disconnected", {{"peer", client}, {"end", smtp::to_string(end)}});
}

async::Task<void> Agent::serve_odmr(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = current_.get();
  auto options = settings->odmr_server;
  options.implicit_tls = listener.implicit_tls;
  options.draining = &odmr_->draining();
  const auto place = sessions_.enter("odmr", *stream);
  options.record = &place.record();
  const auto client = stream->peer().to_string();
  OdmrSession session(current_, *passwords_, *guard_, queue_->relay(), place.record());
  const auto end = co_await smtp::serve(std::move(stream), options, session);
  log::debug("mta.odmr_disconnected", {{"peer", client}, {"end", smtp::to_string(end)}});
}

async::Task<Asked> Agent::ask(const Upstream& upstream, Upstreams::Progress& progress) {
  const auto settings = current_.get();
  dns::Resolver resolver(settings->relay.resolver, std::make_shared<dns::Cache>());
  const Means means{.options = settings->relay,
                    .resolver = resolver,
                    .serve = [this, &upstream, &progress](std::unique_ptr<net::Stream> stream) {
                      return serve_turned(std::move(stream), upstream, progress);
                    }};
  co_return co_await ask_upstream(upstream, means);
}

async::Task<smtp::SessionEnd> Agent::serve_turned(std::unique_ptr<net::Stream> stream, const Upstream& upstream,
                                                  Upstreams::Progress& progress) {
  const auto settings = current_.get();
  auto options = turned_options(settings->server);
  options.draining = &acceptor_->draining();
  const auto place = sessions_.enter("turned", *stream);
  options.record = &place.record();
  progress.receiving = true;
  TurnedSession session(current_, intake_, upstream.domains, progress.received);
  co_return co_await smtp::serve(std::move(stream), options, session);
}

service::Preview Agent::preview(const config::Input& input) const {
  return service::preview(first_, latest_, load_settings(input), [](const Settings&) { return std::span(kAtStart); });
}

std::optional<control::RecipientAnswer> Agent::explain(const control::RecipientQuestion& question) const {
  return explain_recipient(*current_.get(), question, wall_now());
}

service::Reloaded Agent::reload(const config::Input& input) {
  auto loaded = load_settings(input);
  if (!loaded) return {.faults = std::move(loaded.error())};
  if (auto listening = odmr_->set(odmr_listeners(**loaded)); !listening)
    return {.faults = {{input.path, 0, 0, "odmr: " + listening.error()}}};
  auto reloaded = service::compare(first_->config, latest_->config, (*loaded)->config, kAtStart);
  latest_ = *std::move(loaded);
  current_.set(latest_);
  odmr_->start();
  budget_.set_most(latest_->memory);
  queue_->relay().reload(latest_->relay, latest_->router);
  upstreams_->set(latest_->upstreams);
  verifier_->set_options(latest_->relay, latest_->verification.options);
  warn_of(*latest_);
  return reloaded;
}

spool::Replacement Agent::rewrite(const spool::Message& message, const std::vector<spool::Claim>& claims) {
  return replacement_of(*current_.get(), message, claims, wall_now());
}

void Agent::drain(std::chrono::seconds grace) {
  // Both ends at once: what sessions still bring is in the spool, and goes out after the next start.
  if (queue_) queue_->wind_down(grace);
  // Sessions do not wait for next hops any more.
  if (verifier_) async::Loop().block_on(verifier_->close());
  if (acceptor_) acceptor_->drain(grace);
  if (odmr_) odmr_->drain(grace);
  if (upstreams_) upstreams_->stop(grace);
  if (queue_) queue_->stop(grace);
}

}  // namespace quartet::mta
