// Counts what sessions say about the TLS of domains, and sends each domain that wants it a report of each day (RFC
// 8460).
#pragma once
#include <chrono>
#include <deque>
#include <filesystem>
#include <set>
#include <string>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/dns/mx.h"
#include "common/dns/resolver.h"
#include "common/spool/spool.h"
#include "common/tlsrpt/ledger.h"
#include "common/tlsrpt/record.h"
#include "common/tlsrpt/report.h"
#include "common/tlsrpt/tally.h"

namespace quartet::relay {

struct TlsReportOptions {
  std::filesystem::path directory;  // for counts
  tlsrpt::Author author;
  std::chrono::seconds period = std::chrono::hours(24);  // periods begin at multiples of it since 1970, UTC
  https::Options https;
  dns::Families families = dns::Families::kPreferIpv6;
};

/// Loop thread only.
class TlsReports {
 public:
  /// `spool` takes the letters; it outlives this.
  TlsReports(TlsReportOptions options, std::shared_ptr<dns::Resolver> resolver, spool::Spool& spool);

  /// From now on; but a period that has begun ends as it was to end, and counts stay in their directory.
  void set_options(TlsReportOptions options, std::shared_ptr<dns::Resolver> resolver);

  /// A session with a host of policy.domain(); `failure` without a result type: all was well.
  void note(const tlsrpt::v1::Policy& policy, const tlsrpt::v1::FailureDetails& failure);

  /// Saves counts and sends reports, until it is cancelled; then counts are saved once more.
  async::Task<void> run();

 private:
  /// A period that has ended, as far as its reports are not sent yet.
  struct Due {
    tlsrpt::v1::Period period;
    SteadyTime next_attempt{};
    std::set<std::string> done{};  // destinations of domains that have others
  };
  void turn_page();
  void add_due(tlsrpt::v1::Period period);
  async::Task<void> load();
  async::Task<void> save(tlsrpt::v1::Period period);
  async::Task<void> send_due();
  async::Task<void> send_all(Due& due);
  async::Task<bool> send(Due& due, std::string domain);
  async::Task<bool> send_to(const tlsrpt::v1::Period& period, const tlsrpt::v1::Report& report,
                            const tlsrpt::Destination& destination);
  async::Task<bool> mail(const tlsrpt::v1::Period& period, const tlsrpt::v1::Report& report, std::string bytes,
                         std::string address);
  async::Task<bool> post(std::string bytes, https::Url url);

  TlsReportOptions options_;
  std::shared_ptr<dns::Resolver> resolver_;
  spool::Spool& spool_;
  tlsrpt::Ledger ledger_;
  async::ThreadPool pool_;
  tlsrpt::Tally current_;
  bool dirty_ = false;  // current_ has what the disk has not
  std::deque<Due> due_;
};

}  // namespace quartet::relay
