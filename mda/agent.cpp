#include "mda/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/log/log.h"
#include "common/service/patience_limit.h"
#include "common/service/settings.h"
#include "common/store/default_mailboxes.h"
#include "mda/explain.h"

namespace quartet::mda {
namespace {

/// Deliveries to files at a time: they wait for the disk and for locks, not for the processor.
constexpr std::size_t kFileThreads = 16;
/// Logins to ManageSieve that are checked at a time: each keeps a processor busy.
constexpr std::size_t kPasswordThreads = 2;

}  // namespace

std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> Agent::load(const std::string& path) {
  auto settings = load_settings(path);
  if (!settings) return std::unexpected(std::move(settings.error()));
  return std::make_unique<Agent>(*std::move(settings));
}

Agent::Agent(SettingsPtr settings)
    : first_(settings),
      latest_(settings),
      settings_(settings),
      budget_(settings->memory),
      passwords_(kPasswordThreads, service::remembered_for(settings->config.sieve().login_limits())) {}

service::Status Agent::bind(async::LoopThreads& loops) {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return service::connections_per_client(settings_.get()->config.limits()); };
  options.refusal = [this] { return service::too_many_connections(first_->config.agent()); };
  acceptor_ = std::make_unique<service::Acceptor>(
      loops, std::move(options), [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve(std::move(stream), listener);
      });
  if (auto bound = acceptor_->bind(first_->listeners); !bound || first_->sieve_listeners.empty()) return bound;
  service::Acceptor::Options scripts;
  scripts.connections_per_client = [this] { return service::connections_per_client(settings_.get()->config.limits()); };
  // RFC 5804 section 1.3
  scripts.refusal = [] { return std::string("BYE (TRYLATER) \"Too many connections from your address\"\r\n"); };
  managesieve_acceptor_ = std::make_unique<service::Acceptor>(
      loops, std::move(scripts), [this](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve_scripts(std::move(stream), listener);
      });
  return managesieve_acceptor_->bind(first_->sieve_listeners);
}

service::Belongings Agent::belongings() const {
  auto sockets = acceptor_->socket_files();
  if (managesieve_acceptor_) std::ranges::move(managesieve_acceptor_->socket_files(), std::back_inserter(sockets));
  auto directories = service::store_directories(first_->config);
  directories.push_back(first_->config.spool());
  directories.push_back(first_->config.sieve().directory());
  return {std::move(sockets), std::move(directories)};
}

store::Options Agent::store_options() const {
  auto options = service::store_places(first_->config);
  options.patience = patience_;
  options.default_mailboxes = store::usual_mailboxes();
  options.quota = [this](std::string_view login) {
    const auto settings = settings_.get();
    const auto* account = settings->tables.directory->find_account(login);
    return account == nullptr ? store::QuotaLimit{} : store::QuotaLimit{account->quota_bytes, account->quota_messages};
  };
  return options;
}

service::Status Agent::start() {
  auto opened = store::open_store(store_options());
  if (!opened)
    return std::unexpected(fmt::format("cannot open the store {}: {}: {}", first_->config.store(),
                                       store::to_string(opened.error().code), opened.error().detail));
  store_ = *std::move(opened);
  if (!first_->config.spool().empty()) {
    auto queue = service::Queue::open(first_->config.spool(), first_->relay, first_->router);
    if (!queue) return std::unexpected(std::move(queue.error()));
    queue_ = *std::move(queue);
  }
  files_ = std::make_unique<async::ThreadPool>("files", kFileThreads);
  if (first_->config.has_sieve()) {
    const auto& sieve = first_->config.sieve();
    filters_ = std::make_unique<Filters>(Filters::Options{sieve.directory(), sieve.global(), first_->sieve_limits,
                                                          first_->sieve_verdicts, first_->sieve_lists,
                                                          [this] { return settings_.get()->tables.directory; }});
  }
  services_ = std::unique_ptr<SessionServices>(
      new SessionServices{.delivery = {.store = *store_, .files = *files_, .hostname = {}, .notices = {}, .mbox = {}},
                          .tables = [this] { return settings_.get()->tables; },
                          .budget = budget_,
                          .reservations = reservations_});
  auto& delivery = services_->delivery;
  delivery.spool = spool();
  delivery.store_fault = &store_fault_;
  delivery.filters = filters_.get();
  delivery.namespaces = [this] { return settings_.get()->namespaces; };
  delivery.redelivers = first_->redelivers;
  delivery.hostname = first_->session.features.hostname;
  delivery.hops = first_->hops;
  delivery.notices = first_->relay.notices;
  if (managesieve_acceptor_) {
    auto guard = service::LoginGuard::open(
        service::login_limits(first_->config.sieve().login_limits()),
        [this](std::string_view login) { return settings_.get()->tables.directory->canonical_at_home(login); });
    if (!guard) return std::unexpected("sieve.login_limits: " + guard.error());
    guard_ = *std::move(guard);
    managesieve_ = std::unique_ptr<ManageSieveServices>(new ManageSieveServices{
        filters_->scripts(), *files_, [this](sasl::Claim claim) { return authenticate(std::move(claim)); },
        [this] {
          const auto settings = settings_.get();
          return service::mechanisms(*settings->tables.directory, settings->sieve_tokens.get());
        },
        [this] { return service::verifiers(settings_.get()->tables.directory); },
        [this] { return service::token_refusal(settings_.get()->sieve_tokens); }, *guard_});
  }
  // The way back to ourselves is open before the queue begins.
  acceptor_->start();
  if (managesieve_acceptor_) managesieve_acceptor_->start();
  if (queue_) queue_->start();
  return {};
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  auto options = settings_.get()->session;
  options.implicit_tls = listener.implicit_tls;
  options.draining = &acceptor_->draining();
  const auto place = sessions_.enter("lmtp", *stream);
  options.record = &place.record();
  const auto peer = stream->peer().to_string();
  const auto handler = make_handler(*services_);
  const auto end = co_await smtp::serve(std::move(stream), options, *handler);
  log::debug("mda.session_ended", {{"peer", peer}, {"how", smtp::to_string(end)}});
}

