#include "common/metrics/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <variant>

#include "common/base/check.h"

namespace quartet::metrics {
namespace {

using Metric = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;

struct Family {
  std::string help;
  std::map<Labels, Metric> members;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
};

Registry& registry() {
  static auto* const instance = new Registry;  // never destroyed: threads may count until the very end
  return *instance;
}

template <typename T, typename... Arguments>
T& get(std::string_view name, std::string_view help, Labels labels, Arguments&&... arguments) {
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  auto& family = all.families.try_emplace(std::string(name), Family{std::string(help), {}}).first->second;
  auto found = family.members.find(labels);
  if (found == family.members.end()) {
    found = family.members.emplace(std::move(labels), std::make_unique<T>(std::forward<Arguments>(arguments)...)).first;
  }
  auto* const metric = std::get_if<std::unique_ptr<T>>(&found->second);
  QUARTET_CHECK(metric != nullptr);
  return **metric;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// {a="b",c="d"}, with one more label if given; empty for none.
std::string label_text(const Labels& labels, std::string_view more_name = {}, std::string_view more_value = {}) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value));
  if (!more_name.empty()) out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", more_name, more_value);
  return out.empty() ? out : "{" + out + "}";
}

const char* kind_of(const Metric& metric) {
  static constexpr const char* kKinds[] = {"counter", "gauge", "histogram"};
  return kKinds[metric.index()];
}

void render_histogram(std::string& out, const std::string& name, const Labels& labels, const Histogram& histogram) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) {
    total += histogram.count_of(i);
    const auto bound = i < histogram.bounds().size() ? fmt::format("{}", histogram.bounds()[i]) : "+Inf";
    out += fmt::format("{}_bucket{} {}\n", name, label_text(labels, "le", bound), total);
  }
  out += fmt::format("{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, label_text(labels), histogram.sum(), total);
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  QUARTET_CHECK(std::ranges::is_sorted(bounds_));
}

void Histogram::observe(double value) {
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Counter& counter(std::string_view name, std::string_view help, Labels labels) {
  return get<Counter>(name, help, std::move(labels));
}

Gauge& gauge(std::string_view name, std::string_view help, Labels labels) {
  return get<Gauge>(name, help, std::move(labels));
}

Histogram& histogram(std::string_view name, std::string_view help, std::vector<double> bounds, Labels labels) {
  return get<Histogram>(name, help, std::move(labels), std::move(bounds));
}

std::vector<double> durations() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,   1,
          2.5,   5,      10,    30,   60,    300,  1800, 7200, 28800, 86400};
}

void show(std::string_view name, std::string_view help, std::vector<std::pair<Labels, double>> members) {
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  auto& family = all.families.try_emplace(std::string(name), Family{std::string(help), {}}).first->second;
  family.members.clear();
  for (auto& [labels, number] : members) {
    // One octet that is no UTF-8 would spoil the whole page.
    for (auto& [label, value] : labels) std::ranges::replace_if(value, [](char c) { return c < ' ' || c > '~'; }, '?');
    auto gauge = std::make_unique<Gauge>();
    gauge->set(number);
    family.members.insert_or_assign(std::move(labels), std::move(gauge));
  }
}

std::string render() {
  std::string out;
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& [name, family] : all.families) {
    if (family.members.empty()) continue;
    out +=
        fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name, kind_of(family.members.begin()->second));
    for (const auto& [labels, metric] : family.members) {
      if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&metric)) {
        out += fmt::format("{}{} {}\n", name, label_text(labels), (*counter)->value());
      } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&metric)) {
        out += fmt::format("{}{} {}\n", name, label_text(labels), (*gauge)->value());
      } else {
        render_histogram(out, name, labels, *std::get<std::unique_ptr<Histogram>>(metric));
      }
    }
  }
  return out;
}

}  // namespace quartet::metrics
