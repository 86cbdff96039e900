#include "common/service/site_depths.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "common/relay/relay.h"
#include "common/spool/spool.h"

namespace quartet::service {
namespace {

constexpr std::size_t kSites = 20;
constexpr auto kShortestRest = std::chrono::seconds(1);
constexpr int kRest = 50;  // times as long as the last count took

/// Groups of Shape's ages: minutes.
struct Ages {
  std::size_t first;  // of Shape::Ages
  const char* minutes;
};
constexpr Ages kAges[] = {{0, "0-5"}, {1, "5-20"}, {3, "20-80"}, {5, "80-320"}, {7, "320-1280"}, {9, "1280-"}};
constexpr std::size_t kAgeCount = std::size(kAges);
static_assert(std::tuple_size_v<spool::Shape::Ages> == 10);

struct Depth {
  std::uint64_t recipients = 0;
  std::array<std::uint64_t, kAgeCount> ages{};

  void add(const spool::Shape::Group& group) {
    recipients += group.recipients;
    for (std::size_t i = 0; i < kAgeCount; ++i) {
      const auto end = i + 1 < kAgeCount ? kAges[i + 1].first : group.ages.size();
      for (auto age = kAges[i].first; age < end; ++age) ages[i] += group.ages[age];
    }
  }
  void add(const Depth& other) {
    recipients += other.recipients;
    for (std::size_t i = 0; i < kAgeCount; ++i) ages[i] += other.ages[i];
  }
};

}  // namespace

std::vector<std::pair<metrics::Labels, double>> site_depths(
    const std::vector<spool::Shape::Group>& groups, const std::function<std::string(const std::string&)>& site_of,
    std::size_t sites) {
  std::unordered_map<std::string, Depth> by_site;
  for (const auto& group : groups) by_site[site_of(group.name)].add(group);
  std::vector<std::pair<std::string, Depth>> sorted(by_site.begin(), by_site.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second.recipients != b.second.recipients ? a.second.recipients > b.second.recipients : a.first < b.first;
  });
  if (sorted.size() > sites) {
    Depth other;
    for (auto i = sites; i < sorted.size(); ++i) other.add(sorted[i].second);
    sorted.resize(sites);
    sorted.emplace_back("other", other);
  }
  std::vector<std::pair<metrics::Labels, double>> out;
  for (const auto& [site, depth] : sorted)
    for (std::size_t i = 0; i < kAgeCount; ++i)
      out.emplace_back(metrics::Labels{{"site", site}, {"minutes", kAges[i].minutes}},
                       static_cast<double>(depth.ages[i]));
  return out;
}

void SiteDepths::refresh() {
  if (next_.load() > std::chrono::steady_clock::now() || counting_.exchange(true)) return;
  pool_.submit([this] { count(); });
}

void SiteDepths::count() {
  const auto begun = std::chrono::steady_clock::now();
  const auto shape =
      spool_.shape({}, spool::Shape::By::kRecipientDomain, std::numeric_limits<std::size_t>::max(), wall_now());
  metrics::show(
      "quartet_queue_site_recipients",
      "Recipients in the queue by the site they wait for and the age of their message in minutes",
      site_depths(shape.groups, [this](const std::string& domain) { return relay_.site_of(domain); }, kSites));
  const auto end = std::chrono::steady_clock::now();
  next_ = end + std::max<SteadyTime::duration>(kShortestRest, kRest * (end - begun));
  counting_ = false;
}

}  // namespace quartet::service
