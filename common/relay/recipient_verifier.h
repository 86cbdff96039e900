// Asks the next hop of a recipient, while its sender still waits for the answer to RCPT, whether it would take mail for
// it: MAIL FROM:<> and RCPT TO over a connection as delivery makes it, and no message. So a relay without a list of
// users (a backup MX, a gateway) accepts nothing only to bounce it.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "common/async/loop.h"
#include "common/async/task.h"
#include "common/relay/relay.h"
#include "common/relay/route.h"
#include "common/relay/verdict_cache.h"

namespace quartet::relay {

struct VerifyOptions {
  std::chrono::seconds accepted_for = std::chrono::hours(24);
  std::chrono::seconds refused_for = std::chrono::hours(2);
  std::chrono::seconds unknown_for = std::chrono::minutes(1);  // nor is a next hop that failed asked again before
  std::size_t entries = 100'000;                               // remembered
  std::size_t probes = 20;                                     // at the same time
  std::size_t probes_per_hop = 5;                              // of these, to one next hop
  std::size_t waiting = 1'000;                                 // for a probe; more are told at once that nobody knows
  std::chrono::seconds timeout{30};       // of whoever asks: a probe that takes longer goes on for who asks later
  std::chrono::seconds step_timeout{30};  // of a probe: each of connecting, greeting and one command

  friend bool operator==(const VerifyOptions&, const VerifyOptions&) = default;
};

class RecipientVerifier {
 public:
  /// Probes run on `loop`. `relay` has what connections need. The loop outlives the object.
  RecipientVerifier(async::Loop& loop, Options relay, VerifyOptions options);
  ~RecipientVerifier();
  RecipientVerifier(const RecipientVerifier&) = delete;
  RecipientVerifier& operator=(const RecipientVerifier&) = delete;

  /// Both from now on; what is remembered is forgotten. Any thread.
  void set_options(Options relay, VerifyOptions options);

  /// `recipient` is a mailbox local@domain, `sender` the reverse-path of the mail. At once where it is remembered, or
  /// where the tables alone decide: what they hold or discard is taken, and so is mail that a site fetches itself
  /// (ATRN); what they bounce is refused. Callers that ask the same share one probe. Any loop.
  async::Task<Verdict> ask(std::shared_ptr<const Router> router, std::string recipient, std::string sender = {});

  /// Ends all probes; to whoever asks from now on the answer is that nobody knows. To be awaited, on any loop, before
  /// the object ends.
  async::Task<void> close();

 private:
  class Impl;
  async::Loop& loop_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace quartet::relay
