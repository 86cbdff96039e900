#include "common/smtp/client_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "common/sasl/client.h"
#include "common/smtp/data_decoder.h"
#include "common/smtp/outbound.h"
#include "common/smtp/wire.h"
#include "common/smtp/within_host.h"
#include "common/tls/stream.h"

namespace quartet::smtp {
namespace {

using Kind = ClientError::Kind;
template <typename T>
using Outcome = std::expected<T, ClientError>;

/// Commands go out in pieces of this size before their replies are read: more could fill both directions at once, with
/// each side waiting for the other to read (RFC 2920 section 3.1). A message up to this size joins its commands.
constexpr std::size_t kBatch = 16 * 1024;
/// Each block of a message has a time-out of its own (RFC 5321 section 4.5.3.2.5): with 180 s a line may be as slow as
/// 364 octets a second, which is less than our own server asks for.
constexpr std::size_t kBlock = 64 * 1024;
constexpr std::chrono::seconds kLastWords{5};

/// A transaction under way.
struct Exchange {
  const OutboundTransaction& transaction;
  const Prepared& prepared;
  TransactionResult& result;  // of a recipient nothing is said here before its last word
  std::vector<std::size_t> accepted;
  bool open = false;     // MAIL was accepted
  bool started = false;  // the command that begins the message went out with the envelope
};

class Session final : public ClientSession {
 public:
  Session(std::unique_ptr<net::Stream> stream, ClientOptions options)
      : stream_(std::move(stream)), options_(std::move(options)), wire_(Wire::Role::kClient, options_.lmtp) {}

  const Capabilities& capabilities() const override { return offered_; }
  const net::Stream& stream() const override { return *stream_; }

  async::Task<Outcome<void>> begin() {
    if (options_.implicit_tls) {
      const auto secured = co_await secure();
      if (!secured) co_return secured;
    }
    const auto greeting = co_await read_reply(options_.greeting_timeout);
    if (!greeting) co_return std::unexpected(greeting.error());
    observe({}, *greeting);
    if (greeting->code != 220) co_return std::unexpected(refused("greeting", *greeting));
    const auto greeted = co_await hello();
    if (!greeted) co_return greeted;
    const auto secured = co_await start_tls();
    if (!secured) co_return secured;
    co_return co_await log_in();
  }

  async::Task<TransactionResult> send(const OutboundTransaction& transaction) override {
    TransactionResult result;
    result.recipients.resize(transaction.recipients.size());
    result.dsn_passed_on = offered_.dsn;
    Prepared prepared;
    if (const auto possible = prepare(transaction, offered_, prepared); !possible) {
      std::ranges::fill(result.recipients, possible.error());
      result.refused_here = true;
      co_return result;
    }
    Exchange exchange{transaction, prepared, result, {}};
    const auto done = co_await transact(exchange);
    if (!done) result.broken = done.error();
    last_reply_ = std::chrono::steady_clock::now();
    co_return result;
  }

  async::Task<void> quit() override {
    wire_.commands(*stream_, options_.server_name, "QUIT");
    const auto sent = co_await write("QUIT\r\n", kLastWords);
    if (sent) co_await read_reply(kLastWords);
    co_await tls::say_end(stream_.get());
  }

  async::Task<Outcome<Reply>> ask(std::string line, std::chrono::seconds timeout) override {
    wire_.commands(*stream_, options_.server_name, line);
    const auto sent = co_await write(line, options_.command_timeout);
    if (!sent) co_return std::unexpected(sent.error());
    auto reply = co_await read_reply(timeout);
    if (reply) last_reply_ = std::chrono::steady_clock::now();
    co_return reply;
  }

  std::unique_ptr<net::Stream> release() override {
    if (!parser_.unconsumed().empty()) return nullptr;
    return std::move(stream_);
  }

 private:
  static ClientError network(const net::IoError& error) {
    return {Kind::kNetwork, net::to_string(error), std::nullopt};
  }
  static ClientError refused(std::string_view what, const Reply& reply) {
    return {Kind::kRefused, fmt::format("{}: {} {}", what, reply.code, reply.text()), reply};
  }

  /// The class that promises; 3yz is right after DATA only.
  static bool yes(const Reply& reply) { return reply.code / 100 == 2; }
  static ClientError senseless(const Reply& reply) {
    return {Kind::kProtocol, fmt::format("{} {} makes no sense here", reply.code, reply.text()), reply};
  }

  async::Task<Outcome<void>> write(std::string_view bytes, std::chrono::seconds timeout) {
    const auto sent = co_await stream_->write(bytes, async::Deadline::after(timeout));
    if (!sent) co_return std::unexpected(network(sent.error()));
    co_return Outcome<void>();
  }

