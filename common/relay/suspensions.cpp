#include "common/relay/suspensions.h"

#include <algorithm>

#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/relay/kept_file.h"

namespace quartet::relay {
namespace {

constexpr std::string_view kMagic = "quartet suspensions 1\n";

std::string encode(const std::vector<Suspension>& suspensions) {
  std::string out;
  for (const auto& one : suspensions) {
    put_le(out, to_micros(one.since));
    put_le(out, to_micros(one.until));
    for (const auto* text : {&one.destination, &one.reason, &one.who}) put_bytes(out, *text);
  }
  return out;
}

std::optional<Suspension> take_one(std::string_view& in) {
  Suspension one;
  for (auto* time : {&one.since, &one.until}) {
    const auto micros = take_le<std::int64_t>(in);
    if (!micros) return std::nullopt;
    *time = from_micros(*micros);
  }
  for (auto* text : {&one.destination, &one.reason, &one.who}) {
    const auto bytes = take_bytes(in);
    if (!bytes) return std::nullopt;
    *text = *bytes;
  }
  return one;
}

std::optional<std::vector<Suspension>> decode(std::string_view file) {
  std::vector<Suspension> out;
  while (!file.empty()) {
    auto one = take_one(file);
    if (!one) return std::nullopt;
    out.push_back(*std::move(one));
  }
  return out;
}

}  // namespace

bool names_site(std::string_view destination) { return destination.contains(':'); }

Suspensions::Suspensions(std::filesystem::path directory, std::string file)
    : directory_(std::move(directory)), file_(std::move(file)) {
  if (directory_.empty()) return;
  const auto path = directory_ / file_;
  const auto bytes = read_kept(path, kMagic);
  const auto kept = bytes ? decode(*bytes) : std::nullopt;
  if (!kept) {
    log::error("relay.suspensions_lost",
               {{"file", path.string()}, {"reason", bytes ? "the file is damaged" : bytes.error()}});
    return;
  }
  for (const auto& one : *kept) table_[one.destination] = {one, {}};
  any_ = !table_.empty();
}

std::expected<void, std::string> Suspensions::save(const std::string& without, const Suspension* with) const {
  if (directory_.empty()) return {};
  std::vector<Suspension> kept;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [destination, entry] : table_) {
      if (destination != without) kept.push_back(entry.suspension);
    }
  }
  if (with != nullptr) kept.push_back(*with);
  return write_kept(directory_ / file_, kMagic, encode(kept));
}

std::vector<std::string> Suspensions::withheld_by(const Entry& entry) {
  if (!names_site(entry.suspension.destination)) return {entry.suspension.destination};
  return {entry.domains.begin(), entry.domains.end()};
}

std::expected<std::vector<std::string>, std::string> Suspensions::add(Suspension suspension) {
  const std::lock_guard changing(changing_);
  if (auto saved = save(suspension.destination, &suspension); !saved) return std::unexpected(std::move(saved.error()));
  const std::lock_guard lock(mutex_);
  auto& entry = table_[suspension.destination];
  std::vector<std::string> before;
  if (!entry.suspension.destination.empty()) before = withheld_by(entry);
  entry.suspension = std::move(suspension);
  any_ = true;
  return before;
}

std::expected<std::optional<std::vector<std::string>>, std::string> Suspensions::remove(
    const std::string& destination) {
  const std::lock_guard changing(changing_);
  {
    const std::lock_guard lock(mutex_);
    if (!table_.contains(destination)) return std::nullopt;
  }
  if (auto saved = save(destination, nullptr); !saved) return std::unexpected(std::move(saved.error()));
  const std::lock_guard lock(mutex_);
  const auto removed = table_.extract(destination);
  any_ = !table_.empty();
  if (removed.empty()) return std::nullopt;
  return withheld_by(removed.mapped());
}

std::vector<Suspension> Suspensions::list(WallTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<Suspension> out;
  for (const auto& [destination, entry] : table_) {
    if (entry.suspension.until > now) out.push_back(entry.suspension);
  }
  return out;
}

std::vector<Suspension> Suspensions::take_ended(WallTime now) {
  std::vector<Suspension> ended;
  const std::lock_guard lock(mutex_);
  std::erase_if(table_, [&](const auto& one) {
    if (one.second.suspension.until > now) return false;
    ended.push_back(one.second.suspension);
    return true;
  });
  any_ = !table_.empty();
  return ended;
}

bool Suspensions::has_site(const std::string& key, WallTime now) const { return find(key, now).has_value(); }

std::optional<Suspension> Suspensions::find(const std::string& destination, WallTime now) const {
  if (!any_) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = table_.find(destination);
  if (found == table_.end() || found->second.suspension.until <= now) return std::nullopt;
  return found->second.suspension;
}

std::optional<WallTime> Suspensions::withhold(const std::string& domain, const std::string& key, WallTime now) {
  if (!any_) return std::nullopt;
  const std::lock_guard lock(mutex_);
  WallTime until = now;
  const auto look_at = [&](std::string_view destination) {
    const auto found = table_.find(destination);
    if (found == table_.end() || found->second.suspension.until <= now) return;
    until = std::max(until, found->second.suspension.until);
    if (names_site(destination)) found->second.domains.insert(domain);
  };
  if (!key.empty()) look_at(key);
  look_at(domain);
  for (auto dot = domain.find('.', 1); dot < domain.size(); dot = domain.find('.', dot + 1))
    look_at(std::string_view(domain).substr(dot));
  return until > now ? std::optional(until) : std::nullopt;
}

}  // namespace quartet::relay
