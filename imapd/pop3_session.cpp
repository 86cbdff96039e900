#include "imapd/pop3_session.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/task_group.h"
#include "common/async/wait.h"
#include "common/log/log.h"
#include "common/mime/downgrade.h"
#include "common/sasl/exchange.h"
#include "common/smtp/data_decoder.h"
#include "common/tls/stream.h"
#include "imapd/context.h"
#include "imapd/input.h"
#include "imapd/login.h"
#include "imapd/maildrops.h"
#include "imapd/message_pieces.h"
#include "imapd/output.h"
#include "imapd/pop3_maildrop.h"
#include "imapd/pop3_transfer.h"
#include "imapd/proto/pop3_command.h"

namespace quartet::imapd {
namespace {

using Verb = Pop3Command::Verb;

/// RFC 5034 section 4: room for a response of AUTH; other commands have 255 octets (RFC 2449 section 4).
constexpr std::size_t kLongestLine = 12 * 1024 + 512;
constexpr int kMostErrorsInARow = 10;
constexpr const char* kClosing = "[SYS/TEMP] The server is closing";
constexpr const char* kLost = "[IN-USE] Another host has the maildrop now";
constexpr const char* kOnTlsOnly = "Passwords are taken on TLS only";

class Pop3Session {
 public:
  Pop3Session(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services)
      : stream_(std::move(stream)),
        options_(options),
        services_(services),
        output_(options.transfer_timeout),
        input_(output_,
               {options.login_timeout, options.pop3_idle_timeout, options.transfer_timeout, options.transfer_rate}),
        applicant_{"pop3", stream_->peer(), false, options.guard},
        peer_(stream_->peer().to_string()) {
    attach();
  }
  Pop3Session(const Pop3Session&) = delete;
  Pop3Session& operator=(const Pop3Session&) = delete;

  async::Task<void> run() {
    if (options_.implicit_tls) {
      const bool secured = co_await start_tls();
      if (!secured) co_return;
    }
    ok(options_.hostname + " ready");
    while (!over_) co_await next();
    log::debug("imap.disconnected", {{"account", account_}, {"peer", peer_}});
    // Before the last words: who has heard them may come back at once.
    co_await leave();
    co_await output_.flush();
    co_await tls::say_end(stream_.get());
  }

 private:
  void attach() {
    output_.attach(*stream_);
    input_.attach(*stream_);
  }

  void ok(std::string_view text) {
    output_.line(fmt::format("+OK {}", text));
    errors_ = 0;
  }

  /// `text` may begin with a response code (RFC 2449 section 8).
  void error(std::string_view text) {
    output_.line(fmt::format("-ERR {}", text));
    if (++errors_ >= kMostErrorsInARow) over_ = true;
  }

  void end_with(std::string_view text) {
    error(text);
    over_ = true;
  }

  void store_failed(const store::StoreError& fault) {
    (void)failure(fault);  // logs it
    error("[SYS/TEMP] The mail store failed");
  }

  async::Task<void> next() {
    const auto* const draining = options_.draining;
    if (draining != nullptr && draining->load(std::memory_order_relaxed)) co_return end_with(kClosing);
    if (is_to_end()) co_return end_with("[SYS/TEMP] The operator ends this session");
    if (lost_.is_set()) co_return end_with(kLost);
    if (auto line = input_.reader().next_line(kLongestLine)) {
      if (!*line) co_return error(to_string(line->error()));
      const auto command = parse_pop3(**line);
      if (!command) co_return error(command.error());
      if (options_.record != nullptr) options_.record->command(to_string(command->verb));
      co_return co_await act(*command);
    }
    auto enough = endings(options_);
    if (maildrop_) enough.push_back(&lost_);
    const bool more = co_await input_.fill(std::move(enough));
    if (!more) on_input_end();
  }

  bool is_to_end() const { return options_.record != nullptr && options_.record->is_to_end(); }

  void on_input_end() {
    // RFC 1939 section 3: without a word to a client that was silent for too long, and nothing is deleted.
    over_ = true;
    if (input_.end() == Input::End::kStopped) output_.line(fmt::format("-ERR {}", lost_.is_set() ? kLost : kClosing));
  }

