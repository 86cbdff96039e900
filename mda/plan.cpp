#include "mda/plan.h"

#include <set>

#include "common/base/ascii.h"
#include "common/base/expand_path.h"
#include "common/mime/idna.h"
#include "common/relay/route.h"

namespace quartet::mda {
namespace {

using directory::Resolution;

constexpr std::size_t kMostAddresses = 10'000;  // one alias may lead to so many

std::string canonical(const std::string& address) {
  auto out = directory::canonical_address(address);
  return out.empty() ? ascii::lower(address) : out;
}

class Planner {
 public:
  Planner(const directory::Directory& directory, const DeliveryTable& table) : directory_(directory), table_(table) {}

  Plan bounce(const std::string& address, const smtp::Srs& srs, WallTime now) {
    if (auto sender = srs.reverse(address, now)) {
      add({Target::Kind::kSend, *sender, {}, *sender, true});
    } else {
      plan_.unknown.push_back(address);
      refuse();
    }
    return std::move(plan_);
  }

  Plan run(const std::string& address) {
    std::vector<std::string> open = {address};
    while (!open.empty() && seen_.size() < kMostAddresses) {
      const auto next = std::move(open.back());
      open.pop_back();
      if (seen_.insert(canonical(next)).second) follow(next, seen_.size() == 1, open);
    }
    if (plan_.targets.empty()) refuse();
    return std::move(plan_);
  }

 private:
  void follow(const std::string& address, bool first, std::vector<std::string>& open) {
    const auto found = directory_.resolve(address);
    if (const auto* delivery = match(address, found)) return apply(*delivery, address, found, open);
    switch (found.kind) {
      case Resolution::Kind::kAccount:
        return add({Target::Kind::kStore, found.account->login,
                    table_.detail_to_mailbox() ? found.detail : std::string(), address});
      case Resolution::Kind::kAlias:
        // Taken from the end: this keeps the order of the file.
        open.insert(open.end(), found.targets->rbegin(), found.targets->rend());
        return;
      case Resolution::Kind::kUnknownUser:
        return plan_.unknown.push_back(address);
      case Resolution::Kind::kNotLocal:
        // A client may not send through us to where nobody of ours leads.
        if (first)
          foreign_ = true;
        else
          add({Target::Kind::kSend, address, {}, address, true});
    }
  }

  const Delivery* match(const std::string& address, const Resolution& found) const {
    const auto key = canonical(address);
    std::vector<std::string> names = {key, mime::domain_of(key)};
    if (found.kind == Resolution::Kind::kAccount) {
      names.push_back(found.account->login);
      names.push_back(mime::domain_of(found.account->login));
    }
    return table_.find(names);
  }

  void apply(const Delivery& delivery, const std::string& address, const Resolution& found,
             std::vector<std::string>& open) {
    const auto key = canonical(address);
    const auto login = found.kind == Resolution::Kind::kAccount ? found.account->login : std::string();
    switch (delivery.kind) {
      case Delivery::Kind::kForward:
        open.push_back(delivery.text);
        return;
      case Delivery::Kind::kNextHop: {
        // As the sender wrote it, unless only another name of the account leads to the next hop.
        const auto match = mime::ascii_address(delivery.match);
        const bool as_it_is = match == mime::ascii_address(key) || match == mime::domain_of(key);
        return add({Target::Kind::kSend, as_it_is ? address : login, {}, address});
      }
      case Delivery::Kind::kMbox:
      case Delivery::Kind::kMaildir:
        break;
    }
    // Files are made for users that exist, or for the one address that the configuration names.
    const auto owner = !login.empty() ? login : (delivery.of_address() ? delivery.match : std::string());
    if (owner.empty()) return plan_.unknown.push_back(address);
    auto path = expand_path(delivery.text, owner.substr(0, owner.rfind('@')), owner.substr(owner.rfind('@') + 1));
    if (!path) {
      bad_path_ = true;
      return;
    }
    add({delivery.kind == Delivery::Kind::kMbox ? Target::Kind::kMbox : Target::Kind::kMaildir, owner, *std::move(path),
         address});
  }

  void add(Target target) {
    if (places_.emplace(static_cast<int>(target.kind), target.address, target.path).second)
      plan_.targets.push_back(std::move(target));
  }

  void refuse() {
    if (foreign_)
      plan_.refusal = smtp::Reply(550, "5.7.1", "not an address of this host");
    else if (!plan_.unknown.empty())
      plan_.refusal = smtp::Reply(550, "5.1.1", "no such user here");
    else if (bad_path_)
      plan_.refusal = smtp::Reply(451, "4.3.5", "the name of this user cannot be part of a path");
    else
      plan_.refusal = smtp::Reply(451, "4.3.5", "this address leads nowhere");
  }

  const directory::Directory& directory_;
  const DeliveryTable& table_;
  std::set<std::string> seen_;  // addresses
  std::set<std::tuple<int, std::string, std::string>> places_;
  Plan plan_;
  bool foreign_ = false;
  bool bad_path_ = false;
};

}  // namespace

Plan make_plan(const directory::Directory& directory, const DeliveryTable& table, const std::string& address,
               const smtp::Srs* srs, WallTime now) {
  if (srs != nullptr && srs->is_ours(address)) return Planner(directory, table).bounce(address, *srs, now);
  return Planner(directory, table).run(address);
}

}  // namespace quartet::mda
