#pragma once

namespace quartet::service {

/// Why a login failed.
enum class LoginFailure {
  kRefused,      // no such user, wrong password or token, disabled, or the authorization identity (RFC 4616 section 2)
                 // names somebody else
  kUnavailable,  // nobody could tell: an authorization server does not answer
};

}  // namespace quartet::service
