// Addresses that a script has mail sent to: the sieve-address of RFC 5228 section 2.4.2.3. For this folder.
#pragma once
#include <string>
#include <string_view>

#include "common/mime/address.h"

namespace quartet::sieve {

/// Whether `address`, as it was found in `text`, stands there as such and is one that mail can go to. Header fields are
/// read with more patience: in these "a b@c.example" is better than nothing.
bool is_outbound(const mime::Address& address, std::string_view text);
/// One address and nothing else; its form without display name, or "".
std::string single_address(std::string_view text);
/// The same with its display name: for a From field.
std::string single_mailbox(std::string_view text);

}  // namespace quartet::sieve
