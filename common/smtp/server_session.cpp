#include "common/smtp/server_session.h"

#include <algorithm>

#include "common/async/wait.h"
#include "common/log/log.h"
#include "common/net/pace.h"
#include "common/net/wire.h"
#include "common/sasl/exchange.h"
#include "common/smtp/data_decoder.h"
#include "common/smtp/wire.h"
#include "common/smtp/within_host.h"
#include "common/tls/stream.h"

namespace quartet::smtp {
namespace {

/// Pieces in which a message goes to its sink.
constexpr std::size_t kPiece = 256 * 1024;
/// For a reply after which the session ends anyway.
constexpr std::chrono::seconds kLastWords{5};
/// An idle session looks this often whether the server is draining.
constexpr std::chrono::seconds kDrainCheck{1};

/// Room for a message of the size that the client tells, as far as its word is worth memory.
std::size_t first_reserve(std::uint64_t told) { return std::min<std::uint64_t>(told, 64 * 1024); }

struct Ended {
  SessionEnd why;
};

class Session {
 public:
  Session(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler)
      : stream_(std::move(stream)),
        options_(options),
        handler_(handler),
        record_(options.record),
        machine_(features(options)),
        wire_(Wire::Role::kServer, options.features.lmtp),
        pace_(options.data_grace, options.data_rate) {
    peer_.address = stream_->peer();
    peer_.local = stream_->local();
    peer_.tls = stream_->tls();  // of a connection that was turned around
    if (peer_.tls != nullptr) machine_.set_secure();
    if (within_host(*stream_, options.features.lmtp)) machine_.set_within_host();
  }

  async::Task<SessionEnd> run() {
    if (options_.implicit_tls) {
      const bool secured = co_await start_tls();
      if (!secured) co_return SessionEnd::kTlsFailed;
      machine_.set_secure();
      certify();
    }
    const auto welcome = co_await handler_.on_open(peer_);
    if (!welcome.positive()) {
      co_await close_with(welcome, SessionEnd::kRefused);
      co_return SessionEnd::kRefused;
    }
    say(machine_.greeting());
    while (!end_) {
      const auto command = co_await next_command();
      if (!command) break;
      if (record_ != nullptr) record_->command(to_string(command->verb));
      if (net::wire_is_watched()) show(*command);
      const bool in_transaction = machine_.in_transaction();
      auto action = machine_.on_command(*command);
      if (const auto* said = std::get_if<ServerMachine::Say>(&action)) log_refusal(*command, said->reply);
      co_await act(std::move(action));
      if (in_transaction && !machine_.in_transaction()) handler_.on_transaction_ended();
    }
    co_return end_->why;
  }

 private:
  static ServerFeatures features(const ServerOptions& options) {
    auto features = options.features;
    features.starttls = options.tls != nullptr && !options.implicit_tls;
    return features;
  }

  void say(const Reply& reply) {
    output_ += format(reply);
    wire_.reply(*stream_, {}, reply);
  }
  void show(const Command& command) {
    // What is not known may be a login in a form that is none, such as "AUTH=PLAIN ...", or a command of IMAP.
    if (command.verb == Verb::kUnknown) return wire_.commands(*stream_, {}, "(unknown)");
    const std::string verb = to_string(command.verb);
    wire_.commands(*stream_, {}, command.argument.empty() ? verb : verb + " " + command.argument);
  }

  /// The agents say why they refuse; what is refused before they are asked is said here.
  void log_refused(const std::string& command, const std::string& from, const Reply& reply) const {
    log::info("smtp.refused", {{"peer", peer_.address.to_string()},
                               {"helo", peer_.hello},
                               {"login", peer_.login},
                               {"from", from},
                               {"command", command},
                               {"size", received_},
                               {"code", reply.code},
                               {"status", reply.enhanced},
                               {"reply", reply.text()}});
  }
  void log_refusal(const Command& command, const Reply& reply) const {
    const bool of_mail = command.verb == Verb::kMail || command.verb == Verb::kRcpt;
    // 503: it comes after the refusal that counts.
    if (!of_mail || reply.code < 400 || reply.code == 503) return;
    log_refused(std::string(to_string(command.verb)) + " " + command.argument, machine_.transaction().mail.reverse_path,
                reply);
  }
  void refuse_message(Reply reply) {
    if (refusal_) return;
    refusal_ = std::move(reply);
    log_refused("DATA", machine_.transaction().mail.reverse_path, *refusal_);
  }

