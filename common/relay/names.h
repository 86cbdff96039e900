// What the relay looks names up with: a resolver, and the MTA-STS policies of domains.
#pragma once
#include <memory>
#include <optional>

#include "common/dns/resolver.h"
#include "common/sts/finder.h"

namespace quartet::relay {

struct Options;

/// Loop thread only. Look-ups hold what they began with by a reference of their own: a reload may replace it.
class Names {
 public:
  /// Makes anew what `options` want otherwise than before; what they want as before keeps all that it remembers.
  void set_options(const Options& options);
  void clear();

  /// Null before set_options().
  const std::shared_ptr<dns::Resolver>& resolver() const { return resolver_; }
  /// Null: MTA-STS is not asked.
  const std::shared_ptr<sts::Finder>& sts() const { return sts_; }

 private:
  std::optional<dns::ResolverOptions> resolver_options_;
  std::optional<sts::FinderOptions> sts_options_;
  std::shared_ptr<dns::Resolver> resolver_;
  std::shared_ptr<sts::Finder> sts_;
};

}  // namespace quartet::relay