  async::Task<Outcome<Reply>> read_reply(std::chrono::seconds timeout) {
    const auto deadline = async::Deadline::after(timeout);
    for (;;) {
      if (auto reply = parser_.next()) {
        if (*reply) wire_.reply(*stream_, options_.server_name, **reply);
        if (*reply) co_return **std::move(reply);
        co_return std::unexpected(ClientError{Kind::kProtocol, "what the server says is no SMTP reply", std::nullopt});
      }
      const auto bytes = co_await stream_->read_some(deadline);
      if (!bytes) co_return std::unexpected(network(bytes.error()));
      parser_.feed(*bytes);
    }
  }

  async::Task<Outcome<Reply>> command(std::string line) {
    wire_.commands(*stream_, options_.server_name, line);
    const auto verb = line.substr(0, line.find_first_of(" \r"));
    co_return co_await round_trip(std::move(line), verb);
  }

  /// `verb`: what is observed of the line.
  async::Task<Outcome<Reply>> round_trip(std::string line, std::string verb) {
    const auto sent = co_await write(line, options_.command_timeout);
    if (!sent) co_return std::unexpected(sent.error());
    auto reply = co_await read_reply(options_.command_timeout);
    if (reply) observe(verb, *reply);
    co_return reply;
  }

  void observe(std::string_view verb, const Reply& reply) const {
    if (options_.observer != nullptr) options_.observer->on_reply(verb, reply);
  }

  async::Task<Outcome<void>> hello() {
    const auto ehlo = co_await command(fmt::format("{} {}\r\n", options_.lmtp ? "LHLO" : "EHLO", options_.hostname));
    if (!ehlo) co_return std::unexpected(ehlo.error());
    if (ehlo->code == 250) {
      offered_ = parse_capabilities(*ehlo);
      if (stream_->tls() == nullptr && !within_host(*stream_, options_.lmtp)) offered_.require_tls = false;
      co_return Outcome<void>();
    }
    // RFC 5321 section 3.2: a server that does not know EHLO may know HELO; LMTP has no such older form.
    if (options_.lmtp || !ehlo->permanent()) co_return std::unexpected(refused("EHLO", *ehlo));
    const auto helo = co_await command(fmt::format("HELO {}\r\n", options_.hostname));
    if (!helo) co_return std::unexpected(helo.error());
    if (helo->code != 250) co_return std::unexpected(refused("HELO", *helo));
    offered_ = {};
    co_return Outcome<void>();
  }

  async::Task<Outcome<void>> secure() {
    const auto deadline = async::Deadline::after(options_.tls_timeout);
    auto connecting = options_.dane ? tls::connect(std::move(stream_), options_.tls, options_.dane, deadline)
                                    : tls::connect(std::move(stream_), options_.tls, options_.server_name, deadline);
    auto secured = co_await std::move(connecting);
    if (!secured) {
      const auto& error = secured.error();
      const bool lost = error.code != net::IoCode::kTls;
      co_return std::unexpected(ClientError{Kind::kTls, net::to_string(error), std::nullopt, error.fault, lost});
    }
    stream_ = *std::move(secured);
    wire_.secured(*stream_, options_.server_name);
    if (options_.observer != nullptr) options_.observer->on_tls(*stream_->tls());
    co_return Outcome<void>();
  }

  async::Task<Outcome<void>> start_tls() {
    if (options_.implicit_tls || options_.starttls == StartTls::kNever) co_return Outcome<void>();
    const bool required = options_.starttls == StartTls::kRequired;
    if (!offered_.starttls || !options_.tls) {
      if (!required) co_return Outcome<void>();
      co_return std::unexpected(
          ClientError{Kind::kTls, "TLS is required, and the server does not offer STARTTLS", std::nullopt});
    }
    const auto reply = co_await command("STARTTLS\r\n");
    if (!reply) co_return std::unexpected(reply.error());
    if (reply->code != 220) {
      if (!required) co_return Outcome<void>();
      auto error = refused("STARTTLS", *reply);
      error.starttls = true;
      co_return std::unexpected(std::move(error));
    }
    if (!parser_.unconsumed().empty()) {
      co_return std::unexpected(ClientError{
          Kind::kProtocol, "the server sent more in clear text behind its answer to STARTTLS", std::nullopt});
    }
    const auto secured = co_await secure();
    if (!secured) co_return secured;
    co_return co_await hello();
  }

