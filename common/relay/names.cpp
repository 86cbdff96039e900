#include "common/relay/names.h"

#include "common/relay/relay.h"

namespace quartet::relay {

void Names::set_options(const Options& options) {
  if (resolver_options_ != options.resolver) {
    resolver_options_ = options.resolver;
    resolver_ = std::make_shared<dns::Resolver>(options.resolver, std::make_shared<dns::Cache>());
  }
  if (sts_options_ != options.sts) {
    sts_options_ = options.sts;
    sts_ = options.sts ? std::make_shared<sts::Finder>(*options.sts) : nullptr;
  }
}

void Names::clear() { *this = {}; }

}  // namespace quartet::relay
