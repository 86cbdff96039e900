// What a directory keeps of a password: the fields of an account, to be put into its file.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "common/crypto/password.h"

namespace quartet::password {

struct Entry {
  std::string hash;                          // for logins with the password
  std::vector<std::string> scram_verifiers;  // one for each SCRAM mechanism
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// The error is for people. Blocks for some 100 ms.
std::expected<Entry, std::string> entry(std::string_view password,
                                        crypto::PasswordHash method = crypto::PasswordHash::kYescrypt);
/// As lines of protobuf text.
std::string to_string(const Entry& entry);

}  // namespace quartet::password