  async::Task<void> act(const Pop3Command& command) {
    switch (command.verb) {
      case Verb::kCapa:
        co_return capabilities();
      case Verb::kQuit:
        co_return co_await quit();
      case Verb::kUser:
      case Verb::kPass:
      case Verb::kAuth:
      case Verb::kStls:
      case Verb::kUtf8:
        if (maildrop_) co_return error("You are logged in");
        co_return co_await before_login(command);
      default:
        if (!maildrop_) co_return error("Log in first");
        co_return co_await on_maildrop(command);
    }
  }

  bool may_login() const { return applicant_.secure || options_.login_in_clear; }

  void capabilities() {
    ok("Capabilities");
    for (const auto* const each : {"TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER",
                                   "UTF8 USER", "IMPLEMENTATION quartet"})
      output_.line(each);
    if (!applicant_.secure && options_.tls != nullptr) output_.line("STLS");
    if (may_login()) {
      output_.line("USER");
      std::string sasl = "SASL";
      for (const auto& mechanism : offered_mechanisms(services_, applicant_.secure, certificate_))
        sasl += " " + mechanism;
      output_.line(sasl);
    }
    output_.line(".");
  }

  async::Task<void> before_login(const Pop3Command& command) {
    switch (command.verb) {
      case Verb::kUtf8:
        utf8_ = true;
        co_return ok("UTF-8 it is");
      case Verb::kStls:
        co_return co_await on_stls();
      case Verb::kUser:
        if (!may_login()) co_return error(kOnTlsOnly);
        user_ = command.text;
        co_return ok("And the password?");
      case Verb::kPass: {
        if (!may_login()) co_return error(kOnTlsOnly);
        if (user_.empty()) co_return error("USER comes first");
        sasl::Claim claim{"", std::exchange(user_, {}), sasl::Password{command.text}};
        co_return co_await check(std::move(claim));
      }
      default:
        co_return co_await on_auth(command);
    }
  }

  async::Task<void> on_auth(const Pop3Command& command) {
    if (!may_login()) co_return error(kOnTlsOnly);
    auto mechanism = offered_mechanism(services_, command.text, channel_, certificate_);
    if (mechanism == nullptr) co_return error("No such mechanism");
    sasl::Exchange exchange(std::move(mechanism));
    auto outcome = exchange.begin(command.initial);
    for (;;) {
      if (auto* const claim = std::get_if<sasl::Claim>(&outcome))
        co_return co_await check(std::move(*claim), &exchange);
      if (std::holds_alternative<sasl::Exchange::Cancelled>(outcome)) co_return error("Cancelled");
      if (const auto* const bad = std::get_if<sasl::Malformed>(&outcome)) co_return error(bad->reason);
      output_.line("+ " + std::get<sasl::Challenge>(outcome).text);
      const auto line = co_await input_.line();
      if (!line) co_return on_input_end();
      outcome = exchange.on_line(*line);
    }
  }

  /// `exchange`: that the claim came by; null for USER and PASS.
  async::Task<void> check(sasl::Claim claim, sasl::Exchange* exchange = nullptr) {
    auto account = co_await log_in(services_, applicant_, std::move(claim), failed_logins_);
    if (!account && account.error() == Refusal::kTooMany) co_return error("[SYS/TEMP] Too many sessions");
    if (!account && account.error() == Refusal::kUnknown)
      co_return error("[SYS/TEMP] Nobody can tell now who you are, come later");
    if (!account && account.error() == Refusal::kLater)
      co_return end_with("[SYS/TEMP] Too many failed logins, come later");
    if (!account) {
      if (const auto last = exchange != nullptr ? exchange->refused() : std::nullopt) {
        output_.line("+ " + last->text);
        const auto line = co_await input_.line();
        if (!line) co_return on_input_end();
      }
      error("[AUTH] Wrong user or password");
      if (failed_logins_ >= kMostFailedLogins) over_ = true;
      co_return;
    }
    account_ = *std::move(account);
    if (const auto last = exchange != nullptr ? exchange->accepted() : std::nullopt) {
      output_.line("+ " + last->text);
      const auto line = co_await input_.line();
      if (!line || !line->empty()) {
        co_await leave();
        co_return line ? error("Cancelled") : on_input_end();
      }
    }
    const bool opened = co_await open_maildrop();
    if (!opened) co_return co_await leave();
    input_.logged_in();
    if (options_.on_logged_in) options_.on_logged_in();
    if (options_.record != nullptr) options_.record->logged_in(account_);
    ok(fmt::format("{} messages", maildrop_->count()));
  }

