// The lines of an authentication exchange, as SMTP (RFC 4954), IMAP (RFC 3501) and POP3 (RFC 5034) have them: base64,
// and "*" to cancel. Sans-IO.
#pragma once
#include <memory>
#include <optional>
#include <string_view>

#include "common/sasl/server.h"

namespace quartet::sasl {

class Exchange {
 public:
  /// The client gave up.
  struct Cancelled {};
  /// Challenge: its text is encoded, to be sent as it is. After any other outcome the exchange is over.
  using Outcome = std::variant<Challenge, Claim, Malformed, Cancelled>;

  explicit Exchange(std::unique_ptr<Server> server) : server_(std::move(server)) {}

  /// What came along with the command: nothing, an empty initial response ("=" or no character), or one in base64.
  Outcome begin(std::optional<std::string_view> initial);
  /// The client's next line, without its end.
  Outcome on_line(std::string_view line);
  /// After a claim that was believed: what the client is still to be told, encoded; it must answer by an empty line,
  /// else it has cancelled. nullopt: nothing.
  std::optional<Challenge> accepted();
  /// After a claim that was not believed: what the client is still to be told, encoded; whatever its next line is, the
  /// exchange has failed then. nullopt: nothing.
  std::optional<Challenge> refused();

 private:
  Outcome step(std::optional<std::string_view> response);
  std::unique_ptr<Server> server_;
};

}  // namespace quartet::sasl
