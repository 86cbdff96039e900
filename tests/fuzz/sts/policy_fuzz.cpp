// Any text is a policy or none, and a policy keeps the promises of policy.h; so are TXT records.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/sts/policy.h"

using namespace quartet::sts;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto id = policy_id({text})) {
    QUARTET_CHECK(!id->empty() && id->size() <= 32);
    QUARTET_CHECK(policy_id({text, "v=spf1 -all"}) == id);
    QUARTET_CHECK(!policy_id({text, text}));
  }
  const auto policy = parse_policy(text);
  if (!policy) {
    QUARTET_CHECK(!policy.error().empty());
    return 0;
  }
  QUARTET_CHECK(policy->max_age.count() >= 0 && policy->max_age.count() <= 31'557'600);
  QUARTET_CHECK(policy->mode == Mode::kNone || !policy->mx.empty());
  for (const auto& pattern : policy->mx) {
    QUARTET_CHECK(!pattern.empty());
    QUARTET_CHECK(allows(*policy, pattern.starts_with("*.") ? "x" + pattern.substr(1) : pattern));
  }
  return 0;
}
