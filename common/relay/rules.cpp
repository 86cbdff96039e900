#include "common/relay/rules.h"

#include <algorithm>
#include <limits>

#include "common/log/log.h"
#include "common/relay/kept_file.h"

namespace quartet::relay {
namespace {

constexpr const char* kFile = "rules";
constexpr std::string_view kMark = "quartet rules 1\n";
constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::chrono::seconds kTryAgain{10};

}  // namespace

bool matches(const Rule& rule, const spool::Claim& claim, WallTime now) {
  if (rule.ending || rule.until <= now) return false;
  const auto received = claim.message->envelope.received;
  if (rule.older_than && received > now - *rule.older_than) return false;
  if (rule.newer_than && received <= now - *rule.newer_than) return false;
  return spool::matches(rule.filter, claim);
}

Rules::Rules(std::filesystem::path directory) : directory_(std::move(directory)), next_end_(kNever) {
  if (directory_.empty()) return;
  const auto path = directory_ / kFile;
  const auto file = read_kept(path, kMark);
  const auto kept = file ? decode_rules(*file) : std::nullopt;
  if (!kept) {
    log::error("relay.rules_lost", {{"file", path.string()}, {"reason", file ? "the file is damaged" : file.error()}});
    return;
  }
  for (const auto& rule : *kept) {
    if (rule.ending) left_ending_.push_back(rule.id);
    table_.push_back({rule, TokenBucket(rule.rate), {}});
  }
  note_any();
}

/// With the mutex held.
void Rules::note_any() {
  any_ = std::ranges::any_of(table_, [](const Entry& entry) { return !entry.rule.ending; });
  auto next = left_ending_.empty() ? kNever : std::int64_t{0};
  for (const auto& [rule, bucket, turns] : table_)
    if (!rule.ending) next = std::min(next, to_micros(rule.until));
  next_end_ = next;
}

/// With the mutex held.
Rules::Entry* Rules::find(std::string_view id) {
  const auto found =
      std::ranges::find(table_, id, [](const Entry& entry) -> std::string_view { return entry.rule.id; });
  return found == table_.end() ? nullptr : &*found;
}

std::expected<void, std::string> Rules::save(const std::vector<Rule>& rules) const {
  if (directory_.empty()) return {};
  return write_kept(directory_ / kFile, kMark, encode_rules(rules));
}

std::vector<Rule> Rules::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Rule> rules;
  for (const auto& entry : table_) rules.push_back(entry.rule);
  return rules;
}

std::expected<void, std::string> Rules::add(Rule rule) {
  const std::lock_guard changing(changing_);
  auto rules = list();
  rules.push_back(rule);
  if (auto saved = save(rules); !saved) return saved;
  const std::lock_guard lock(mutex_);
  const TokenBucket bucket(rule.rate);
  table_.push_back({std::move(rule), bucket, {}});
  note_any();
  return {};
}

/// Ends a rule or forgets it, on disk first.
std::expected<void, std::string> Rules::change(std::string_view id, bool forget) {
  const std::lock_guard changing(changing_);
  auto rules = list();
  if (forget) {
    std::erase_if(rules, [&](const Rule& rule) { return rule.id == id; });
  } else {
    for (auto& rule : rules) rule.ending |= rule.id == id;
  }
  if (auto saved = save(rules); !saved) return saved;
  const std::lock_guard lock(mutex_);
  if (forget) {
    std::erase_if(table_, [&](const Entry& entry) { return entry.rule.id == id; });
  } else if (auto* entry = find(id)) {
    entry->rule.ending = true;
  }
  std::erase(left_ending_, id);
  note_any();
  return {};
}

std::expected<std::optional<Rule>, std::string> Rules::end(std::string_view id) {
  std::optional<Rule> rule;
  {
    const std::lock_guard lock(mutex_);
    if (const auto* entry = find(id)) rule = entry->rule;
  }
  if (!rule) return std::nullopt;
  if (auto changed = change(id, false); !changed) return std::unexpected(std::move(changed.error()));
  return rule;
}

std::expected<void, std::string> Rules::forget(std::string_view id) { return change(id, true); }

std::vector<Rule> Rules::take_ended(WallTime now) {
  std::vector<Rule> over, ended;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [rule, bucket, turns] : table_) {
      const bool left = std::ranges::find(left_ending_, rule.id) != left_ending_.end();
      if (left || (!rule.ending && rule.until <= now)) over.push_back(rule);
    }
  }
  for (auto& rule : over) {
    // It applies no more in any case: its time is over.
    if (const auto changed = change(rule.id, false); changed) {
      ended.push_back(std::move(rule));
    } else {
      log::error("relay.rules_not_saved", {{"reason", changed.error()}});
    }
  }
  const std::lock_guard lock(mutex_);
  if (ended.size() != over.size()) next_end_ = to_micros(now + kTryAgain);
  return ended;
}

std::optional<Rule> Rules::match(const spool::Claim& claim, WallTime now, bool throttle) {
  const std::lock_guard lock(mutex_);
  for (auto& entry : table_) {
    auto& rule = entry.rule;
    if (!matches(rule, claim, now)) continue;
    // What has its own way already, or by this rule, is not sent another one.
    if (rule.kind == Rule::Kind::kReroute && !claim.next_hop.empty()) continue;
    if (rule.kind == Rule::Kind::kThrottle && !throttle) continue;
    ++rule.matches;
    ++counted_;
    return rule;
  }
  return std::nullopt;
}

std::optional<SteadyTime> Rules::wait_for(std::string_view id, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  auto* entry = find(id);
  if (entry == nullptr) return std::nullopt;
  if (!entry->bucket.allows(now)) {
    constexpr auto kLongest = std::chrono::hours(1);
    return std::max(entry->turns.next(now, entry->rule.rate.per_second(), 0, kLongest), entry->bucket.next());
  }
  entry->bucket.take(now);
  return std::nullopt;
}

void Rules::save_counts() {
  {
    const std::lock_guard lock(mutex_);
    if (counted_ == 0) return;
    counted_ = 0;
  }
  const std::lock_guard changing(changing_);
  if (const auto saved = save(list()); !saved) log::error("relay.rules_not_saved", {{"reason", saved.error()}});
}

}  // namespace quartet::relay
