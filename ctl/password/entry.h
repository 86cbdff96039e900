// What a directory keeps of a password: the fields of an account, to be put into its file.
#pragma once
#include <expected>
#include <string>
#include <string_view>

#include "common/crypto/password.h"

namespace quartet::password {

/// A hash for logins with the password and a verifier for each SCRAM mechanism, as lines of protobuf text. The error is
/// for people. Blocks for some 100 ms.
std::expected<std::string, std::string> entry(std::string_view password,
                                              crypto::PasswordHash method = crypto::PasswordHash::kYescrypt);

}  // namespace quartet::password