  void end(SessionEnd why) {
    if (!end_) end_ = Ended{why};
  }

  async::Task<bool> flush() {
    if (output_.empty()) co_return true;
    const std::string output = std::exchange(output_, {});
    const auto sent =
        co_await stream_->write(output, async::Deadline::after(closing_ ? kLastWords : options_.command_timeout));
    if (!sent) end(SessionEnd::kPeerLost);
    co_return sent.has_value();
  }

  /// The session's last reply.
  async::Task<void> close_with(Reply reply, SessionEnd why) {
    say(reply);
    closing_ = true;
    co_await flush();  // if the group is stopping: what the kernel takes at once, for waits are over
    co_await tls::say_end(stream_.get());
    end(why);
  }

  /// Octets of the peer, valid until the next use of the stream; nullopt when the session is over. What was said is
  /// sent first, so that the replies to a pipelined batch leave together.
  async::Task<std::optional<std::string_view>> receive(async::Deadline deadline) {
    const bool sent = co_await flush();
    if (!sent) co_return std::nullopt;
    for (;;) {
      const bool watch = options_.draining != nullptr && !machine_.in_transaction();
      const bool look = watch || record_ != nullptr;
      const auto slice = look ? earlier(deadline, async::Deadline::after(kDrainCheck)) : deadline;
      const auto bytes = co_await stream_->read_some(slice);
      if (bytes) co_return *bytes;
      const bool over = deadline.passed() || (watch && draining()) || is_to_end();
      if (bytes.error().code == net::IoCode::kTimedOut && look && !over) continue;
      co_await read_failed(bytes.error().code);
      co_return std::nullopt;
    }
  }

  /// The next octets of a message, within the time that its rate leaves (ServerOptions::data_rate).
  async::Task<std::optional<std::string_view>> receive_message() {
    const auto bytes = co_await receive(pace_.begin(options_.data_timeout));
    if (bytes) pace_.end(bytes->size());
    co_return bytes;
  }

  async::Task<void> read_failed(net::IoCode code) {
    if (code == net::IoCode::kTimedOut && is_to_end()) co_return co_await close_with(kicked(), SessionEnd::kStopped);
    if (code == net::IoCode::kCancelled || (code == net::IoCode::kTimedOut && draining() && !machine_.in_transaction()))
      co_return co_await close_with(stopped(), SessionEnd::kStopped);
    if (code == net::IoCode::kTimedOut && pace_.is_short())
      co_return co_await close_with(Reply(421, "4.4.2", "the message comes too slowly"), SessionEnd::kTimedOut);
    if (code == net::IoCode::kTimedOut)
      co_return co_await close_with(Reply(421, "4.4.2", "too long without a command"), SessionEnd::kTimedOut);
    end(SessionEnd::kPeerLost);
  }

  /// More input into the parser; false when the session is over. `by`: when the whole line must be there, from when we
  /// began to wait for it: one that comes octet by octet is not waited for longer than one that does not come.
  async::Task<bool> fill(std::optional<async::Deadline>& by) {
    const bool sent = co_await flush();
    if (!sent) co_return false;
    if (!by) by = async::Deadline::after(options_.command_timeout);
    const auto bytes = co_await receive(*by);
    if (bytes) parser_.feed(*bytes);
    co_return bytes.has_value();
  }

  bool draining() const { return options_.draining != nullptr && options_.draining->load(std::memory_order_relaxed); }
  bool is_to_end() const { return record_ != nullptr && record_->is_to_end(); }
  static Reply kicked() { return {421, "4.3.2", "the operator ends this session"}; }
  static Reply stopped() { return {421, "4.3.2", "the server is closing"}; }

