#include "common/relay/relay.h"

#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/relay/figures.h"
#include "common/relay/impl.h"

namespace quartet::relay {

Relay::Impl::Impl(Options options, std::shared_ptr<const Router> router, spool::Spool& spool)
    : options_(std::move(options)),
      spool_(spool),
      links_(spool, options_.directory),
      suspensions_(options_.directory),
      rules_(options_.directory),
      router_(std::move(router)),
      usual_(std::make_shared<const SitePolicy>(usual_policy(options_))),
      budget_(options_.ready_recipients, options_.ready_bytes),
      look_up_budget_(options_.ready_recipients, ~std::uint64_t{0}),
      bodies_(options_.bodies_in_memory) {
  prepare_figures();
}

void WakeUp::wake() {
  const std::lock_guard lock(mutex);
  if (loop == nullptr || posted.exchange(true)) return;
  loop->post([self = shared_from_this()] {
    self->posted = false;
    self->event.set();
  });
}

bool WakeUp::post(std::move_only_function<void()> function) {
  const std::lock_guard lock(mutex);
  if (loop == nullptr) return false;
  loop->post([self = shared_from_this(), function = std::move(function)]() mutable {
    {
      const std::lock_guard inner(self->mutex);
      if (self->loop == nullptr) return;  // run() has ended, and the relay may be gone
    }
    function();
  });
  return true;
}

async::Task<void> Relay::Impl::run() {
  names_.set_options(options_);
  options_.lookup.sts = names_.sts();
  {
    const std::lock_guard lock(wake_up_->mutex);
    wake_up_->loop = &async::Loop::current();
    stopping_ = wake_up_->stopping;
  }
  spool_.on_change([wake_up = wake_up_] { wake_up->wake(); });
  set_tls_reports();
  co_await schedule();
  spool_.on_change({});
  // Connections see the end of work, finish what they transmit and say QUIT; those that take too long are cut, and
  // those that are not there yet at once.
  for (const auto& [key, site] : sites_) {
    for (auto& job : site->take_all()) put_back(std::move(job.recipients), {});
    site->work.set();
  }
  for (auto* group : dialling_) group->request_stop();
  std::chrono::seconds grace;
  {
    const std::lock_guard lock(wake_up_->mutex);
    grace = wake_up_->grace;
  }
  co_await tasks_.join(async::Deadline::after(grace));
  stop_turned();
  co_await tasks_.close();
  co_await end_reporting(std::move(tls_reports_));
  for (const auto& [key, site] : sites_) {
    for (auto& job : site->take_all()) put_back(std::move(job.recipients), {});
  }
  {
    const std::lock_guard lock(wake_up_->mutex);
    wake_up_->loop = nullptr;
  }
  if (rules_.any()) rules_.save_counts();
  options_.lookup.sts = nullptr;
  names_.clear();
}

void Relay::Impl::stop(std::chrono::seconds grace) {
  {
    const std::lock_guard lock(wake_up_->mutex);
    wake_up_->stopping = true;
    wake_up_->grace = grace;
  }
  wake_up_->post([this] {
    stopping_ = true;
    wake_up_->event.set();
  });
}

std::shared_ptr<const Router> Relay::Impl::router() const {
  const std::lock_guard lock(router_mutex_);
  return router_;
}

std::vector<Relay::SiteStatus> Relay::Impl::site_status() const {
  std::vector<SiteStatus> out;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [key, site] : sites_) {
    auto& concurrency = site->concurrency();
    const auto& policy = site->policy();
    const auto held = site->held(now);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(held.until - now);
    out.push_back({key, site->ready(), site->connections, concurrency.allowed(now), concurrency.dead(),
                   site->last_failure, policy.match, policy.message_rate, policy.connection_rate, held.why,
                   std::max(wait, std::chrono::milliseconds(0))});
  }
  return out;
}

void Relay::Impl::sites(std::move_only_function<void(std::vector<SiteStatus>)> done) {
  if (!runs()) return done({});
  wake_up_->post([this, done = std::move(done)]() mutable { done(site_status()); });
}

/// Who asks for its mail is there: its sites are alive again before its mail becomes due.
StartAnswer Relay::Impl::start(const RoutingTable::Link& link, bool at_once) {
  auto answer =
      links_.start(link, at_once, [this, &link] { wake_up_->post([this, name = link.name] { revive(name); }); });
  wake_up_->wake();
  return answer;
}

bool Relay::Impl::running() const {
  const std::lock_guard lock(wake_up_->mutex);
  return wake_up_->loop != nullptr && !wake_up_->stopping;
}

bool Relay::Impl::runs() const {
  const std::lock_guard lock(wake_up_->mutex);
  return wake_up_->loop != nullptr;
}

void Relay::Impl::revive_sites() {
  wake_up_->post([this] { revive({}); });
}

/// The sites of one link; of everybody if it has no name.
void Relay::Impl::revive(const std::string& link) {
  const auto current = router();
  const auto* wanted = current->link_named(link);
  if (!link.empty() && wanted == nullptr) return;
  for (const auto& [key, site] : sites_) {
    const bool match = wanted == nullptr || (site->next_hop().kind == NextHop::Kind::kMx
                                                 ? current->link_of(site->domain()) == wanted
                                                 : site->next_hop().site_key() == wanted->next_hop.site_key());
    if (match) site->concurrency().revive();
  }
}

