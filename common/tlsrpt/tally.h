// The counts of one period, as they grow.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "quartet/tlsrpt/v1/report.pb.h"

namespace quartet::tlsrpt {

class Tally {
 public:
  /// Goes on with `period`.
  explicit Tally(v1::Period period);

  /// A session towards policy.domain() in which all was as `policy` wants it; or, with `failure`, was not. At most
  /// 20,000 policies are told apart, more are not counted; of each at most 100 kinds of failure, more are only counted.
  void add(const v1::Policy& policy, const v1::FailureDetails* failure);

  /// Adds the counts of `other`.
  void merge(const v1::Period& other);

  const v1::Period& period() const { return period_; }

 private:
  v1::PolicyResult* result_of(const v1::Policy& policy);

  v1::Period period_;
  std::unordered_map<std::string, int> index_;  // of results, by policy
};

/// The domains of a period, each once.
std::vector<std::string> domains(const v1::Period& period);
/// Forgets what concerns `domain`.
void forget(v1::Period& period, const std::string& domain);

}  // namespace quartet::tlsrpt
