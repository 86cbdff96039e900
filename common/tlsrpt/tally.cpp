#include "common/tlsrpt/tally.h"

#include <algorithm>
#include <set>

namespace quartet::tlsrpt {
namespace {

constexpr int kMostPolicies = 20'000;
constexpr int kMostKinds = 100;

bool same_kind(const v1::FailureDetails& a, const v1::FailureDetails& b) {
  return a.result_type() == b.result_type() && a.mx_host() == b.mx_host() && a.receiving_ip() == b.receiving_ip() &&
         a.sending_ip() == b.sending_ip() && a.reason() == b.reason();
}

void count(v1::PolicyResult& result, const v1::FailureDetails& failure, std::uint32_t sessions) {
  auto& all = *result.mutable_failure_details();
  const auto known = std::ranges::find_if(all, [&](const auto& other) { return same_kind(other, failure); });
  if (known != all.end()) {
    known->set_sessions(known->sessions() + sessions);
  } else if (all.size() < kMostKinds) {
    *all.Add() = failure;
    all.rbegin()->set_sessions(sessions);
  }
}

void count(v1::Summary& summary, std::uint32_t successful, std::uint32_t failed) {
  summary.set_successful(summary.successful() + successful);
  summary.set_failed(summary.failed() + failed);
}

}  // namespace

Tally::Tally(v1::Period period) : period_(std::move(period)) {
  for (int i = 0; i < period_.result_size(); ++i) index_.emplace(period_.result(i).policy().SerializeAsString(), i);
}

/// Made if it is new; null if there are too many.
v1::PolicyResult* Tally::result_of(const v1::Policy& policy) {
  const auto key = policy.SerializeAsString();
  if (const auto found = index_.find(key); found != index_.end()) return period_.mutable_result(found->second);
  if (period_.result_size() >= kMostPolicies) return nullptr;
  index_.emplace(key, period_.result_size());
  auto* fresh = period_.add_result();
  *fresh->mutable_policy() = policy;
  return fresh;
}

void Tally::add(const v1::Policy& policy, const v1::FailureDetails* failure) {
  auto* const result = result_of(policy);
  if (result == nullptr) return;
  count(*result->mutable_summary(), failure == nullptr ? 1 : 0, failure == nullptr ? 0 : 1);
  if (failure != nullptr) count(*result, *failure, 1);
}

void Tally::merge(const v1::Period& other) {
  for (const auto& more : other.result()) {
    auto* const result = result_of(more.policy());
    if (result == nullptr) continue;
    count(*result->mutable_summary(), more.summary().successful(), more.summary().failed());
    for (const auto& failure : more.failure_details()) count(*result, failure, failure.sessions());
  }
}

std::vector<std::string> domains(const v1::Period& period) {
  std::set<std::string> all;
  for (const auto& result : period.result()) all.insert(result.policy().domain());
  return {all.begin(), all.end()};
}

void forget(v1::Period& period, const std::string& domain) {
  auto& all = *period.mutable_result();
  const auto rest = std::ranges::remove_if(all, [&](const auto& result) { return result.policy().domain() == domain; });
  all.DeleteSubrange(static_cast<int>(rest.begin() - all.begin()), static_cast<int>(rest.size()));
}

}  // namespace quartet::tlsrpt
