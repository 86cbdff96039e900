#include "common/service/figures.h"

#include <algorithm>
#include <array>

#include "common/metrics/metrics.h"
#include "common/spool/spool.h"

namespace quartet::service {
namespace {

struct Sizes {
  metrics::Gauge& messages = metrics::gauge("quartet_queue_messages", "Messages with recipients that are not done");
  metrics::Gauge& body_bytes = metrics::gauge("quartet_queue_body_bytes", "Octets of the messages in the queue");
  metrics::Gauge& segments = metrics::gauge("quartet_queue_log_segments", "Segments of the queue's log on disk");
  metrics::Gauge& live_bytes =
      metrics::gauge("quartet_queue_log_live_bytes", "Octets of the queue's log that are still needed");
  metrics::Gauge& free_bytes =
      metrics::gauge("quartet_queue_disk_free_bytes", "Octets left on the file system of the queue");
  metrics::Gauge& cached_bytes = metrics::gauge("quartet_queue_cached_bytes", "Octets of messages kept in memory");
  metrics::Gauge& waiting =
      metrics::gauge("quartet_queue_log_waiting_records", "Records that the disk refused and that are tried again");
  metrics::Gauge& failing =
      metrics::gauge("quartet_queue_failing", "1 while the disk does not take what the queue writes");
};

constexpr std::size_t kDomains = 20;

/// The domains with most of the queue; all others together are what is left of quartet_queue_recipients.
void show_domains(const spool::Spool& spool) {
  std::vector<std::pair<metrics::Labels, double>> depths;
  for (auto& count : spool.domains(kDomains))
    depths.emplace_back(metrics::Labels{{"domain", std::move(count.domain)}}, static_cast<double>(count.recipients));
  metrics::show("quartet_queue_domain_recipients", "Recipients in the queue, for the domains with most of them",
                depths);
}

void show_oldest(const spool::Spool& spool) {
  static auto& oldest = metrics::gauge("quartet_queue_oldest_seconds", "Age of the oldest message in the queue");
  const auto first = spool.list({}, 1);
  const auto age = !first || first->entries.empty() ? WallTime::duration(0) : wall_now() - first->entries[0].received;
  oldest.set(std::max(0.0, std::chrono::duration<double>(age).count()));
}

metrics::Gauge& recipients(spool::State state) {
  static constexpr const char* kNames[] = {"queued", "active", "deferred", "held"};
  static_assert(std::size(kNames) == spool::kStates);
  static const auto gauges = [] {
    std::array<metrics::Gauge*, spool::kStates> all{};
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = &metrics::gauge("quartet_queue_recipients", "Recipients in the queue by state", {{"state", kNames[i]}});
    return all;
  }();
  return *gauges[static_cast<std::size_t>(state)];
}

}  // namespace

void show_build(const std::string& agent) {
  metrics::gauge("quartet_build_info", "1; the labels say what runs", {{"agent", agent}, {"version", QUARTET_VERSION}})
      .set(1);
}

void show_ready(bool ready) {
  static auto& gauge = metrics::gauge("quartet_ready", "1 while the agent can do its work, as /readyz says");
  gauge.set(ready ? 1 : 0);
}

void show_queue(const spool::Spool& spool) {
  static Sizes sizes;
  const auto counts = spool.counts();
  for (std::size_t i = 0; i < spool::kStates; ++i)
    recipients(static_cast<spool::State>(i)).set(static_cast<double>(counts.recipients[i]));
  const auto stats = spool.stats();
  sizes.messages.set(static_cast<double>(counts.messages));
  sizes.body_bytes.set(static_cast<double>(counts.body_bytes));
  sizes.segments.set(static_cast<double>(stats.segments));
  sizes.live_bytes.set(static_cast<double>(stats.live_bytes));
  sizes.free_bytes.set(static_cast<double>(stats.disk_free_bytes));
  sizes.cached_bytes.set(static_cast<double>(stats.cached_bytes));
  sizes.waiting.set(static_cast<double>(stats.retried_records));
  sizes.failing.set(spool.fault() ? 1 : 0);
  show_domains(spool);
  show_oldest(spool);
}

}  // namespace quartet::service
