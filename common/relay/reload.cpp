// New settings for a relay that works. Connections stay open; what waits for one is routed anew.
#include <utility>

#include "common/relay/impl.h"

namespace quartet::relay {

void Relay::Impl::set_router(std::shared_ptr<const Router> router) {
  replace_router(std::move(router));
  wake_up_->post([this] { route_all_anew(); });
}

void Relay::Impl::reload(Options options, std::shared_ptr<const Router> router) {
  replace_router(std::move(router));
  wake_up_->post([this, options = std::move(options)]() mutable {
    if (stopping_) return;
    set_options(std::move(options));
    route_all_anew();
  });
}

void Relay::Impl::replace_router(std::shared_ptr<const Router> router) {
  std::shared_ptr<const Router> before;
  {
    const std::lock_guard lock(router_mutex_);
    before = std::exchange(router_, router);
  }
  for (const auto& link : before->table().links) release_if_changed(link, *router);
}

/// What waited for a request to `link`, as older tables had it, is looked at anew if it need not wait any more.
void Relay::Impl::release_if_changed(const RoutingTable::Link& link, const Router& router) {
  if (!link.on_request) return;
  const auto* now = router.link_named(link.name);
  if (now != nullptr && now->on_request && now->domains == link.domains) return;
  spool_.retry_now(Links::waiting(link));
}

void Relay::Impl::set_options(Options options) {
  options.directory = std::move(options_.directory);
  options.on_connected = std::move(options_.on_connected);
  options_ = std::move(options);
  names_.set_options(options_);
  options_.lookup.sts = names_.sts();
  usual_ = std::make_shared<const SitePolicy>(usual_policy(options_));
  budget_.set_limits(options_.ready_recipients, options_.ready_bytes);
  look_up_budget_.set_limits(options_.ready_recipients, ~std::uint64_t{0});
  set_tls_reports();
}

/// What was resolved leads to sites as the old tables had them.
void Relay::Impl::route_all_anew() {
  end_turns_of_no_link();
  ++generation_;
  resolved_.clear();
  domain_sites_.clear();
  std::vector<spool::Claim> waiting;
  for (const auto& [key, site] : sites_) {
    site->set_policy(renewed_policy(*site));
    if (!site->dials) continue;
    site->hosts_expire = {};
    for (auto& job : site->take_all()) std::ranges::move(job.recipients, std::back_inserter(waiting));
  }
  put_back(std::move(waiting), {});
  serve_line();
  for (const auto& [key, site] : sites_) {
    look_after(*site);
    open_connections(*site);
  }
}

/// Begins to count and report, goes on by other settings, or ends.
void Relay::Impl::set_tls_reports() {
  if (options_.tls_reports && tls_reports_) {
    tls_reports_->reports.set_options(*options_.tls_reports, names_.resolver());
  } else if (options_.tls_reports) {
    tls_reports_ = std::make_unique<Reporting>(*options_.tls_reports, names_.resolver(), spool_);
    tls_reports_->work.spawn(tls_reports_->reports.run());
  } else if (tls_reports_) {
    tasks_.spawn(end_reporting(std::move(tls_reports_)));
  }
}

async::Task<void> Relay::Impl::end_reporting(std::unique_ptr<Reporting> reporting) {
  if (reporting) co_await reporting->work.close();
}

}  // namespace quartet::relay