  async::Task<Outcome<void>> log_in() {
    if (!options_.login) co_return Outcome<void>();
    const auto fail = [](std::string detail) {
      return std::unexpected(ClientError{Kind::kLogin, std::move(detail), std::nullopt});
    };
    if (stream_->tls() == nullptr) co_return fail("a password is configured, but the session is not encrypted");
    auto auth = sasl::Client::choose(options_.login->user, options_.login->password, offered_.mechanisms, *stream_);
    if (!auth) co_return fail(std::move(auth.error()));
    auto line = fmt::format("AUTH {} {}\r\n", auth->mechanism(), auth->initial());
    wire_.commands(*stream_, options_.server_name, line);
    for (;;) {
      const auto reply = co_await round_trip(std::move(line), "AUTH");
      if (!reply) co_return std::unexpected(reply.error());
      if (reply->code == 235 && auth->may_end()) {
        offered_.logged_in = true;
        co_return Outcome<void>();
      }
      if (reply->code == 235) co_return fail("AUTH: the server did not show that it knows the password");
      if (reply->code != 334)
        co_return std::unexpected(
            ClientError{Kind::kLogin, fmt::format("AUTH: {} {}", reply->code, reply->text()), *reply});
      auto response = auth->respond(reply->text());
      if (!response) co_return fail("AUTH: " + response.error());
      line = *response + "\r\n";
    }
  }

  async::Task<Outcome<void>> transact(Exchange& exchange) {
    const auto agreed = co_await envelope(exchange);
    if (!agreed) co_return agreed;
    if (!exchange.started) {
      if (!exchange.open) co_return Outcome<void>();
      if (exchange.accepted.empty()) co_return co_await reset();
      const auto start = start_of_message(exchange.prepared);
      wire_.commands(*stream_, options_.server_name, start);
      const auto sent = co_await write(start, options_.data_start_timeout);
      if (!sent) co_return sent;
    }
    if (!offered_.chunking) co_return co_await data_part(exchange);
    if (!exchange.started) {
      const auto sent = co_await write_message(exchange, exchange.prepared.message, true);
      if (!sent) co_return sent;
    }
    co_return co_await final_replies(exchange);
  }

  /// With DATA the message waits for 354; with BDAT a small one goes along, a large one waits for the recipients.
  std::string start_of_message(const Prepared& prepared) const {
    if (!offered_.chunking) return "DATA\r\n";
    return fmt::format("BDAT {} LAST\r\n", prepared.message.size());
  }

  /// MAIL and RCPT, by the batch if the server does pipelining, else one by one.
  async::Task<Outcome<void>> envelope(Exchange& exchange) {
    const bool fresh = !last_reply_ || std::chrono::steady_clock::now() - *last_reply_ < options_.trusted_pause;
    const auto& recipients = exchange.transaction.recipients;
    const auto& message = exchange.prepared.message;
    for (std::size_t next = 0; next <= recipients.size();) {
      const auto first = next;
      std::string batch;
      do {
        batch += next == 0 ? mail_command(exchange.transaction, offered_, exchange.prepared)
                           : rcpt_command(recipients[next - 1], offered_, exchange.prepared);
      } while (++next <= recipients.size() && offered_.pipelining && batch.size() < kBatch);
      if (next > recipients.size() && offered_.pipelining &&
          (!offered_.chunking || (fresh && message.size() <= kBatch))) {
        batch += start_of_message(exchange.prepared);
        wire_.commands(*stream_, options_.server_name, batch);
        if (offered_.chunking) batch += message;
        if (offered_.chunking) exchange.result.sent = Sent::kEnd;
        exchange.started = true;
      } else {
        wire_.commands(*stream_, options_.server_name, batch);
      }
      // A server that closes early says why: its replies count more than our failed write.
      co_await write(batch, options_.command_timeout);
      for (auto i = first; i < next; ++i) {
        const auto reply = co_await read_reply(options_.command_timeout);
        if (!reply) co_return std::unexpected(reply.error());
        if (reply->code < 400 && !yes(*reply)) co_return std::unexpected(senseless(*reply));
        take_envelope_reply(exchange, i, *reply);
        if (reply->code == 421) co_return std::unexpected(refused(i == 0 ? "MAIL" : "RCPT", *reply));
      }
      if (!exchange.open) co_return Outcome<void>();
    }
    co_return Outcome<void>();
  }

  static void take_envelope_reply(Exchange& exchange, std::size_t command, const Reply& reply) {
    auto& words = exchange.result.recipients;
    if (command == 0) {
      exchange.open = yes(reply);
      if (!exchange.open) std::ranges::fill(words, reply);
    } else if (exchange.open && yes(reply)) {
      exchange.accepted.push_back(command - 1);
    } else if (exchange.open) {
      words[command - 1] = reply;
    }
  }

