// Externally stored lists: RFC 6134. Their names, and their members once somebody has read them. Pure.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace quartet::sieve {

/// It is there wherever there are lists (RFC 6134 section 2.5), if only without members.
inline constexpr std::string_view kDefaultAddressBook = "urn:ietf:params:sieve:addrbook:default";

/// The name of a list in the form in which names are compared: an absolute URI (RFC 3986 section 4.3) normalised as in
/// its section 6.2.2, ":addrbook:x" written out, "default" in lower case. nullopt: it is no such URI.
std::optional<std::string> canonical_list_name(std::string_view name);

/// Canonical ones.
using ListNames = std::set<std::string, std::less<>>;

/// For the capability EXTLISTS of ManageSieve (RFC 6134 section 2.8): with a colon behind it, each is what names of
/// lists begin with. Separated by one space.
std::string list_types(const ListNames& names);

class ExternalList {
 public:
  ExternalList() = default;
  /// One member a line, without the white space round it; empty lines and those that begin with '#' are none.
  explicit ExternalList(std::string_view lines);

  /// The member that `value` is, without regard to case (RFC 5051) and to white space round it; null if there is none.
  const std::string* find(std::string_view value) const;
  /// In their order, each once.
  const std::vector<std::string>& members() const { return members_; }

 private:
  std::vector<std::string> members_;
  std::unordered_map<std::string, std::size_t> by_form_;
};
using ExternalListPtr = std::shared_ptr<const ExternalList>;

}  // namespace quartet::sieve