  /// False, and the client has heard why, if it cannot be had.
  async::Task<bool> open_maildrop() {
    if (services_.maildrops != nullptr) {
      const auto entered = co_await services_.maildrops->enter(account_);
      if (!entered) store_failed(entered.error());
      if (entered && !*entered) error("[IN-USE] Another POP3 session has the maildrop");
      alone_ = entered && *entered;
      if (!alone_) co_return false;
      keeper_.emplace().spawn(keep_maildrop());
    }
    auto opened = co_await Maildrop::open(services_.store, account_);
    if (opened)
      maildrop_.emplace(*std::move(opened));
    else
      store_failed(opened.error());
    co_return maildrop_.has_value();
  }

  async::Task<void> keep_maildrop() {
    for (auto renewed = std::chrono::steady_clock::now(); !lost_.is_set();) {
      const auto slept = co_await async::sleep_for(services_.maildrops->renewal());
      if (slept == async::Wait::kCancelled) co_return;
      const auto asked = std::chrono::steady_clock::now();
      const auto held = co_await services_.maildrops->renew(account_);
      if (held && *held)
        renewed = asked;
      else if (held || asked - renewed >= services_.maildrops->lease())
        lost_.set();  // once the lease has ended another host may have it, or have had it, whatever is said later
    }
  }

  /// Gives back what logging in has taken.
  async::Task<void> leave() {
    if (account_.empty()) co_return;
    if (std::exchange(alone_, false)) {
      co_await keeper_->close();
      co_await services_.maildrops->leave(account_);
    }
    if (services_.on_logout) services_.on_logout(account_);
    account_.clear();
  }

  async::Task<void> on_stls() {
    if (applicant_.secure || options_.tls == nullptr) co_return error("TLS is on already, or not offered");
    // What came along with the command was sent in clear text and must not count as if it were protected (RFC 2595
    // section 4).
    if (!input_.reader().unconsumed().empty()) co_return end_with("Nothing may follow STLS");
    ok("Begin TLS now");
    co_await output_.flush();
    if (output_.failed()) {
      over_ = true;
      co_return;
    }
    user_.clear();
    utf8_ = false;
    const bool secured = co_await start_tls();
    if (!secured) over_ = true;
  }

  async::Task<bool> start_tls() {
    auto secured = co_await tls::accept(std::move(stream_), options_.tls, async::Deadline::after(options_.tls_timeout));
    if (!secured) {
      log::info("imap.tls_failed", {{"peer", peer_}, {"reason", net::to_string(secured.error())}});
      co_return false;
    }
    stream_ = *std::move(secured);
    applicant_.secure = true;
    channel_ = [this](std::string_view type) { return stream_->channel_binding(type); };
    certificate_ = tls::peer_names(*stream_);
    if (options_.record != nullptr && stream_->tls() != nullptr) options_.record->secured(*stream_->tls());
    input_.begin_login();
    attach();
    co_return true;
  }

  async::Task<void> on_maildrop(const Pop3Command& command) {
    const auto number = command.message.value_or(0);
    if (command.message && !maildrop_->has(number)) co_return error("No such message");
    switch (command.verb) {
      case Verb::kStat:
        co_return ok(fmt::format("{} {}", maildrop_->left(), maildrop_->octets()));
      case Verb::kList:
      case Verb::kUidl:
        co_return co_await scan(command);
      case Verb::kRetr:
      case Verb::kTop:
        co_await send(command);
        // What came along, DELE and QUIT, is about a message that the client has not got.
        if (output_.failed()) over_ = true;
        co_return;
      case Verb::kDele:
        maildrop_->remove(number);
        co_return ok("Deleted at QUIT");
      case Verb::kRset:
        maildrop_->reset();
        co_return ok("Nothing is deleted");
      default:
        co_return ok("");
    }
  }

