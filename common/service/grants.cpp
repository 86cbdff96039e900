#include "common/service/grants.h"

#include <grp.h>
#include <pwd.h>

#include <array>
#include <optional>

#include "common/base/ascii.h"

namespace quartet::service {
namespace {

namespace v1 = config::v1;
using control::Role;

/// The number that `get` (getpwnam_r, getgrnam_r) has for a name in `field`.
template <typename Record, typename Number>
std::optional<Number> look_up(const std::string& name, int (*get)(const char*, Record*, char*, std::size_t, Record**),
                              Number Record::* field) {
  if (const auto number = ascii::to_number<Number>(name)) return number;
  std::array<char, 16384> buffer;
  Record record{};
  Record* found = nullptr;
  if (get(name.c_str(), &record, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return record.*field;
}

std::optional<Role> to_role(int role) {
  switch (role) {
    case v1::ControlRole::OBSERVER:
      return Role::kObserver;
    case v1::ControlRole::OPERATOR:
      return Role::kOperator;
    case v1::ControlRole::CONTENT_READER:
      return Role::kContentReader;
    case v1::ControlRole::ADMIN:
      return Role::kAdmin;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::vector<control::Grant> grants(const v1::Control& control, const FaultIn& fault) {
  std::vector<control::Grant> grants;
  const auto refuse = [&fault](const v1::ControlRole& given, std::string_view field, std::string text, int index = -1) {
    if (fault) fault(given, field, std::move(text), index);
  };
  for (const auto& given : control.role()) {
    control::Grant grant;
    const auto role = to_role(given.role());
    if (!role) refuse(given, "role", "expected OBSERVER, OPERATOR, CONTENT_READER or ADMIN");
    grant.role = role.value_or(Role::kObserver);
    if (given.certificate().empty() && given.user().empty() && given.group().empty())
      refuse(given, "role", "nobody has it: name a certificate, user or group");
    grant.certificates.assign(given.certificate().begin(), given.certificate().end());
    for (int i = 0; i < given.user_size(); ++i) {
      const auto user = look_up(given.user(i), ::getpwnam_r, &passwd::pw_uid);
      if (!user) refuse(given, "user", "no such user", i);
      grant.users.push_back(user.value_or(static_cast<uid_t>(-1)));
    }
    for (int i = 0; i < given.group_size(); ++i) {
      const auto group = look_up(given.group(i), ::getgrnam_r, &::group::gr_gid);
      if (!group) refuse(given, "group", "no such group", i);
      grant.groups.push_back(group.value_or(static_cast<gid_t>(-1)));
    }
    grants.push_back(std::move(grant));
  }
  return grants;
}

}  // namespace quartet::service
