// Text that is compared with names of mailboxes and need not be one; canonical_name() of store.h makes the names.
#pragma once
#include <string>
#include <string_view>

namespace quartet::store {

/// In the form in which names are kept, NFC (RFC 5198 section 3). What cannot be put into it stays as it is.
std::string composed(std::string_view text);

}  // namespace quartet::store