  async::Task<Outcome<void>> data_part(Exchange& exchange) {
    const auto data = co_await read_reply(options_.data_start_timeout);
    if (!data) co_return std::unexpected(data.error());
    if (data->code != 354) {
      // A yes here is no promise: the message was not even sent.
      if (data->positive()) co_return std::unexpected(senseless(*data));
      for (const auto i : exchange.accepted) exchange.result.recipients[i] = *data;
      if (data->code == 421) co_return std::unexpected(refused("DATA", *data));
      if (exchange.open) co_return co_await reset();
      co_return Outcome<void>();
    }
    // 354 although every recipient was refused: an empty message ends it (RFC 2920 section 3.1).
    const auto message = exchange.accepted.empty() ? std::string_view() : exchange.prepared.message;
    const auto sent = co_await write_data(exchange, message);
    if (!sent) co_return sent;
    co_return co_await final_replies(exchange);
  }

  /// The message as DATA wants it: by blocks, so that a large one is not in memory twice.
  async::Task<Outcome<void>> write_data(Exchange& exchange, std::string_view message) {
    DataEncoder encoder;
    std::string block;
    do {
      const auto piece = message.substr(0, kBlock);
      message.remove_prefix(piece.size());
      block.clear();
      encoder.write(piece, block);
      if (message.empty()) encoder.finish(block);
      const auto sent = co_await write_message(exchange, block, message.empty());
      if (!sent) co_return sent;
    } while (!message.empty());
    co_return Outcome<void>();
  }

  async::Task<Outcome<void>> write_message(Exchange& exchange, std::string_view bytes, bool to_end) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kBlock, bytes.size()))) {
      exchange.result.sent = to_end && bytes.size() <= kBlock ? Sent::kEnd : Sent::kPart;
      const auto sent = co_await write(bytes.substr(0, kBlock), options_.data_block_timeout);
      if (sent) continue;
      // A refusal in the middle counts; a yes cannot be meant for a message that is not out yet.
      const auto reply = co_await read_reply(kLastWords);
      if (reply && !reply->positive()) {
        for (const auto i : exchange.accepted) exchange.result.recipients[i] = *reply;
      }
      co_return sent;
    }
    co_return Outcome<void>();
  }

  /// The last word: one reply, or with LMTP one for each accepted recipient.
  async::Task<Outcome<void>> final_replies(Exchange& exchange) {
    wire_.message(*stream_, options_.server_name, exchange.prepared.message.size());
    bool refusal = exchange.accepted.empty();
    const auto count = options_.lmtp ? std::max<std::size_t>(exchange.accepted.size(), 1) : 1;
    for (std::size_t i = 0; i < count; ++i) {
      const auto reply = co_await read_reply(options_.data_end_timeout);
      if (!reply) co_return std::unexpected(reply.error());
      if (reply->code < 400 && !yes(*reply)) co_return std::unexpected(senseless(*reply));
      const auto told = std::span(exchange.accepted);
      for (const auto recipient : options_.lmtp && !told.empty() ? told.subspan(i, 1) : told)
        exchange.result.recipients[recipient] = *reply;
      if (reply->code == 421) co_return std::unexpected(refused("end of data", *reply));
      refusal = refusal || !yes(*reply);
    }
    // With BDAT a server may keep the transaction open after a refusal; the next MAIL must find it closed.
    if (refusal && exchange.open) co_return co_await reset();
    co_return Outcome<void>();
  }

  async::Task<Outcome<void>> reset() {
    const auto reply = co_await command("RSET\r\n");
    if (!reply) co_return std::unexpected(reply.error());
    if (!reply->positive()) co_return std::unexpected(refused("RSET", *reply));
    co_return Outcome<void>();
  }

  std::unique_ptr<net::Stream> stream_;
  ClientOptions options_;
  Wire wire_;
  ReplyParser parser_;
  Capabilities offered_;
  std::optional<SteadyTime> last_reply_;  // of the transaction before
};

}  // namespace

async::Task<Outcome<std::unique_ptr<ClientSession>>> ClientSession::open(std::unique_ptr<net::Stream> stream,
                                                                         ClientOptions options) {
  auto session = std::make_unique<Session>(std::move(stream), std::move(options));
  const auto begun = co_await session->begin();
  if (!begun) co_return std::unexpected(begun.error());
  co_return std::unique_ptr<ClientSession>(std::move(session));
}

}  // namespace quartet::smtp