  std::string scan_line(Verb verb, std::uint32_t number) const {
    if (verb == Verb::kUidl) return fmt::format("{} {}", number, maildrop_->unique_id(number));
    return fmt::format("{} {}", number, maildrop_->size(number));
  }

  async::Task<void> scan(const Pop3Command& command) {
    if (command.message) co_return ok(scan_line(command.verb, *command.message));
    ok("All of them");
    for (std::uint32_t number = 1; number <= maildrop_->count(); ++number) {
      if (!maildrop_->has(number)) continue;
      output_.line(scan_line(command.verb, number));
      co_await output_.drain();
    }
    output_.line(".");
  }

  async::Task<void> send(const Pop3Command& command) {
    const bool whole = command.verb == Verb::kRetr;
    if (maildrop_->size(*command.message) > kPiece) {
      const bool sent = co_await send_large(command);
      if (sent) co_return;
    }
    const auto bytes = co_await maildrop_->read(*command.message, whole);
    if (!bytes) co_return not_read(bytes.error());
    ok("Here it is");
    // RFC 6856 section 2: as it is to those alone who have said that they can read it.
    const auto ascii = utf8_ ? std::nullopt : mime::downgrade(**bytes);
    const std::string_view message = ascii ? *ascii : **bytes;
    const auto text = whole ? message : top_of(message, command.lines);
    if (smtp::needs_stuffing(text)) {
      const auto stuffed = smtp::encode_data(text);
      co_return co_await output_.send(stuffed);
    }
    co_await output_.send(text);
    output_.line(".");
  }

  void not_read(const store::StoreError& fault) {
    if (fault.code == store::ErrorCode::kNoMessage) return error("The message is gone");
    store_failed(fault);
  }

  /// A message that is read as the client takes it. False: nobody knows where its headers are.
  async::Task<bool> send_large(const Pop3Command& command) {
    const auto number = *command.message;
    const bool whole = command.verb == Verb::kRetr;
    std::vector<mime::ByteRange> headers;
    // RFC 6856 section 2, as below.
    if (!utf8_) {
      const auto structure = co_await maildrop_->structure(number);
      if (structure && !*structure) co_return false;
      if (!structure) {
        not_read(structure.error());
        co_return true;
      }
      headers = mime::headers_to_downgrade(**structure);
    }
    const auto opened = co_await maildrop_->open(number, whole);
    if (!opened) {
      not_read(opened.error());
      co_return true;
    }
    ok("Here it is");
    const auto sent =
        co_await transfer(output_, *opened, std::move(headers), whole ? std::nullopt : std::optional(command.lines));
    if (!sent) cut_short(output_, account_, peer_, sent.error());
    co_return true;
  }

  async::Task<void> quit() {
    over_ = true;
    if (!maildrop_) co_return ok("Bye");
    const auto updated = co_await maildrop_->update();
    if (updated) co_return ok("Bye");
    (void)failure(updated.error());
    error("[SYS/TEMP] Some messages could not be deleted");
  }

  std::unique_ptr<net::Stream> stream_;
  const SessionOptions& options_;
  Services& services_;
  Output output_;
  Input input_;
  Applicant applicant_;
  const std::string peer_;  // for the log
  sasl::ChannelBinding channel_;
  std::vector<std::string> certificate_;  // whom it names that the client has shown
  bool utf8_ = false;                     // the client has sent UTF8
  std::string user_;                      // of USER
  std::string account_;                   // empty until authenticated
  std::optional<Maildrop> maildrop_;
  bool alone_ = false;                      // has its place in Services::maildrops
  std::optional<async::TaskGroup> keeper_;  // renews it
  async::Event lost_;                       // another host has the maildrop
  int failed_logins_ = 0;
  int errors_ = 0;  // in a row
  bool over_ = false;
};

}  // namespace

async::Task<void> serve_pop3(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services) {
  Pop3Session session(std::move(stream), options, services);
  co_await session.run();
}

}  // namespace quartet::imapd
