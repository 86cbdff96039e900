#include "common/service/srs.h"

#include "common/base/ascii.h"

namespace quartet::service {
namespace {

constexpr std::size_t kShortestSecret = 8;
constexpr unsigned kMostDays = 1023;

}  // namespace

std::shared_ptr<const smtp::Srs> read_srs(Checker& checker, const v1::Srs& source,
                                          const directory::Directory* directory) {
  smtp::SrsOptions options;
  options.domain = ascii::lower(source.domain());
  if (directory == nullptr || !directory->is_local(options.domain))
    checker.fault(source, "domain", "expected a domain of the directory");
  options.secrets.assign(source.secret().begin(), source.secret().end());
  if (source.secret().empty()) checker.fault(source, "secret", "at least one is required");
  for (int i = 0; i < source.secret_size(); ++i) {
    if (source.secret(i).size() < kShortestSecret) checker.fault(source, "secret", "at least 8 characters", i);
  }
  if (source.max_age_days() > kMostDays) checker.fault(source, "max_age_days", "at most 1023");
  if (source.max_age_days() != 0) options.max_age_days = source.max_age_days();
  if (source.hash_length() != 0) options.hash_length = source.hash_length();
  if (options.hash_length < 4 || options.hash_length > 27) checker.fault(source, "hash_length", "from 4 to 27");
  if (!checker.ok()) return nullptr;
  return std::make_shared<const smtp::Srs>(std::move(options));
}

}  // namespace quartet::service
