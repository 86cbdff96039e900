// The SMTP and LMTP server's state machine: what may come when, and what to say (RFC 5321 section 4.1.4, RFC 2033). It
// decides and never waits: where the agent has a say, it names an action, and the session comes back with the answer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/smtp/client_attributes.h"
#include "common/smtp/command_parser.h"
#include "common/smtp/path.h"
#include "common/smtp/reply.h"

namespace quartet::smtp {

struct ServerLimits {
  std::uint64_t message_size = 50u << 20;
  unsigned recipients = 1000;       // a transaction; announced as RCPTMAX (RFC 9422)
  unsigned transactions = 1000;     // a session; announced as MAILMAX
  unsigned errors_until_slow = 10;  // past it every error costs the client a second
  unsigned errors_until_close = 20;
};

/// RFC 4865 section 3; a client hears of both limits.
struct FutureRelease {
  std::uint32_t most_seconds = 0;
  WallTime latest{};
};

/// RFC 2852 section 3.
struct OfferDeliverBy {
  std::uint32_t least_seconds = 0;  // min-by-time; 0: none is told
};

struct ServerFeatures {
  std::string hostname;
  bool lmtp = false;
  bool etrn = false;
  bool odmr = false;           // RFC 2645: takes no mail, but gives it to who authenticates and says ATRN
  bool dsn = true;             // RFC 3461: who offers it has the duty to notify
  bool starttls = false;       // a context is there
  bool auth_in_clear = false;  // AUTH without TLS
  bool auth_required = false;  // no MAIL before AUTH (530)
  bool tls_required = false;   // no MAIL before TLS (530)
  bool trace = false;          // the peer is one of our own hops
  bool require_tls = false;    // RFC 8689; offered only within TLS, or within this host
  bool priority = false;       // RFC 6710
  bool xclient = false;        // the peer may say whose connection it passes on, and is then treated as that client
  bool xforward = false;       // the same for the log alone
  std::optional<FutureRelease> future_release{};
  std::optional<OfferDeliverBy> deliver_by{};
  std::vector<std::string> mechanisms;
  std::vector<std::string> clear_mechanisms;  // of these, those that may be used without TLS
  ServerLimits limits;
};

/// An accepted MAIL and its accepted RCPTs.
struct Transaction {
  MailParameters mail;
  std::vector<RcptParameters> recipients;
};

class ServerMachine {
 public:
  explicit ServerMachine(ServerFeatures features) : features_(std::move(features)) {}

  struct Say {
    Reply reply;
    bool close = false;
  };
  struct Hello {
    std::string domain;
    Reply reply;  // if the agent agrees
  };
  struct Mail {
    MailParameters parameters;
  };
  struct Rcpt {
    RcptParameters parameters;
  };
  struct Data {};  // say 354 and read
  struct Bdat {
    std::uint64_t size;
    bool last;
    std::optional<Reply> refusal;  // read the chunk all the same, then say this
  };
  struct StartTls {
    Reply reply;
  };
  struct Auth {
    std::string mechanism;
    std::optional<std::string> initial;  // still base64
  };
  struct Etrn {
    std::string argument;
  };
  struct Atrn {
    std::vector<std::string> domains;  // none: all that the client has
  };
  struct Attributes {
    AttributeCommand command;
    ClientAttributes attributes;
  };
  using Action = std::variant<Say, Hello, Mail, Rcpt, Data, Bdat, StartTls, Auth, Etrn, Atrn, Attributes>;

  Reply greeting() const;
  Action on_command(const Command& command);
  Action on_line_error(LineError error);

  // Answers of the agent; each counts errors and moves the state. A positive reply means yes.
  void hello_answered(const Hello& hello, const Reply& reply);
  void mail_answered(MailParameters parameters, const Reply& reply);
  void rcpt_answered(RcptParameters parameters, const Reply& reply);
  void auth_answered(const Reply& reply);
  void queue_start_answered(const Reply& reply);  // to ETRN or ATRN
  /// The transaction is over, whatever its replies.
  void message_ended();
  /// Forgets everything said in clear text (RFC 3207 section 4.2).
  void tls_started();

  const Transaction& transaction() const { return transaction_; }
  const std::string& hello_domain() const { return hello_domain_; }
  bool esmtp() const { return esmtp_; }
  bool secure() const { return secure_; }
  bool authenticated() const { return authenticated_; }
  bool in_transaction() const { return in_mail_; }
  bool bdat_started() const { return bdat_started_; }
  bool slow() const { return errors_ > features_.limits.errors_until_slow; }
  bool too_many_errors() const { return errors_ >= features_.limits.errors_until_close; }
  const ServerFeatures& features() const { return features_; }

  /// The session begins anew, except for TLS, with another client (XCLIENT) who has logged in or not.
  void client_changed(bool authenticated);
  /// What is offered from now on, for instance to another client.
  void set_features(ServerFeatures features) { features_ = std::move(features); }

  /// For a session that is secure from its first byte (implicit TLS).
  void set_secure() { secure_ = true; }
  /// For a client whose certificate can log it in (EXTERNAL), until it is another.
  void set_certified() { certified_ = true; }
  /// For a session that does not leave this host (within_host.h).
  void set_within_host() { within_host_ = true; }

 private:
  Action refuse(int code, std::string enhanced, std::string text);
  Action on_hello(const Command& command);
  Action on_mail(const Command& command);
  Action on_rcpt(const Command& command);
  Action on_data(const Command& command);
  Action on_bdat(const Command& command);
  Action on_starttls(const Command& command);
  Action on_auth(const Command& command);
  Action on_etrn(const Command& command);
  Action on_atrn(const Command& command);
  Action on_attributes(AttributeCommand command, const std::string& argument);
  std::vector<std::string> capabilities() const;
  void add_security(std::vector<std::string>& lines) const;
  void add_extensions(std::vector<std::string>& lines) const;
  Offered offered() const;
  bool require_tls_offered() const { return features_.require_tls && (secure_ || within_host_); }
  /// Of AUTH, as things are.
  std::vector<std::string> mechanisms() const;
  /// RFC 2033 section 4.2 wants 503 where RFC 5321 section 4.1.1.4 gives 554.
  int no_recipients() const { return features_.lmtp ? 503 : 554; }
  void count(const Reply& reply);
  void reset();

  ServerFeatures features_;
  std::string hello_domain_;
  bool esmtp_ = false;
  bool secure_ = false;
  bool certified_ = false;
  bool within_host_ = false;
  bool authenticated_ = false;
  bool in_mail_ = false;
  bool bdat_started_ = false;
  Transaction transaction_;
  unsigned transactions_ = 0;
  unsigned errors_ = 0;
};

}  // namespace quartet::smtp
