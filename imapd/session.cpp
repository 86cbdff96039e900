// The loop of a session: bytes to commands, commands to their files, their replies and updates to the client.
#include "imapd/session.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/metrics/metrics.h"
#include "common/net/deflate_stream.h"
#include "common/net/read_unless.h"
#include "common/tls/stream.h"
#include "imapd/access.h"
#include "imapd/changes.h"
#include "imapd/command_traits.h"
#include "imapd/commands.h"
#include "imapd/live.h"
#include "imapd/login.h"
#include "imapd/message_limit.h"
#include "imapd/notifier.h"
#include "imapd/numbers.h"
#include "imapd/perform.h"
#include "imapd/proto/parser.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

constexpr int kMostBadInARow = 10;
// STOREs that wait in the input and are made in one go.
constexpr std::size_t kMostTogether = 1'000;
// Messages that these name, but for those of the last: what there is to tell of them is in memory until all are made.
constexpr std::size_t kMostNamed = 20'000;
constexpr std::string_view kKicked = "The operator ends this session";

ReaderLimits limits(const Context& context) {
  ReaderLimits limits;
  const bool trusted = !context.account.empty();
  // Who has not logged in needs room for a SASL response, or for ID (RFC 2971 section 3.3: 30 fields of 30 and 1024
  // octets), and no more.
  limits.line = trusted ? limits.line : 36 * 1024;
  limits.literal = trusted ? limits.literal : 4 * 1024;
  limits.command = trusted ? limits.command : 40 * 1024;
  limits.discard = trusted ? limits.discard : 64 * 1024;
  limits.message = trusted ? context.options.message_size : 0;
  limits.messages = 2 * limits.message;
  return limits;
}

metrics::Gauge& open_sessions() {
  static auto& gauge = metrics::gauge("quartet_imapd_sessions", "Sessions that are logged in");
  return gauge;
}

class Session {
 public:
  Session(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services)
      : stream_(std::move(stream)),
        context_{.options = options, .services = services, .output = Output(options.transfer_timeout)},
        input_(context_.output,
               {options.login_timeout, options.idle_timeout, options.transfer_timeout, options.transfer_rate}) {
    context_.client = stream_->peer();
    context_.peer = context_.client.to_string();
    attach();
  }

