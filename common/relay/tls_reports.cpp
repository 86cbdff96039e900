#include "common/relay/tls_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "common/dns/codec.h"
#include "common/log/log.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

using tlsrpt::v1::Period;

constexpr auto kSaveEvery = std::chrono::minutes(1);
constexpr auto kLookUp = std::chrono::seconds(60);
constexpr auto kGiveUpAfter = std::chrono::hours(24);     // RFC 8460 section 5.5
constexpr auto kLongestDelay = std::chrono::hours(4);     // so that not all the world reports at midnight
constexpr auto kLongestPause = std::chrono::minutes(15);  // between attempts
constexpr std::string_view kType = "application/tlsrpt+gzip";

std::int64_t seconds_of(WallTime time) { return to_micros(time) / 1'000'000; }

Period period_at(WallTime now, std::chrono::seconds length) {
  Period period;
  period.set_length(length.count());
  period.set_start(seconds_of(now) / length.count() * length.count());
  return period;
}

bool over(const Period& period, WallTime now) { return period.start() + period.length() <= seconds_of(now); }

template <typename Duration>
std::chrono::milliseconds part_of(std::chrono::seconds period, Duration most) {
  return std::min<std::chrono::milliseconds>(most, period / 6);
}

std::string name_of(const tlsrpt::Destination& destination) {
  if (const auto* mail = std::get_if<tlsrpt::MailTo>(&destination)) return "mailto:" + mail->address;
  const auto& url = std::get<https::Url>(destination);
  return fmt::format("https://{}:{}{}", url.host, url.port, url.path);
}

}  // namespace

TlsReports::TlsReports(TlsReportOptions options, std::shared_ptr<dns::Resolver> resolver, spool::Spool& spool)
    : options_(std::move(options)),
      resolver_(std::move(resolver)),
      spool_(spool),
      ledger_(options_.directory),
      pool_("tls-reports", 1),
      current_(period_at(wall_now(), options_.period)) {}

void TlsReports::set_options(TlsReportOptions options, std::shared_ptr<dns::Resolver> resolver) {
  options.directory = std::move(options_.directory);
  options_ = std::move(options);
  resolver_ = std::move(resolver);
}

void TlsReports::note(const tlsrpt::v1::Policy& policy, const tlsrpt::v1::FailureDetails& failure) {
  turn_page();
  current_.add(policy, failure.result_type().empty() ? nullptr : &failure);
  dirty_ = true;
}

/// The period that is over goes to those whose reports are due.
void TlsReports::turn_page() {
  const auto now = wall_now();
  if (!over(current_.period(), now)) return;
  if (current_.period().result_size() != 0) add_due(current_.period());
  current_ = tlsrpt::Tally(period_at(now, options_.period));
  dirty_ = false;
}

void TlsReports::add_due(Period period) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> any(0, part_of(options_.period, kLongestDelay).count());
  due_.push_back({std::move(period), std::chrono::steady_clock::now() + std::chrono::milliseconds(any(random))});
}

async::Task<void> TlsReports::load() {
  auto periods = co_await async::offload(pool_, [this] { return ledger_.load(); });
  const auto now = wall_now();
  for (auto& period : periods) {
    if (over(period, now)) {
      add_due(std::move(period));
    } else if (period.start() == current_.period().start() && period.length() == current_.period().length()) {
      // Sessions may have been noted before this.
      tlsrpt::Tally merged(std::move(period));
      merged.merge(current_.period());
      current_ = std::move(merged);
    }
  }
}

async::Task<void> TlsReports::save(Period period) {
  const bool saved = co_await async::offload(pool_, [this, &period] { return ledger_.save(period); });
  if (!saved) log::warn("tls_report.not_saved", {{"directory", options_.directory.string()}});
}

async::Task<void> TlsReports::run() {
  co_await load();
  const auto pause = [this] {
    return std::max<std::chrono::milliseconds>(part_of(options_.period, kSaveEvery), std::chrono::milliseconds(100));
  };
  while (co_await async::sleep_for(pause()) != async::Wait::kCancelled) {
    const auto before = due_.size();
    turn_page();
    if (due_.size() != before) co_await save(due_.back().period);
    if (dirty_) {
      dirty_ = false;
      co_await save(current_.period());
    }
    co_await send_due();
  }
  if (dirty_) co_await save(current_.period());
}