SitePolicy usual_policy(const Options& options) {
  return {.match = {},
          .limits = options.site,
          .messages_per_connection = options.messages_per_connection,
          .message_rate = std::nullopt,
          .connection_rate = std::nullopt,
          .retry = options.retry,
          .source_addresses = options.source_addresses,
          .families = options.lookup.families};
}

Relay::Relay(Options options, std::shared_ptr<const Router> router, spool::Spool& spool)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router), spool)) {}

Relay::~Relay() = default;

async::Task<void> Relay::run() { co_await impl_->run(); }

void Relay::stop(std::chrono::seconds grace) { impl_->stop(grace); }

void Relay::set_router(std::shared_ptr<const Router> router) { impl_->set_router(std::move(router)); }

void Relay::reload(Options options, std::shared_ptr<const Router> router) {
  impl_->reload(std::move(options), std::move(router));
}

std::shared_ptr<const Router> Relay::router() const { return impl_->router(); }

StartAnswer Relay::start_link(const std::string& name, bool at_once) {
  const auto router = impl_->router();
  const auto* link = router->link_named(name);
  return link != nullptr ? impl_->start(*link, at_once) : StartAnswer();
}

StartAnswer Relay::may_turn(const std::string& name) const {
  const auto router = impl_->router();
  const auto* link = router->link_named(name);
  return link != nullptr ? impl_->links_.may_turn(*link) : StartAnswer();
}

std::expected<bool, std::string> Relay::pause_link(Suspension pause) {
  const auto router = impl_->router();
  if (router->link_named(pause.destination) == nullptr) return false;
  if (auto paused = impl_->links_.pause(std::move(pause)); !paused) return std::unexpected(std::move(paused.error()));
  return true;
}

std::expected<bool, std::string> Relay::resume_link(const std::string& name) { return impl_->links_.resume(name); }

std::uint64_t Relay::link_resumed(const std::string& name) { return impl_->link_resumed(name); }

StartAnswer Relay::start_domain(const std::string& domain, bool with_subdomains, bool at_once) {
  const auto router = impl_->router();
  const auto name = mime::ascii_domain(domain);
  const auto wanted = with_subdomains ? "." + name : name;
  for (const auto& link : router->table().links) {
    for (const auto& pattern : link.domains) {
      if (pattern == wanted || (!with_subdomains && router->link_of(name) == &link)) return impl_->start(link, at_once);
    }
  }
  return {};
}

std::vector<LinkStatus> Relay::links() const {
  const auto router = impl_->router();
  return impl_->links_.status(router->table().links);
}

async::Task<void> Relay::deliver_over(std::unique_ptr<net::Stream> stream, Turn turn) {
  co_await impl_->deliver_over(std::move(stream), std::move(turn));
}

std::optional<std::uint64_t> Relay::waiting_for(const std::vector<std::string>& domains) const {
  if (!impl_->running()) return std::nullopt;
  spool::Filter filter;
  filter.recipient_domains = domains;
  filter.states = {spool::State::kQueued, spool::State::kActive, spool::State::kDeferred};
  return impl_->spool_.count(filter);
}

std::string Relay::site_of(const std::string& domain) const {
  const auto router = impl_->router();
  if (const auto* link = router->link_of(domain); link != nullptr && (link->on_request || link->turned_only))
    return "link " + link->name;
  const auto& next_hop = router->route("postmaster@" + domain);
  switch (next_hop.kind) {
    case NextHop::Kind::kHold:
      return "hold";
    case NextHop::Kind::kDiscard:
    case NextHop::Kind::kError:
      return "none";
    default:
      break;
  }
  auto site = impl_->domain_sites_.find(domain);
  if (!site.empty()) return site;
  return next_hop.kind == NextHop::Kind::kMx ? "unresolved" : next_hop.site_key();
}

void Relay::revive_sites() { impl_->revive_sites(); }

std::expected<std::vector<std::string>, std::string> Relay::suspend(Suspension suspension) {
  return impl_->suspensions_.add(std::move(suspension));
}

std::expected<std::optional<std::vector<std::string>>, std::string> Relay::resume(const std::string& destination) {
  return impl_->suspensions_.remove(destination);
}

std::vector<Suspension> Relay::suspensions() const { return impl_->suspensions_.list(wall_now()); }

void Relay::settle(std::move_only_function<void()> done) { impl_->settle(std::move(done)); }

std::uint64_t Relay::make_due(std::vector<std::string> domains) { return impl_->make_due(std::move(domains)); }

void Relay::clear_backoff(std::string site,
                          std::move_only_function<void(std::optional<std::vector<std::string>>)> done) {
  impl_->clear_backoff(std::move(site), std::move(done));
}

void Relay::sites(std::move_only_function<void(std::vector<SiteStatus>)> done) { impl_->sites(std::move(done)); }

}  // namespace quartet::relay