  /// The agent's reply, in the pace that errors deserve; too many of them end the session.
  async::Task<void> answer(Reply reply) {
    const bool error = !reply.positive();
    if (error && machine_.slow()) co_await async::sleep_for(std::chrono::seconds(1));
    // An agent that says 421 closes the channel (RFC 5321 section 3.8).
    if (reply.code == 421) co_return co_await close_with(std::move(reply), SessionEnd::kRefused);
    say(reply);
    if (error && machine_.too_many_errors())
      co_await close_with(Reply(421, "4.7.0", "too many errors"), SessionEnd::kRefused);
  }

  async::Task<std::optional<Command>> next_command() {
    std::optional<async::Deadline> by;
    for (;;) {
      if (draining() && !machine_.in_transaction()) {
        co_await close_with(stopped(), SessionEnd::kStopped);
        co_return std::nullopt;
      }
      if (is_to_end()) {
        co_await close_with(kicked(), SessionEnd::kStopped);
        co_return std::nullopt;
      }
      if (auto event = parser_.next()) {
        if (*event) co_return **std::move(event);
        co_await act(machine_.on_line_error(event->error()));
        if (end_) co_return std::nullopt;
        continue;
      }
      const bool filled = co_await fill(by);
      if (!filled) co_return std::nullopt;
    }
  }

  async::Task<void> act(ServerMachine::Action action) {
    if (auto* said = std::get_if<ServerMachine::Say>(&action)) co_return co_await on_say(std::move(*said));
    if (auto* hello = std::get_if<ServerMachine::Hello>(&action)) co_return on_hello(*hello);
    if (auto* mail = std::get_if<ServerMachine::Mail>(&action)) co_return co_await on_mail(std::move(mail->parameters));
    if (auto* rcpt = std::get_if<ServerMachine::Rcpt>(&action)) co_return co_await on_rcpt(std::move(rcpt->parameters));
    if (std::holds_alternative<ServerMachine::Data>(action)) co_return co_await on_data();
    if (auto* chunk = std::get_if<ServerMachine::Bdat>(&action)) co_return co_await on_bdat(std::move(*chunk));
    if (auto* tls = std::get_if<ServerMachine::StartTls>(&action))
      co_return co_await on_starttls(std::move(tls->reply));
    if (auto* said = std::get_if<ServerMachine::Attributes>(&action)) {
      if (said->command == AttributeCommand::kXclient) co_return co_await on_xclient(std::move(said->attributes));
      if (!peer_.origin) peer_.origin.emplace();
      merge(*peer_.origin, std::move(said->attributes));
      co_return say(Reply(250, "2.0.0", "noted"));
    }
    if (auto* auth = std::get_if<ServerMachine::Auth>(&action)) co_return co_await on_auth(std::move(*auth));
    if (auto* etrn = std::get_if<ServerMachine::Etrn>(&action)) {
      auto reply = co_await handler_.on_etrn(peer_, etrn->argument);
      machine_.queue_start_answered(reply);
      co_return co_await answer(std::move(reply));
    }
    if (auto* atrn = std::get_if<ServerMachine::Atrn>(&action)) co_return co_await on_atrn(std::move(atrn->domains));
  }

  async::Task<void> on_atrn(std::vector<std::string> domains) {
    // What came along with the command would be taken for the words of a server: whoever sent it meant to deceive.
    if (!parser_.unconsumed().empty())
      co_return co_await close_with(Reply(503, "5.5.1", "nothing may follow ATRN"), SessionEnd::kPlaintextInjected);
    auto reply = co_await handler_.on_atrn(peer_, domains);
    machine_.queue_start_answered(reply);
    if (!reply.positive()) co_return co_await answer(std::move(reply));
    say(reply);
    const bool sent = co_await flush();
    if (!sent) co_return;
    end(SessionEnd::kTurned);
    co_await handler_.on_turned(peer_, std::move(stream_));
  }

