// SCRAM from the server's side (RFC 5802 sections 3, 5 and 6).
#pragma once
#include <string>

#include "common/sasl/server.h"

namespace quartet::sasl {

class ScramServer final : public Server {
 public:
  /// `plus`: the client must bind to `channel`. Otherwise a client that would have done so, but was not told of that
  /// form although there is a channel, has been deceived by somebody between us.
  ScramServer(crypto::Digest digest, bool plus, Verifiers verifiers, ChannelBinding channel)
      : digest_(digest), plus_(plus), verifiers_(std::move(verifiers)), channel_(std::move(channel)) {}

  Step step(std::optional<std::string_view> response) override;
  std::optional<Challenge> accepted() override { return Challenge{server_final_}; }

 private:
  enum class State { kFirst, kFinal };
  Step on_first(std::string_view message);
  Step on_final(std::string_view message);
  /// The flag at the front of the GS2 header; false if it does not fit.
  bool take_binding(std::string_view flag);
  Claim claim(Verdict verdict) { return {authorization_, authentication_, verdict}; }

  const crypto::Digest digest_;
  const bool plus_;
  const Verifiers verifiers_;
  const ChannelBinding channel_;
  State state_ = State::kFirst;
  std::string authorization_;
  std::string authentication_;
  std::string gs2_header_;
  std::string bound_;         // octets of the channel
  std::string nonce_;         // both sides'
  std::string auth_message_;  // as far as it is known
  std::string server_final_;  // after a proof: ours
  ScramVerifier verifier_;
};

}  // namespace quartet::sasl
