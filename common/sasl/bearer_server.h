// OAUTHBEARER (RFC 7628) and XOAUTH2, which Google had before it, from the server's side: the client shows a token.
#pragma once
#include <string>

#include "common/sasl/server.h"

namespace quartet::sasl {

class BearerServer final : public Server {
 public:
  enum class Form { kOauthBearer, kXoauth2 };
  /// `refusal`: see Means.
  BearerServer(Form form, std::string refusal) : form_(form), refusal_(std::move(refusal)) {}

  Step step(std::optional<std::string_view> response) override;
  std::optional<Challenge> refused() override;

 private:
  const Form form_;
  const std::string refusal_;
};

}  // namespace quartet::sasl