  /// The greeting comes again: for the client it is a new connection.
  async::Task<void> on_xclient(ClientAttributes said) {
    const auto keep = [](net::Address& address, const std::optional<std::optional<net::Address>>& other,
                         const std::optional<std::uint16_t>& port) {
      if (other) address = other->value_or(net::Address()).with_port(address.port());
      if (port) address = address.with_port(*port);
    };
    keep(peer_.address, said.address, said.port);
    keep(peer_.local, said.local, said.local_port);
    if (said.login) peer_.login = *said.login;
    if (record_ != nullptr) record_->passed_on(peer_.address, peer_.login);
    peer_.hello.clear();
    peer_.esmtp = false;
    peer_.origin.reset();
    sink_.reset();
    said_hello_ = said.hello.value_or("");
    certificate_.clear();  // was that of the host in between
    machine_.client_changed(!peer_.login.empty());
    auto features = handler_.features_for(peer_, machine_.features());
    // Some proxies pass on from here whatever the client says, who must not become somebody else.
    if (said.address || said.login) features.xclient = features.xforward = false;
    machine_.set_features(std::move(features));
    const auto welcome = co_await handler_.on_open(peer_);
    if (!welcome.positive()) co_return co_await close_with(welcome, SessionEnd::kRefused);
    say(machine_.greeting());
  }

  async::Task<void> on_say(ServerMachine::Say said) {
    if (machine_.slow() && !said.reply.positive()) co_await async::sleep_for(std::chrono::seconds(1));
    if (!machine_.in_transaction()) sink_.reset();  // RSET
    const auto why = said.reply.code == 221 ? SessionEnd::kQuit : SessionEnd::kRefused;
    if (said.close) co_return co_await close_with(std::move(said.reply), why);
    say(said.reply);
  }

  void on_hello(const ServerMachine::Hello& hello) {
    machine_.hello_answered(hello, hello.reply);
    sink_.reset();
    peer_.hello = said_hello_.empty() ? hello.domain : said_hello_;
    peer_.esmtp = machine_.esmtp();
    if (record_ != nullptr) record_->hello(peer_.hello);
    say(hello.reply);
  }

  async::Task<void> on_mail(MailParameters parameters) {
    auto reply = co_await handler_.on_mail(peer_, parameters);
    machine_.mail_answered(std::move(parameters), reply);
    sink_.reset();
    received_ = 0;
    pace_.restart();
    refusal_.reset();
    line_ends_ = {};
    co_await answer(std::move(reply));
  }

  async::Task<void> on_rcpt(RcptParameters parameters) {
    auto reply = co_await handler_.on_rcpt(peer_, machine_.transaction(), parameters);
    machine_.rcpt_answered(std::move(parameters), reply);
    co_await answer(std::move(reply));
  }

  /// A sink for the message that begins; the refusal is kept for after its end if the agent has none.
  async::Task<void> open_sink() {
    auto opened = co_await handler_.on_message(peer_, machine_.transaction());
    if (opened)
      sink_ = *std::move(opened);
    else
      refusal_ = opened.error();
  }

  /// Octets of the message on their way to the sink, within the size limit.
  async::Task<void> take(std::string bytes) {
    received_ += bytes.size();
    if (received_ > machine_.features().limits.message_size) refuse_message({552, "5.3.4", "message too large"});
    if (refusal_ || bytes.empty()) co_return;
    auto written = co_await sink_->write(std::move(bytes));
    if (!written) refusal_ = std::move(written.error());
  }

  async::Task<void> on_data() {
    co_await open_sink();
    if (refusal_) {
      // 354 was not said: the client does not send the message.
      say(*refusal_);
      finish_transaction();
      co_return;
    }
    say(Reply(354, "", "send the message, end with <CRLF>.<CRLF>"));
    DataDecoder decoder;
    std::string piece;
    piece.reserve(first_reserve(machine_.transaction().mail.size.value_or(0)));
    while (!decoder.done()) {
      if (parser_.unconsumed().empty()) {
        // Straight from the stream: a message is not copied through the parser.
        const auto bytes = co_await receive_message();
        if (!bytes) co_return sink_.reset();
        parser_.feed(bytes->substr(decoder.decode(*bytes, piece)));
      } else {
        parser_.consume(decoder.decode(parser_.unconsumed(), piece));
      }
      if (piece.size() >= kPiece || decoder.done()) co_await take(std::exchange(piece, {}));
    }
    if (decoder.bare_cr_or_lf()) refuse_message(bare());
    co_await finish_message();
  }

  static Reply bare() { return {554, "5.6.0", "the message has a CR or LF by itself"}; }

