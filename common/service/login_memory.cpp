#include "common/service/login_memory.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/metrics/metrics.h"
#include "quartet/config/v1/login_limits.pb.h"

namespace quartet::service {
namespace {

constexpr std::chrono::seconds kLifetime{300};
constexpr std::size_t kKeyOctets = 32;

metrics::Counter& counter(const char* result) {
  return metrics::counter("quartet_remembered_logins_total",
                          "Passwords that were looked for among those verified lately: a hit needs no hash",
                          {{"result", result}});
}

void count(bool hit) {
  static auto& hits = counter("hit");
  static auto& misses = counter("miss");
  (hit ? hits : misses).add();
}

}  // namespace

LoginMemory::LoginMemory(std::chrono::seconds lifetime, std::size_t most)
    : lifetime_(lifetime), most_(most), key_(crypto::random_octets(kKeyOctets)) {}

std::string LoginMemory::proof(std::string_view account, std::string_view secret, std::string_view password) const {
  std::string text;
  text.reserve(3 * sizeof(std::uint32_t) + account.size() + secret.size() + password.size());
  // Each with its length in front, so that no two lists of parts make the same text.
  for (const auto part : {account, secret, password}) put_bytes(text, part);
  auto out = crypto::hmac(crypto::Digest::kSha256, key_, text);
  explicit_bzero(text.data(), text.size());
  return out;
}

bool LoginMemory::knows(std::string_view account, std::string_view proof, SteadyTime now) {
  if (!remembers()) return false;
  const std::scoped_lock lock(mutex_);
  forget_old(now);
  const auto found = by_account_.find(account);
  const bool hit = found != by_account_.end() && crypto::same_secret(found->second->proof, proof);
  count(hit);
  return hit;
}

void LoginMemory::remember(std::string account, std::string proof, SteadyTime now) {
  if (!remembers()) return;
  const std::scoped_lock lock(mutex_);
  forget_old(now);
  if (const auto found = by_account_.find(account); found != by_account_.end()) forget(found->second);
  if (entries_.size() >= most_) forget(entries_.begin());
  const auto added = entries_.insert(entries_.end(), {std::move(account), std::move(proof), now});
  by_account_.emplace(added->account, added);
}

std::size_t LoginMemory::size() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

void LoginMemory::forget_old(SteadyTime now) {
  while (!entries_.empty() && entries_.front().verified + lifetime_ <= now) forget(entries_.begin());
}

void LoginMemory::forget(Entries::iterator entry) {
  by_account_.erase(entry->account);
  entries_.erase(entry);
}

std::chrono::seconds remembered_for(const config::v1::LoginLimits& source) {
  return source.has_remember_seconds() ? std::chrono::seconds(source.remember_seconds()) : kLifetime;
}

}  // namespace quartet::service
