#include "imapd/agent.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <thread>

#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/service/patience_limit.h"
#include "common/service/settings.h"
#include "common/store/default_mailboxes.h"
#include "imapd/pop3_session.h"

namespace quartet::imapd {
namespace {

constexpr std::string_view kAtStart[] = {"memory", "login_limits", "full_text_index"};

constexpr std::size_t kSearchThreads = 2;

/// What lists of messages show takes some 1,5 KB a message.
std::size_t most_columns() {
  constexpr std::size_t kMost = 256 * 1024 * 1024;
  constexpr std::size_t kShare = 16;  // of all memory
  const auto pages = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  return std::min(kMost, pages * page / kShare);
}

std::size_t processors() { return std::max(1U, std::thread::hardware_concurrency()); }

/// In place of the greeting (RFC 9051 section 7.1.5; RFC 3206 section 4): people who do not hear why look for the fault
/// elsewhere.
std::string refusal(bool pop3, std::string_view why) {
  return fmt::format("{} {}\r\n", pop3 ? "-ERR [SYS/TEMP]" : "* BYE [UNAVAILABLE]", why);
}

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
      passwords_(processors(), service::remembered_for(settings->config.login_limits())),
      budget_(settings->memory),
      columns_(most_columns()) {}

std::unique_ptr<service::Acceptor> Agent::make_acceptor(async::LoopThreads& loops, Protocol protocol) {
  service::Acceptor::Options options;
  options.connections_per_client = [this] { return settings_.get()->connections_per_client; };
  options.exempt = [this](const net::Address& client) { return service::contains(settings_.get()->trusted, client); };
  options.refusal = [pop3 = protocol == Protocol::kPop3] {
    return refusal(pop3, "Too many connections from your address");
  };
  return std::make_unique<service::Acceptor>(
      loops, std::move(options),
      [this, protocol](std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener) {
        return serve(std::move(stream), listener, protocol);
      });
}

service::Status Agent::bind(async::LoopThreads& loops) {
  acceptor_ = make_acceptor(loops, Protocol::kImap);
  if (auto bound = acceptor_->bind(first_->listeners); !bound || first_->pop3_listeners.empty()) return bound;
  pop3_ = make_acceptor(loops, Protocol::kPop3);
  return pop3_->bind(first_->pop3_listeners);
}

service::Belongings Agent::belongings() const {
  auto files = acceptor_->socket_files();
  if (pop3_) std::ranges::copy(pop3_->socket_files(), std::back_inserter(files));
  return {std::move(files), service::store_directories(first_->config)};
}

store::Options Agent::store_options() const {
  auto options = service::store_places(first_->config);
  options.patience = patience_;
  options.default_mailboxes = store::usual_mailboxes();
  options.quota = [this](std::string_view login) {
    const auto settings = settings_.get();
    const auto* account = settings->directory->find_account(login);
    return account == nullptr ? store::QuotaLimit{} : store::QuotaLimit{account->quota_bytes, account->quota_messages};
  };
  return options;
}

service::Status Agent::start() {
  auto guard = service::LoginGuard::open(
      service::login_limits(first_->config.login_limits()),
      [this](std::string_view login) { return settings_.get()->directory->canonical_at_home(login); });
  if (!guard) return std::unexpected("login_limits: " + guard.error());
  guard_ = *std::move(guard);
  auto opened = store::open_store(store_options());
  if (!opened)
    return std::unexpected(fmt::format("cannot open the store {}: {}: {}", first_->config.store(),
                                       store::to_string(opened.error().code), opened.error().detail));
  store_ = *std::move(opened);
  auto maildrops = Maildrops::open(first_->config.store() + "/maildrops", *store_);
  if (!maildrops) return std::unexpected(maildrops.error());
  maildrops_ = *std::move(maildrops);
  workers_ = std::make_unique<async::ThreadPool>("search", kSearchThreads);
  if (first_->config.full_text_index() != config::v1::Imapd::OFF && store_->texts() != nullptr) {
    texts_ = std::make_unique<TextIndex>(*store_->texts(), TextIndex::Options{});
    indexer_ = std::make_unique<TextIndexer>(*store_, *texts_, TextIndexer::Options{});
    indexer_->start();
  }
  services_ = std::unique_ptr<Services>(new Services{
      .store = *store_,
      .authenticate = [this](sasl::Claim claim) { return authenticate(std::move(claim)); },
      .mechanisms =
          [this] {
            const auto settings = settings_.get();
            return service::mechanisms(*settings->directory, settings->tokens.get());
          },
      .verifiers = [this] { return service::verifiers(settings_.get()->directory); },
      .token_refusal = [this] { return service::token_refusal(settings_.get()->tokens); },
      .maildrops = maildrops_.get(),
      .workers = workers_.get(),
      .columns = &columns_,
      .texts = texts_.get(),
      .budget = &budget_,
      .namespaces = [this] { return settings_.get()->namespaces; },
      .on_login =
          [this](const std::string& account) {
            if (!sessions_.enter(account, settings_.get()->sessions_per_account)) return false;
            logins_.note(account);
            return true;
          },
      .on_logout = [this](const std::string& account) { sessions_.leave(account); },
  });
  acceptor_->start();
  if (pop3_) pop3_->start();
  return {};
}

async::Task<std::expected<std::string, service::LoginFailure>> Agent::authenticate(sasl::Claim claim) {
  const auto settings = settings_.get();
  const auto account = co_await passwords_.authenticate(settings->directory, std::move(claim), settings->tokens);
  if (!account) co_return std::unexpected(account.error());
  co_return (*account)->login;
}

async::Task<void> Agent::serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener,
                               Protocol protocol) {
  const auto settings = settings_.get();
  const bool pop3 = protocol == Protocol::kPop3;
  auto& acceptor = pop3 ? *pop3_ : *acceptor_;
  auto options = settings->session;
  options.implicit_tls = listener.implicit_tls;
  options.draining = &acceptor.draining();
  options.drain_begun = &acceptor.drain_begun();
  const auto client = stream->peer();
  service::Place place(strangers_, service::client_key(client));
  const bool trusted = service::contains(settings->trusted, client);
  if (!trusted) options.guard = guard_.get();
  if (!client.is_unix() && !trusted && !place.take(settings->unauthenticated_per_client)) {
    static auto& refused = metrics::counter("quartet_imapd_strangers_refused_total",
                                            "Connections refused since too many of their client had not logged in");
    refused.add();
    log::info("connection.refused", {{"peer", client.to_string()}, {"reason", "too many that have not logged in"}});
    const auto why = refusal(pop3, "Too many connections from your address that have not logged in");
    co_return co_await service::turn_away(std::move(stream), listener, why);
  }
  const auto listed = connected_.enter(pop3 ? "pop3" : "imap", *stream);
  options.record = &listed.record();
  options.on_logged_in = [&place] { place.leave(); };
  if (pop3) co_return co_await serve_pop3(std::move(stream), options, *services_);
  co_await imapd::serve(std::move(stream), options, *services_);
}

service::Preview Agent::preview(const config::Input& input) const {
  return service::preview(first_, latest_, load_settings(input, first_.get()),
                          [](const Settings&) { return std::span(kAtStart); });
}

service::Reloaded Agent::reload(const config::Input& input) {
  auto settings = load_settings(input, first_.get());
  if (!settings) return {.faults = std::move(settings.error())};
  auto reloaded = service::compare(first_->config, latest_->config, (*settings)->config, kAtStart);
  latest_ = *std::move(settings);
  settings_.set(latest_);
  return reloaded;
}

void Agent::drain(std::chrono::seconds grace) {
  const service::PatienceLimit limit(patience_, grace);
  if (acceptor_) acceptor_->drain(grace);
  if (pop3_) pop3_->drain(grace);
  // The sessions are gone: nothing asks for these any more.
  services_.reset();
  workers_.reset();
  indexer_.reset();
  texts_.reset();
  store_.reset();
}

}  // namespace quartet::imapd