  async::Task<void> on_bdat(ServerMachine::Bdat chunk) {
    if (!chunk.refusal && !sink_ && !refusal_) co_await open_sink();
    auto left = chunk.size;
    std::string piece;
    piece.reserve(first_reserve(left));
    while (left > 0) {
      if (parser_.unconsumed().empty()) {
        const auto bytes = co_await receive_message();
        if (!bytes) co_return sink_.reset();
        const auto part = bytes->substr(0, left);
        piece.append(part);
        parser_.feed(bytes->substr(part.size()));
        left -= part.size();
      } else {
        const auto part = parser_.unconsumed().substr(0, left);
        piece.append(part);
        left -= part.size();
        parser_.consume(part.size());
      }
      if (piece.size() < kPiece && left > 0) continue;
      if (chunk.refusal)
        piece.clear();
      else
        co_await take_chunk(std::exchange(piece, {}));
    }
    if (chunk.refusal) co_return co_await answer(*std::move(chunk.refusal));
    if (chunk.last) {
      if (!binary() && line_ends_.bare_cr_or_lf()) refuse_message(bare());
      co_return co_await finish_message();
    }
    // RFC 3030 section 2: after a refused chunk the transaction has failed, and later chunks are refused as well.
    say(refusal_ ? *refusal_ : Reply(250, "2.0.0", std::to_string(chunk.size) + " octets received"));
  }

  bool binary() const { return machine_.transaction().mail.body == Body::kBinaryMime; }

  async::Task<void> take_chunk(std::string bytes) {
    if (!binary()) line_ends_.feed(bytes);
    co_await take(std::move(bytes));
  }

  async::Task<void> finish_message() {
    const auto recipients = machine_.transaction().recipients.size();
    std::vector<Reply> replies;
    if (refusal_)
      replies.assign(machine_.features().lmtp ? recipients : 1, *refusal_);
    else
      replies = co_await sink_->finish();
    wire_.message(*stream_, {}, received_);
    if (record_ != nullptr && std::ranges::any_of(replies, &Reply::positive)) record_->message_taken();
    for (const auto& reply : replies) say(reply);
    finish_transaction();
  }

  void finish_transaction() {
    sink_.reset();
    peer_.origin.reset();
    refusal_.reset();
    received_ = 0;
    line_ends_ = {};
    machine_.message_ended();
  }

  async::Task<void> on_starttls(Reply reply) {
    // Bytes that came along with the command were sent in clear text and must not count as if they were protected.
    if (!parser_.unconsumed().empty()) {
      co_return co_await close_with(Reply(501, "5.5.2", "nothing may follow STARTTLS"), SessionEnd::kPlaintextInjected);
    }
    say(reply);
    const bool sent = co_await flush();
    if (!sent) co_return;
    const bool secured = co_await start_tls();
    if (!secured) co_return end(SessionEnd::kTlsFailed);
    machine_.tls_started();
    certify();
    peer_.hello.clear();
    peer_.login.clear();
  }

  async::Task<bool> start_tls() {
    auto secured = co_await tls::accept(std::move(stream_), options_.tls, async::Deadline::after(options_.tls_timeout));
    if (!secured) co_return false;
    stream_ = *std::move(secured);
    peer_.tls = stream_->tls();
    if (record_ != nullptr && peer_.tls != nullptr) record_->secured(*peer_.tls);
    wire_.secured(*stream_, {});
    co_return true;
  }

  void certify() {
    certificate_ = tls::peer_names(*stream_);
    if (!certificate_.empty()) machine_.set_certified();
  }

  async::Task<std::optional<std::expected<std::string, LineError>>> next_response() {
    std::optional<async::Deadline> by;
    for (;;) {
      if (auto line = parser_.next_line(kMostAuthLine)) co_return line;
      const bool filled = co_await fill(by);
      if (!filled) co_return std::optional<std::expected<std::string, LineError>>();
    }
  }

