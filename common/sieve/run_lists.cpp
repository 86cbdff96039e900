// Externally stored lists: RFC 6134.
#include <fmt/format.h>

#include <algorithm>

#include "common/sieve/interpreter.h"

namespace quartet::sieve {
namespace {

/// What it costs to get a list, and to look up an octet of a value in one.
constexpr std::uint64_t kLookUp = 1'000'000;
constexpr std::uint64_t kOctet = 16;

}  // namespace

const std::expected<ExternalListPtr, std::string>& Interpreter::list(const std::string& canonical) {
  const auto known = lists_.find(canonical);
  if (known != lists_.end()) return known->second;
  static const std::expected<ExternalListPtr, std::string> kNone = nullptr;
  if (!budget_.spend(kLookUp)) return kNone;
  return lists_.emplace(canonical, world_.list(canonical)).first->second;
}

ExternalListPtr Interpreter::list_named(const std::string& name) {
  const auto canonical = canonical_list_name(name);
  const auto found = canonical ? list(*canonical) : std::expected<ExternalListPtr, std::string>();
  if (budget_.used_up()) return nullptr;
  if (!found)
    fail(fmt::format("the list \"{}\" cannot be read: {}", name, found.error()));
  else if (*found == nullptr)
    fail(fmt::format("there is no list \"{}\"", name));
  else
    return *found;
  return nullptr;
}

bool Interpreter::any_listed(const std::vector<std::string>& names, const std::vector<std::string>& values,
                             bool quietly) {
  std::vector<ExternalListPtr> lists;
  for (const auto& name : names) {
    lists.push_back(list_named(name));
    if (lists.back() == nullptr) return false;
  }
  for (const auto& value : values) {
    for (const auto& one : lists) {
      if (!budget_.spend(kOctet * (value.size() + 1))) return false;
      const auto* member = one->find(value);
      if (member == nullptr) continue;
      // RFC 6134 section 2.2: as the list has it.
      if (!quietly) frame().matched = {*member};
      return true;
    }
  }
  return false;
}

/// As :list takes a name; whether the list can be read is another matter.
bool Interpreter::test(const ValidListTest& spec) {
  return std::ranges::all_of(values(spec.names), [&](const auto& name) {
    const auto canonical = canonical_list_name(name);
    if (!canonical) return false;
    const auto& found = list(*canonical);
    return !found || *found != nullptr;
  });
}

}  // namespace quartet::sieve