async::Task<void> Agent::serve_scripts(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
  const auto settings = settings_.get();
  ManageSieveOptions options;
  options.tls = settings->sieve_tls;
  options.implicit_tls = listener.implicit_tls;
  options.hostname = settings->session.features.hostname;
  options.redirects = settings->sieve_limits.redirects;
  options.draining = &managesieve_acceptor_->draining();
  options.drain_begun = &managesieve_acceptor_->drain_begun();
  const auto place = sessions_.enter("managesieve", *stream);
  options.record = &place.record();
  co_await serve_managesieve(std::move(stream), options, *managesieve_);
}

async::Task<std::expected<std::string, service::LoginFailure>> Agent::authenticate(sasl::Claim claim) {
  const auto settings = settings_.get();
  const auto account =
      co_await passwords_.authenticate(settings->tables.directory, std::move(claim), settings->sieve_tokens);
  if (!account) co_return std::unexpected(account.error());
  co_return (*account)->login;
}

service::Preview Agent::preview(const config::Input& input) const {
  return service::preview(first_, latest_, load_settings(input, first_.get()),
                          [](const Settings&) { return std::span<const std::string_view>(); });
}

std::optional<control::RecipientAnswer> Agent::explain(const control::RecipientQuestion& question) const {
  const auto settings = settings_.get();
  return explain_recipient(settings->tables, question, wall_now());
}

service::Status Agent::forget_account(const std::string& login) {
  if (!filters_) return {};
  const auto erased = filters_->scripts().erase(login);
  return erased ? service::Status() : std::unexpected(erased.error().detail);
}

service::Reloaded Agent::reload(const config::Input& input) {
  auto settings = load_settings(input, first_.get());
  if (!settings) return {.faults = std::move(settings.error())};
  auto reloaded = service::compare(first_->config, latest_->config, (*settings)->config, {});
  latest_ = *std::move(settings);
  settings_.set(latest_);
  budget_.set_most(latest_->memory);
  if (queue_) queue_->relay().reload(latest_->relay, latest_->router);
  return reloaded;
}

std::string Agent::trouble() const {
  if (const auto fault = store_fault_.text(); !fault.empty()) return "the store takes no mail: " + fault;
  return queue_ ? queue_->trouble() : std::string();
}

void Agent::drain(std::chrono::seconds grace) {
  const service::PatienceLimit limit(patience_, grace);
  const auto end = std::chrono::steady_clock::now() + grace;
  // Who manages scripts has nothing under way that could be lost.
  if (managesieve_acceptor_) managesieve_acceptor_->drain(std::chrono::seconds(0));
  if (acceptor_) acceptor_->drain(grace);
  // The sessions are gone: nothing asks for these any more.
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(end - std::chrono::steady_clock::now());
  if (queue_) queue_->stop(std::max(left, std::chrono::seconds(0)));
  managesieve_.reset();
  services_.reset();
  filters_.reset();
  files_.reset();
  queue_.reset();
  store_.reset();
}

}  // namespace quartet::mda