  async::Task<void> on_auth(ServerMachine::Auth auth) {
    sasl::Means means{
        .verifiers = handler_.verifiers(), .certificate = certificate_, .token_refusal = handler_.token_refusal()};
    if (stream_->tls() != nullptr)
      means.channel = [this](std::string_view type) { return stream_->channel_binding(type); };
    auto mechanism = sasl::make_server(auth.mechanism, means);
    if (mechanism == nullptr) co_return co_await answer_auth(Reply(504, "5.5.4", "mechanism not possible here"));
    sasl::Exchange exchange(std::move(mechanism));
    auto outcome = exchange.begin(auth.initial);
    for (;;) {
      if (auto* claim = std::get_if<sasl::Claim>(&outcome)) co_return co_await check(std::move(*claim), exchange);
      if (const auto* malformed = std::get_if<sasl::Malformed>(&outcome))
        co_return co_await answer_auth(Reply(501, "5.5.2", malformed->reason));
      if (std::holds_alternative<sasl::Exchange::Cancelled>(outcome))
        co_return co_await answer_auth(Reply(501, "5.7.0", "authentication cancelled"));
      say(Reply(334, "", std::get<sasl::Challenge>(outcome).text));
      const auto line = co_await next_response();
      if (!line) co_return;
      if (!*line && line->error() == LineError::kTooLong)
        co_return co_await answer_auth(Reply(500, "5.5.6", "the response is too long"));
      outcome = exchange.on_line(line->value_or("a bare CR or LF"));
    }
  }

  async::Task<void> check(sasl::Claim claim, sasl::Exchange& exchange) {
    const auto reply = co_await handler_.on_auth(peer_, claim);
    const bool good = reply.code == 235;
    if (const auto last = good ? exchange.accepted() : reply.code == 535 ? exchange.refused() : std::nullopt) {
      say(Reply(334, "", last->text));
      const auto line = co_await next_response();
      if (!line) co_return;
      if (good && (!*line || !(*line)->empty()))
        co_return co_await answer_auth(Reply(501, "5.7.0", "authentication cancelled"));
    }
    if (good) {
      peer_.login = claim.user();
      if (record_ != nullptr) record_->logged_in(peer_.login);
    }
    co_await answer_auth(reply);
  }

  async::Task<void> answer_auth(Reply reply) {
    machine_.auth_answered(reply);
    co_await answer(std::move(reply));
  }

  std::unique_ptr<net::Stream> stream_;
  const ServerOptions& options_;
  Handler& handler_;
  net::SessionRecord* const record_;  // null: nobody looks
  ServerMachine machine_;
  Wire wire_;
  CommandParser parser_;
  Peer peer_;
  std::string output_;
  std::unique_ptr<MessageSink> sink_;
  std::string said_hello_;                // the client's own name, where XCLIENT told it
  std::vector<std::string> certificate_;  // whom it names that the client has shown
  std::optional<Reply> refusal_;          // of the message under way
  std::uint64_t received_ = 0;            // octets of it
  LineEndChecker line_ends_;              // of a message by BDAT
  net::Pace pace_;                        // of the message under way
  bool closing_ = false;                  // no more than kLastWords are spent on this peer
  std::optional<Ended> end_;
};

}  // namespace

async::Task<Reply> Handler::on_auth(const Peer&, sasl::Claim&) { co_return Reply(502, "5.5.1", "AUTH is not offered"); }

sasl::Verifiers Handler::verifiers() { return {}; }

std::string Handler::token_refusal() { return {}; }

async::Task<Reply> Handler::on_etrn(const Peer&, const std::string&) {
  co_return Reply(502, "5.5.1", "ETRN is not offered");
}

async::Task<Reply> Handler::on_atrn(const Peer&, const std::vector<std::string>&) {
  co_return Reply(502, "5.5.1", "ATRN is not offered");
}

ServerFeatures Handler::features_for(const Peer&, ServerFeatures features) { return features; }

async::Task<void> Handler::on_turned(const Peer&, std::unique_ptr<net::Stream>) { co_return; }

async::Task<SessionEnd> serve(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler) {
  Session session(std::move(stream), options, handler);
  co_return co_await session.run();
}

const char* to_string(SessionEnd end) {
  static constexpr const char* kNames[] = {"quit",    "peer lost",  "timed out",          "refused",
                                           "stopped", "tls failed", "plaintext injected", "turned"};
  return kNames[static_cast<int>(end)];
}

}  // namespace quartet::smtp
