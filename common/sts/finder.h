// The policy that holds for a domain now: from memory, from disk, or fetched because the domain's TXT record names a
// new one (RFC 8461 sections 3.3 and 5.1).
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/async/task.h"
#include "common/async/thread_pool.h"
#include "common/dns/mx.h"
#include "common/dns/resolver.h"
#include "common/sts/fetch.h"
#include "common/sts/store.h"

namespace quartet::sts {

struct FinderOptions {
  std::filesystem::path directory;  // for policies
  FetchOptions fetch;
  dns::Families families = dns::Families::kPreferIpv6;

  friend bool operator==(const FinderOptions&, const FinderOptions&) = default;
};

/// What MTA-STS says of a domain.
struct Finding {
  std::shared_ptr<const Policy> policy = nullptr;    // null: nothing holds; never of mode kNone
  std::shared_ptr<const Failure> failure = nullptr;  // why what the domain announces does not hold; null: it does
};

/// Loop thread only; it outlives its look-ups.
class Finder {
 public:
  explicit Finder(FinderOptions options);

  /// Where no policy can be had, MTA-STS says nothing (it is trust on first use). One that was had before holds for its
  /// max_age, whatever DNS and HTTPS say meanwhile.
  async::Task<Finding> find(dns::Resolver& resolver, std::string domain, async::Deadline deadline);

 private:
  struct Known {
    std::shared_ptr<const Entry> entry;                // null: none on disk either
    SteadyTime no_fetch_until{};                       // after a failure
    std::shared_ptr<const Failure> failure = nullptr;  // this one
  };
  async::Task<std::expected<std::shared_ptr<const Entry>, std::shared_ptr<const Failure>>> refresh(
      dns::Resolver& resolver, std::string domain, std::string id, async::Deadline deadline);

  FinderOptions options_;
  Store store_;
  async::ThreadPool disk_;      // of its own: a domain without MTA-STS must not wait for servers of others
  async::ThreadPool fetchers_;  // each busy until a server has answered
  std::unordered_map<std::string, Known> known_;
};

}  // namespace quartet::sts