async::Task<void> TlsReports::send_due() {
  for (std::size_t i = 0; i < due_.size();) {
    auto& due = due_[i];
    if (due.next_attempt > std::chrono::steady_clock::now()) {
      ++i;
      continue;
    }
    co_await send_all(due);
    if (co_await async::stop_requested()) co_return;
    const auto end = from_micros((due.period.start() + due.period.length()) * 1'000'000);
    if (due.period.result_size() != 0 && wall_now() - end < kGiveUpAfter) {
      due.next_attempt = std::chrono::steady_clock::now() + part_of(options_.period, kLongestPause);
      ++i;
      continue;
    }
    for (const auto& domain : tlsrpt::domains(due.period)) log::warn("tls_report.given_up", {{"domain", domain}});
    co_await async::offload(pool_, [this, start = due.period.start()] { ledger_.remove(start); });
    due_.erase(due_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

async::Task<void> TlsReports::send_all(Due& due) {
  for (const auto& domain : tlsrpt::domains(due.period)) {
    if (co_await async::stop_requested()) co_return;
    if (!co_await send(due, domain)) continue;
    tlsrpt::forget(due.period, domain);
    co_await save(due.period);
  }
}

/// Whether nothing is left to be done for the domain.
async::Task<bool> TlsReports::send(Due& due, std::string domain) {
  const auto resolver = resolver_;
  const auto records = co_await resolver->txt("_smtp._tls." + domain, async::Deadline::after(kLookUp));
  if (!records) {
    const auto code = records.error().code;
    co_return code == dns::Code::kNoSuchDomain || code == dns::Code::kNoData || code == dns::Code::kBadName;
  }
  const auto report = tlsrpt::make_report(options_.author, due.period, domain);
  bool all = true;
  for (const auto& destination : tlsrpt::parse_record(records->values)) {
    const auto key = domain + " " + name_of(destination);
    const bool by_mail = std::holds_alternative<tlsrpt::MailTo>(destination);
    if (due.done.contains(key) || (by_mail && !options_.author.dkim)) continue;
    if (co_await send_to(due.period, report, destination)) {
      due.done.insert(key);
      log::info("tls_report.sent", {{"domain", domain}, {"to", name_of(destination)}, {"id", report.report_id()}});
    } else {
      all = false;
    }
  }
  co_return all;
}

async::Task<bool> TlsReports::send_to(const Period& period, const tlsrpt::v1::Report& report,
                                      const tlsrpt::Destination& destination) {
  auto bytes = tlsrpt::compressed(report);
  if (const auto* to = std::get_if<tlsrpt::MailTo>(&destination))
    co_return co_await mail(period, report, std::move(bytes), to->address);
  co_return co_await post(std::move(bytes), std::get<https::Url>(destination));
}

async::Task<bool> TlsReports::mail(const Period& period, const tlsrpt::v1::Report& report, std::string bytes,
                                   std::string address) {
  auto letter = tlsrpt::make_letter(options_.author, period, report, bytes, address, wall_now());
  std::string reason;
  if (letter) {
    spool::NewMessage message;
    message.envelope.reverse_path = options_.author.sender;
    message.envelope.received = wall_now();
    message.envelope.trace_id = Id::make().to_string();
    // RFC 8460 section 3: whatever is wrong with the TLS that it tells of. Our own queue reads no fields.
    spool::set_tls_optional(message.envelope);
    message.recipients = {{address, spool::kNotifyNever, ""}};
    message.body.push_back(*std::move(letter));
    const auto queued = co_await spool_.enqueue(std::move(message));
    if (queued) co_return true;
    reason = queued.error().detail;
  } else {
    reason = letter.error();
  }
  log::warn("tls_report.not_sent", {{"to", "mailto:" + address}, {"reason", reason}});
  co_return false;
}

async::Task<bool> TlsReports::post(std::string bytes, https::Url url) {
  const auto resolver = resolver_;
  const auto addresses =
      co_await dns::resolve_host(*resolver, url.host, options_.families, async::Deadline::after(kLookUp));
  std::expected<https::Response, https::Error> response = std::unexpected(https::Error{});
  if (addresses) {
    response = co_await async::offload(
        pool_, [&, how = options_.https] { return https::post(url, addresses->addresses, kType, bytes, how); });
  } else {
    response = std::unexpected(https::Error{addresses.error().detail});
  }
  if (response && response->status / 100 == 2) co_return true;
  log::warn("tls_report.not_sent",
            {{"to", name_of(url)},
             {"reason", response ? fmt::format("the server answered {}", response->status) : response.error().text}});
  co_return false;
}

}  // namespace quartet::relay