  ~Session() { leave_account(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  async::Task<void> run() {
    if (context_.options.implicit_tls) {
      const bool secured = co_await start_tls();
      if (!secured) co_return;
    }
    say(fmt::format("* OK [CAPABILITY {}] {} ready", capabilities(context_), context_.options.hostname));
    while (!over_) {
      co_await next();
      if (!idling_) continue;
      auto reply = co_await idle(context_, input_);
      co_await end_idle(std::move(reply));
    }
    co_await context_.output.flush();
    co_await tls::say_end(stream_.get());
    log::debug("imap.disconnected", {{"account", context_.account}, {"peer", context_.peer}});
  }

 private:
  void leave_account() {
    if (context_.account.empty()) return;
    release_room();
    open_sessions().add(-1);
    if (context_.services.on_logout) context_.services.on_logout(context_.account);
    context_.account.clear();
  }

  void attach() {
    context_.output.attach(*stream_);
    input_.attach(*stream_);
    input_.reader().set_limits(limits(context_));
  }

  void say(std::string_view line) { context_.output.line(line); }

  void bye(std::string_view why) {
    say(fmt::format("* BYE {}", why));
    over_ = true;
  }

  void answer(std::string_view tag, const Reply& reply) {
    static constexpr std::string_view kKinds[] = {"OK", "NO", "BAD"};
    const auto kind = kKinds[static_cast<int>(reply.kind)];
    const auto code = reply.code.empty() ? std::string() : fmt::format("[{}] ", reply.code);
    say(fmt::format("{} {} {}{}", tag.empty() ? "*" : tag, kind, code, reply.text));
    bad_in_row_ = reply.kind == Reply::Kind::kBad ? bad_in_row_ + 1 : 0;
    if (over_) return;
    if (bad_in_row_ >= kMostBadInARow) bye("Too many bad commands");
    if (context_.failed_logins >= kMostFailedLogins) bye("Too many failed logins");
  }

  /// One event of the reader.
  async::Task<void> next() {
    const auto* draining = context_.options.draining;
    if (draining != nullptr && draining->load(std::memory_order_relaxed) && !input_.reader().in_command())
      co_return bye("The server is closing");
    if (is_to_end() && !input_.reader().in_command()) co_return bye(kKicked);
    auto event = held_ ? *std::exchange(held_, std::nullopt) : input_.reader().next();
    if (const auto* literal = std::get_if<LiteralRequest>(&event)) co_return co_await on_literal(*literal);
    if (auto* raw = std::get_if<RawCommand>(&event)) {
      co_await on_raw(std::move(*raw));
      co_return release_room();
    }
    if (const auto* bad = std::get_if<BadLine>(&event)) {
      release_room();
      co_return on_bad_line(*bad);
    }
    take_room();
    const bool more = co_await fill();
    if (!more) on_input_end();
  }

  async::Task<bool> fill() {
    if (input_.reader().in_command()) co_return co_await input_.fill();
    if (context_.notifier != nullptr) co_return co_await fill_and_notify(context_, input_, endings(context_.options));
    co_return co_await input_.fill(endings(context_.options));
  }

  bool is_to_end() const { return context_.options.record != nullptr && context_.options.record->is_to_end(); }

  /// Messages in memory count from their first octets to the end of their command. All sessions together have so much
  /// room and no more.
  void take_room() {
    auto* const budget = context_.services.budget;
    const auto kept = input_.reader().message_octets();
    if (budget == nullptr || kept <= room_) return;
    if (budget->take(kept - room_)) {
      room_ = kept;
      return;
    }
    log::warn("imap.over_budget", {{"account", context_.account}, {"peer", context_.peer}, {"taken", budget->taken()}});
    input_.reader().give_up();
    release_room();
  }

  void release_room() {
    if (room_ != 0) context_.services.budget->give_back(std::exchange(room_, 0));
  }

  void on_input_end() {
    over_ = true;
    if (!context_.farewell.empty()) return bye(context_.farewell);
    if (input_.end() == Input::End::kTimedOut) bye(timed_out());
    if (input_.end() == Input::End::kStopped) bye(is_to_end() ? kKicked : "The server is closing");
  }

  const char* timed_out() const {
    if (context_.account.empty()) return "Autologout: the login takes too long";
    if (input_.reader().in_command()) return "Autologout: the command comes too slowly";
    return "Autologout: too long without a command";
  }

  void on_bad_line(const BadLine& bad) {
    const auto text = std::string(to_string(bad.reason));
    if (bad.reason == BadReason::kNoRoom)
      answer(bad.tag, Reply::no(text, "UNAVAILABLE"));
    else if (bad.reason == BadReason::kMessageTooBig)
      answer(bad.tag, context_.account.empty() ? Reply::bad(text) : Reply::no(text, "TOOBIG"));
    else
      answer(bad.tag, Reply::bad(text));
    if (bad.fatal && !over_) bye("Out of step");
  }

  void on_logged_in() {
    open_sessions().add(1);
    if (context_.options.on_logged_in) context_.options.on_logged_in();
    if (context_.options.record != nullptr) context_.options.record->logged_in(context_.account);
    input_.logged_in();
    input_.reader().set_limits(limits(context_));
  }

  /// A client that waits for "+" before it sends a message can be told beforehand that there is no room for it.
  [[gnu::noinline]] async::Task<void> on_literal(LiteralRequest literal) {
    if (literal.message && !context_.account.empty()) {
      const auto room = co_await context_.store().check_quota(context_.account, literal.size);
      // Where it goes is not known yet, and in the account of another there may be room; a REPLACE makes some itself.
      const bool adds = context_.namespaces() == nullptr && !literal.name.ends_with("REPLACE");
      if (!room && adds && room.error().code == store::ErrorCode::kOverQuota) {
        input_.reader().refuse_literal();
        release_room();
        co_return answer(literal.tag, failure(room.error()));
      }
      const auto* const budget = context_.services.budget;
      if (budget != nullptr && !budget->has_room(literal.size)) {
        input_.reader().refuse_literal();
        release_room();
        co_return answer(literal.tag, Reply::no(std::string(to_string(BadReason::kNoRoom)), "UNAVAILABLE"));
      }
    }
    input_.reader().accept_literal();
    say("+ Go on");
  }

  // Not inlined: the frame of next() would have room for it also while it waits for the client.
  [[gnu::noinline]] async::Task<void> on_raw(RawCommand raw) {
    auto command = parse_command(std::move(raw), {.utf8 = context_.enabled.utf8});
    if (!command) co_return on_parse_error(command.error());
    note(*command);
    auto wrong = wrong_state(*command);
    if (!wrong) wrong = ruled_out(context_.enabled, *command);
    if (wrong) co_return answer(command->tag, *wrong);
    if (command->name == "STARTTLS") co_return co_await on_starttls(command->tag);
    if (command->name == "LOGOUT") {
      bye("Logging out");
      co_return answer(command->tag, Reply::ok("Goodbye"));
    }
    if (const auto* compress = std::get_if<Compress>(&command->arguments))
      co_return co_await on_compress(command->tag, compress->mechanism);
    if (command->name == "UNAUTHENTICATE") co_return on_unauthenticate(command->tag);
    if (command->name == "STORE") co_return co_await on_stores(*std::move(command));
    const bool was_in = !context_.account.empty();
    begin_command();
    const bool may_go_on = co_await look_again(command->tag);
    if (!may_go_on) co_return;
    // A client is in IDLE for hours: nothing of the command but its tag is kept for so long.
    if (command->name == "IDLE") {
      idling_ = std::move(command->tag);
      co_return;
    }
    auto reply = co_await perform(context_, input_, *command);
    if (!was_in && !context_.account.empty()) on_logged_in();
    co_await finish(*command, std::move(reply));
  }

  [[gnu::noinline]] async::Task<void> end_idle(Reply reply) {
    const Command command{.tag = *std::exchange(idling_, std::nullopt), .name = "IDLE", .arguments = {}};
    co_await finish(command, std::move(reply));
  }

  /// What there is to say once a command has been carried out.
  [[gnu::noinline]] async::Task<void> finish(const Command& command, Reply reply) {
    if (input_.end() != Input::End::kNone) co_return on_input_end();
    if (reply.kind == Reply::Kind::kNo) not_found(saves_result(command.arguments));
    co_await update(command);
    tell_unclear_modseq();
    if (context_.expunged && context_.enabled.qresync && context_.selected)
      reply.code = fmt::format("HIGHESTMODSEQ {}", context_.selected->view()->highest_modseq());
    tell_limit(context_.limited, reply, context_.output.text());
    answer(command.tag, reply);
    co_await end_command();
  }

  /// A client that hears of expunges later than of changes must not think it knew all up to the changes (RFC 7162
  /// sections 3.2 and 6).
  void tell_unclear_modseq() {
    if (!context_.enabled.condstore || !context_.selected) return;
    if (const auto modseq = context_.selected->take_unclear_modseq())
      say(fmt::format("* OK [HIGHESTMODSEQ {}] All is told up to this", *modseq));
  }

  /// What a search would have saved that is answered NO is nothing; BAD changes nothing (RFC 5182 section 2.1).
  void not_found(bool saves) {
    if (saves && context_.selected) context_.selected->save({});
  }

  void begin_command() {
    context_.told.clear();
    context_.created.clear();
    context_.changed = false;
    context_.view.reset();
    context_.expunged = false;
    context_.progress = {};
    context_.limited.clear();
  }

  /// Whether the client may still read what it has selected; if not, the session ends.
  async::Task<bool> look_again(const std::string& tag) {
    co_await look_at_rights(context_);
    if (context_.farewell.empty()) co_return true;
    answer(tag, not_permitted());
    bye(context_.farewell);
    co_return false;
  }

  async::Task<void> end_command() {
    if (!context_.farewell.empty() && !over_) bye(context_.farewell);
    co_await context_.output.drain();
    if (context_.output.failed()) over_ = true;
  }

  /// `first`, and the STOREs behind it that are in the input already. The numbers in all of them mean the messages that
  /// the client knew when it sent them: expunges are told after the last, if that one permits (RFC 3501 section 5.5).
  async::Task<void> on_stores(Command first) {
    begin_command();
    const bool may_go_on = co_await look_again(first.tag);
    if (!may_go_on) co_return;
    std::vector<Command> run;
    run.push_back(std::move(first));
    auto named = count_named(run.front());
    while (run.size() < kMostTogether && named < kMostNamed) {
      auto next = next_store();
      if (!next) break;
      named += count_named(*next);
      run.push_back(*std::move(next));
    }
    std::vector<std::string> limited;
    for (auto& command : run) {
      (void)keep_to_limit(context_, command);  // no STORE is refused
      limited.push_back(std::exchange(context_.limited, {}));
    }
    auto answers = co_await store_flags(context_, run);
    for (std::size_t n = 0; n < run.size() && !over_; ++n) {
      tell_limit(limited[n], answers[n].reply, answers[n].untagged);
      context_.output.text() += answers[n].untagged;
      if (n + 1 == run.size()) co_await update(run[n]);
      tell_unclear_modseq();
      answer(run[n].tag, answers[n].reply);
    }
    co_await end_command();
  }

  /// How many messages a STORE names; none if it is wrong.
  std::size_t count_named(const Command& command) const {
    const auto& set = std::get<Store>(command.arguments).set;
    std::size_t count = 0;
    for (const auto& range : find_messages(*context_.selected, set, command.uid).value_or(Positions()))
      count += range.end - range.first;
    return count;
  }

  /// The next command if it is in the input, whole, and a STORE that may go with those before it. Anything else is held
  /// for later.
  std::optional<Command> next_store() {
    auto event = input_.reader().next();
    if (std::holds_alternative<NeedMore>(event)) return std::nullopt;
    if (const auto* raw = std::get_if<RawCommand>(&event); raw != nullptr && is_store(*raw)) {
      auto command = parse_command(*raw, {.utf8 = context_.enabled.utf8});
      const bool allowed = command && !ruled_out(context_.enabled, *command);
      if (allowed && (context_.enabled.condstore || !std::get<Store>(command->arguments).unchanged_since)) {
        note(*command);
        return *std::move(command);
      }
    }
    held_ = std::move(event);
    return std::nullopt;
  }

  /// Whether it reads as one; not looked at closely.
  static bool is_store(const RawCommand& raw) {
    std::string_view text = raw.texts.front();
    text.remove_prefix(std::min(text.size(), raw.tag.size() + 1));
    if (ascii::istarts_with(text, "UID ")) text.remove_prefix(4);
    return raw.literals.empty() && ascii::istarts_with(text, "STORE ");
  }

  void note(const Command& command) {
    static auto& commands = metrics::counter("quartet_imapd_commands_total", "commands that were understood");
    commands.add();
    if (context_.options.record != nullptr) context_.options.record->command(command.name);
  }

  void on_parse_error(const ParseError& error) {
    switch (error.kind) {
      case ParseError::Kind::kBadCharset:
        not_found(error.saves);
        return answer(error.tag, Reply::no(error.text, "BADCHARSET (US-ASCII UTF-8)"));
      case ParseError::Kind::kLimit:
        not_found(error.saves);
        return answer(error.tag, Reply::no(error.text, "LIMIT"));
      case ParseError::Kind::kBadName:
        return answer(error.tag, Reply::no(error.text, "CANNOT"));
      case ParseError::Kind::kSyntax:
      case ParseError::Kind::kUnknown:
        answer(error.tag, Reply::bad(error.text));
    }
  }

  std::optional<Reply> wrong_state(const Command& command) const {
    const bool in = !context_.account.empty();
    switch (needed_state(command)) {
      case State::kAny:
        return std::nullopt;
      case State::kNotAuthenticated:
        return in ? std::optional(Reply::bad("Already logged in")) : std::nullopt;
      case State::kAuthenticated:
        return in ? std::nullopt : std::optional(Reply::bad("Log in first"));
      case State::kSelected:
        if (!in) return Reply::bad("Log in first");
        return context_.selected ? std::nullopt : std::optional(Reply::bad("Select a mailbox first"));
    }
    return std::nullopt;
  }

  /// The untagged updates before the tagged response.
  async::Task<void> update(const Command& command) {
    if (context_.selected && (context_.changed || wants_changes(context_))) co_await update_selected(command);
    if (context_.notifier == nullptr) co_return;
    for (const auto* name : changed_names(command)) context_.notifier->forgive(*name);
    co_await context_.notifier->tell(context_);
  }

  async::Task<void> update_selected(const Command& command) {
    Selected::Refresh how;
    how.expunges = tells_expunges(command) ? Selected::Expunges::kTold : Selected::Expunges::kKept;
    how.always = context_.changed || command.name == "NOOP" || command.name == "CHECK";
    how.told = std::move(context_.told);
    how.view = std::move(context_.view);
    const auto refreshed = co_await tell_changes(context_, std::move(how));
    if (refreshed) co_return;
    context_.farewell = farewell_after(refreshed.error());
    if (context_.farewell.empty()) (void)failure(refreshed.error());  // logged; the next command tries again
  }

  async::Task<void> on_starttls(std::string tag) {
    if (context_.secure) co_return answer(tag, Reply::bad("TLS is on already"));
    if (context_.options.tls == nullptr) co_return answer(tag, Reply::bad("TLS is not offered"));
    if (context_.compressed) co_return answer(tag, Reply::bad("TLS must begin before compression"));
    // Bytes that came along with the command were sent in clear text and must not count as if they were protected
    // (RFC 9051 section 6.2.1).
    if (!input_.reader().unconsumed().empty()) {
      answer(tag, Reply::bad("Nothing may follow STARTTLS"));
      if (!over_) bye("Out of step");
      co_return;
    }
    answer(tag, Reply::ok("Begin TLS now"));
    co_await context_.output.flush();
    if (context_.output.failed()) {
      over_ = true;
      co_return;
    }
    const bool secured = co_await start_tls();
    if (!secured) over_ = true;
  }

  /// RFC 4978.
  async::Task<void> on_compress(std::string tag, const std::string& mechanism) {
    if (mechanism != "DEFLATE") co_return answer(tag, Reply::no("No such mechanism", "CANNOT"));
    if (context_.compressed) co_return answer(tag, Reply::no("Compressed already", "COMPRESSIONACTIVE"));
    if (!input_.reader().unconsumed().empty()) {
      answer(tag, Reply::bad("Nothing may follow COMPRESS"));
      if (!over_) bye("Out of step");
      co_return;
    }
    answer(tag, Reply::ok("Compressed from here on"));
    co_await context_.output.flush();
    stream_ = net::deflate(std::move(stream_));
    context_.compressed = true;
    attach();
  }

  /// RFC 8437: the connection is as after its greeting, but for TLS and compression.
  void on_unauthenticate(const std::string& tag) {
    log::info("imap.unauthenticated", {{"account", context_.account}, {"peer", context_.peer}});
    context_.selected.reset();
    context_.notifier.reset();
    context_.enabled = {};
    leave_account();
    if (context_.options.record != nullptr) context_.options.record->logged_in("");
    input_.begin_login();
    input_.reader().set_limits(limits(context_));
    answer(tag, Reply::ok("Logged out of the account", "CAPABILITY " + capabilities(context_)));
  }

  async::Task<bool> start_tls() {
    auto secured = co_await tls::accept(std::move(stream_), context_.options.tls,
                                        async::Deadline::after(context_.options.tls_timeout));
    if (!secured) {
      log::info("imap.tls_failed", {{"peer", context_.peer}, {"reason", net::to_string(secured.error())}});
      co_return false;
    }
    stream_ = *std::move(secured);
    context_.secure = true;
    context_.channel = [stream = stream_.get()](std::string_view type) { return stream->channel_binding(type); };
    context_.certificate = tls::peer_names(*stream_);
    if (context_.options.record != nullptr && stream_->tls() != nullptr)
      context_.options.record->secured(*stream_->tls());
    input_.begin_login();
    attach();
    co_return true;
  }

  std::unique_ptr<net::Stream> stream_;
  Context context_;
  Input input_;
  std::optional<std::string> idling_;         // the tag of an IDLE that is to begin
  std::optional<CommandReader::Event> held_;  // came behind STOREs that were taken together
  int bad_in_row_ = 0;
  std::uint64_t room_ = 0;  // taken from the budget
  bool over_ = false;
};

}  // namespace

std::vector<async::Event*> endings(const SessionOptions& options) {
  return net::endings(options.drain_begun, options.record);
}

async::Task<void> serve(std::unique_ptr<net::Stream> stream, const SessionOptions& options, Services& services) {
  Session session(std::move(stream), options, services);
  co_await session.run();
}

}  // namespace quartet::imapd
