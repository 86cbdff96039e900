#include "imapd/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/service/settings.h"
#include "common/store/default_mailboxes.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kSearchThreads = 2;

std::size_t processors() { return std::max(1U, std::thread::hardware_concurrency()); }

}  // namespace

std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> Agent::load(const std::string& path) {
  auto settings = load_settings(path);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return std::make_unique<Agent>(*std::move(settings));
}

Agent::Agent(SettingsPtr settings)
    : first_(settings), latest_(settings), settings_(settings), passwords_(processors()), budget_(settings->memory) {}

service::Status Agent::bind(async::LoopThreads& loops) {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return settings_.get()->connections_per_client; };
  options.exempt = [this](const net::Address& client) { return service::contains(settings_.get()->trusted, client); };
  acceptor_ = std::make_unique<service::Acceptor>(
      loops, std::move(options), [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve(std::move(stream), listener);
      });
  return acceptor_->bind(first_->listeners);
}

service::Belongings Agent::belongings() const { return {acceptor_->socket_files(), {first_->config.store()}}; }

store::Options Agent::store_options() const {
  store::Options options;
  options.directory = first_->config.store();
  options.default_mailboxes = store::usual_mailboxes();
  options.quota = [this](std::string_view login) {
    const auto settings = settings_.get();
    const auto* account = settings->directory->find_account(login);
    return account == nullptr ? store::QuotaLimit{} : store::QuotaLimit{account->quota_bytes, account->quota_messages};
  };
  return options;
}

service::Status Agent::start() {
  auto opened = store::open_sqlite(store_options());
  if (!opened)
    return std::unexpected(fmt::format("cannot open the store {}: {}: {}", first_->config.store(),
                                       store::to_string(opened.error().code), opened.error().detail));
  store_ = *std::move(opened);
  workers_ = std::make_unique<async::ThreadPool>("search", kSearchThreads);
  services_ = std::unique_ptr<Services>(new Services{
      .store = *store_,
      .authenticate = [this](sasl::Claim claim) { return authenticate(std::move(claim)); },
      .mechanisms = [this] { return service::mechanisms(*settings_.get()->directory); },
      .verifiers = [this] { return service::verifiers(settings_.get()->directory); },
      .workers = workers_.get(),
      .budget = &budget_,
      .on_login =
          [this](const std::string& account) {
            return sessions_.enter(account, settings_.get()->sessions_per_account);
          },
      .on_logout = [this](const std::string& account) { sessions_.leave(account); },
  });
  acceptor_->start();
  return {};
}

async::Task<std::string> Agent::authenticate(sasl::Claim claim) {
  const auto directory = settings_.get()->directory;
  const auto* account = co_await passwords_.authenticate(directory, std::move(claim));
  co_return account == nullptr ? std::string() : account->login;
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = settings_.get();
  auto options = settings->session;
  options.implicit_tls = listener.implicit_tls;
  options.draining = &acceptor_->draining();
  options.drain_begun = &acceptor_->drain_begun();
  const auto client = stream->peer();
  service::Place place(strangers_, service::client_key(client));
  if (!client.is_unix() && !service::contains(settings->trusted, client) &&
      !place.take(settings->unauthenticated_per_client)) {
    static auto& refused = metrics::counter("quartet_imapd_strangers_refused_total",
                                            "Connections refused since too many of their client had not logged in");
    refused.add();
    log::info("connection.refused", {{"peer", client.to_string()}, {"reason", "too many that have not logged in"}});
    co_return;
  }
  const auto listed = connected_.enter("imap", *stream);
  options.record = &listed.record();
  options.on_logged_in = [&place] { place.leave(); };
  co_await imapd::serve(std::move(stream), options, *services_);
}

service::Reloaded Agent::reload(const std::string& path) {
  auto settings = load_settings(path, first_.get());
  if (!settings) return {.faults = std::move(settings.error())};
  static constexpr std::string_view kAtStart[] = {"memory"};
  auto reloaded = service::compare(first_->config, latest_->config, (*settings)->config, kAtStart);
  latest_ = *std::move(settings);
  settings_.set(latest_);
  return reloaded;
}

void Agent::drain(std::chrono::seconds grace) {
  if (acceptor_) acceptor_->drain(grace);
  // The sessions are gone: nothing asks for these any more.
  services_.reset();
  workers_.reset();
  store_.reset();
}

}  // namespace quartet::imapd
