// Deliveries other than to the store, as the configuration lists them: by address or by domain.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ascii.h"

namespace quartet::mda {

struct Delivery {
  enum class Kind {
    kMbox,     // `text`: path of the file, with {user} and {domain}
    kMaildir,  // the same of the directory
    kForward,  // `text`: the address to send on to
    kNextHop,  // the relay's tables know the host or program
  };
  std::string match;  // an address in canonical form, or a domain in lower case
  Kind kind = Kind::kMbox;
  std::string text;

  bool of_address() const { return match.contains('@'); }
};

class DeliveryTable {
 public:
  DeliveryTable() = default;
  /// `deliveries` match different things, and no address comes after its own domain; see shadowed_by().
  explicit DeliveryTable(std::vector<Delivery> deliveries, bool detail_to_mailbox = false);

  /// Whether a subaddress names a mailbox of its account.
  bool detail_to_mailbox() const { return detail_to_mailbox_; }

  /// The earliest that matches one of `names`, which are as Delivery::match; null if none does.
  const Delivery* find(const std::vector<std::string>& names) const;
  const std::vector<Delivery>& entries() const { return entries_; }

 private:
  bool detail_to_mailbox_ = false;
  std::vector<Delivery> entries_;
  std::unordered_map<std::string, std::size_t, ascii::Hash, std::equal_to<>> by_match_;
};

/// The earlier match that leaves nothing for `match`, if there is one.
std::optional<std::string> shadowed_by(const std::vector<Delivery>& earlier, const std::string& match);

}  // namespace quartet::mda
