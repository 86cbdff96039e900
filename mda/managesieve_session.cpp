#include "mda/managesieve_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/async/wait.h"
#include "common/log/log.h"
#include "common/net/read_unless.h"
#include "common/sasl/exchange.h"
#include "common/service/client_deadlines.h"
#include "common/service/passwords.h"
#include "common/sieve/compile.h"
#include "common/sieve/managesieve.h"
#include "common/tls/stream.h"
#include "mda/script_names.h"

namespace quartet::mda {
namespace {

using sieve::managesieve_string;
using sieve::ManageSieveArgument;
using sieve::ManageSieveFault;
using sieve::ManageSieveLimits;

constexpr int kMostFailedLogins = 5;
constexpr int kMostBadInARow = 10;
/// Of AUTHENTICATE, in base64: room for a token of sasl::kMostToken octets.
constexpr std::size_t kMostResponse = 12 * 1024;

struct Answer {
  enum class Kind { kOk, kNo, kBye };
  Kind kind = Kind::kOk;
  std::string text;
  std::string code = {};  // RFC 5804 section 1.3, without parentheses
};

Answer no(std::string text, std::string code = {}) { return {Answer::Kind::kNo, std::move(text), std::move(code)}; }
Answer missing() { return no("There is no such script", "NONEXISTENT"); }
Answer broken() { return no("The server cannot do it now", "TRYLATER"); }

std::string to_line(const Answer& answer) {
  static constexpr std::array<const char*, 3> kKinds = {"OK", "NO", "BYE"};
  const auto code = answer.code.empty() ? std::string() : fmt::format(" ({})", answer.code);
  return fmt::format("{}{} {}\r\n", kKinds[static_cast<std::size_t>(answer.kind)], code,
                     managesieve_string(answer.text));
}

/// "" if the script compiles.
std::string faults_of(const std::string& text, const sieve::CompileOptions& options) {
  const auto program = sieve::compile(text, options);
  if (program) return {};
  std::string out;
  for (const auto& error : program.error()) out += (out.empty() ? "" : "\r\n") + sieve::to_string(error);
  return out;
}

class Session {
 public:
  Session(std::unique_ptr<net::Stream> stream, const ManageSieveOptions& options, const ManageSieveServices& services)
      : stream_(std::move(stream)),
        options_(options),
        services_(services),
        peer_(stream_->peer().to_string()),
        deadlines_({options.login_timeout, options.idle_timeout, options.transfer_timeout, options.transfer_rate}) {
    limit();
  }

  async::Task<void> run() {
    if (options_.implicit_tls) {
      const bool secured = co_await start_tls();
      if (!secured) co_return;
    }
    out_ += greeting();
    while (!over_) co_await next();
    co_await flush();
    co_await tls::say_end(stream_.get());
  }

 private:
  using Command = sieve::ManageSieveCommand;

  /// Who has not logged in needs room for a SASL response and no more.
  void limit() {
    ManageSieveLimits limits;
    if (login_.empty()) limits.literal = limits.skipped = kMostResponse;
    parser_.set_limits(limits);
  }

  bool secure() const { return stream_->tls() != nullptr; }

  std::string greeting() const {
    std::string mechanisms;
    if (secure()) {
      for (const auto& name : offered()) mechanisms += (mechanisms.empty() ? "" : " ") + name;
    }
    const auto& compile_options = services_.scripts.compile_options();
    const auto capabilities = sieve::capability_text(compile_options.without);
    auto out = fmt::format(
        "\"IMPLEMENTATION\" \"Quartet {}\"\r\n\"SASL\" \"{}\"\r\n\"SIEVE\" {}\r\n\"NOTIFY\" \"mailto\"\r\n"
        "\"MAXREDIRECTS\" \"{}\"\r\n\"UNAUTHENTICATE\"\r\n",
        QUARTET_VERSION, mechanisms, managesieve_string(capabilities), options_.redirects);
    // RFC 6134 section 2.8.
    if (!compile_options.without.test(static_cast<std::size_t>(sieve::Extension::kExtlists)))
      out += fmt::format("\"EXTLISTS\" {}\r\n",
                         managesieve_string(sieve::list_types(compile_options.lists.value_or(sieve::ListNames()))));
    if (!secure() && options_.tls != nullptr) out += "\"STARTTLS\"\r\n";
    if (!login_.empty()) out += fmt::format("\"OWNER\" {}\r\n", managesieve_string(login_));
    return out + "\"VERSION\" \"1.0\"\r\n" + to_line({Answer::Kind::kOk, options_.hostname + " ready"});
  }

  void say(const Answer& answer) {
    out_ += to_line(answer);
    if (answer.kind == Answer::Kind::kBye) over_ = true;
  }

  async::Task<bool> flush() {
    if (out_.empty()) co_return true;
    const auto sent = co_await stream_->write(out_, async::Deadline::after(options_.transfer_timeout));
    out_.clear();
    if (!sent) over_ = true;
    co_return sent.has_value();
  }

  /// The next command or fault; nullopt when the session is over.
  async::Task<std::optional<std::expected<Command, ManageSieveFault>>> read() {
    using Result = std::optional<std::expected<Command, ManageSieveFault>>;
    deadlines_.begin_command();
    for (;;) {
      if (auto command = parser_.next()) {
        if (*command || command->error() != ManageSieveFault::kFatal) co_return command;
        // The parser takes nothing any more: what came behind it would only fill memory, also within AUTHENTICATE.
        say({Answer::Kind::kBye, "This is not understood"});
        co_return Result();
      }
      const bool sent = co_await flush();
      if (!sent) co_return Result();
      const bool received = co_await receive();
      if (!received) co_return Result();
    }
  }

  /// More octets for the parser; false when the session is over, and BYE has been said where there is somebody to hear
  /// it.
  async::Task<bool> receive() {
    const auto bytes = co_await net::read_unless(*stream_, deadlines_.begin_wait(parser_.in_command()),
                                                 net::endings(options_.drain_begun, options_.record));
    if (bytes) {
      deadlines_.end_wait(bytes->size());
      parser_.feed(*bytes);
      co_return true;
    }
    over_ = true;
    if (bytes.error().code == net::IoCode::kCancelled) say(closing());
    if (bytes.error().code == net::IoCode::kTimedOut) say({Answer::Kind::kBye, timed_out()});
    co_return false;
  }

  const char* timed_out() const {
    if (login_.empty()) return "The login takes too long";
    return parser_.in_command() ? "The command comes too slowly" : "Too long without a command";
  }

  bool is_ending() const {
    return (options_.draining != nullptr && options_.draining->load()) ||
           (options_.record != nullptr && options_.record->is_to_end());
  }
  static Answer closing() { return {Answer::Kind::kBye, "The server is closing", "TRYLATER"}; }

  async::Task<void> next() {
    auto command = co_await read();
    if (!command) co_return;
    if (is_ending()) co_return say(closing());
    if (!*command) {
      if (++bad_in_row_ >= kMostBadInARow) co_return say({Answer::Kind::kBye, "This is not understood"});
      co_return say(command->error() == ManageSieveFault::kTooLarge ? no("Too large", "QUOTA/MAXSIZE")
                                                                    : no("This is not understood"));
    }
    bad_in_row_ = 0;
    if (options_.record != nullptr) options_.record->command((*command)->name);
    co_await perform(**command);
  }

  static bool has_strings(const Command& command, std::size_t count) {
    return command.arguments.size() == count && std::ranges::none_of(command.arguments, &ManageSieveArgument::number);
  }

  async::Task<void> perform(Command& command) {
    const auto& name = command.name;
    if (name == "STARTTLS") co_return co_await on_starttls(command);
    if (name == "AUTHENTICATE") co_return co_await on_authenticate(command);
    if (name == "LOGOUT") {
      say({Answer::Kind::kOk, "Goodbye"});
      over_ = true;
      co_return;
    }
    if (name == "CAPABILITY") {
      out_ += greeting();
      co_return;
    }
    if (name == "NOOP") {
      if (command.arguments.empty()) co_return say({Answer::Kind::kOk, "Done"});
      if (!has_strings(command, 1)) co_return say(no("NOOP takes a string"));
      co_return say({Answer::Kind::kOk, "Done", "TAG " + managesieve_string(command.arguments[0].text)});
    }
    if (login_.empty()) co_return say(no("Log in first"));
    if (name == "UNAUTHENTICATE") {
      login_.clear();
      if (options_.record != nullptr) options_.record->logged_in("");
      limit();
      deadlines_.begin_login();
      co_return say({Answer::Kind::kOk, "Logged out"});
    }
    auto answer = co_await on_scripts(command);
    say(answer);
  }

  /// Commands about scripts.
  async::Task<Answer> on_scripts(Command& command) {
    const auto& name = command.name;
    auto& arguments = command.arguments;
    const std::size_t names = name == "CHECKSCRIPT" ? 0 : name == "RENAMESCRIPT" ? 2 : 1;
    for (std::size_t i = 0; i < std::min(names, arguments.size()); ++i)
      arguments[i].text = script_name(arguments[i].text);
    if (name == "HAVESPACE" && arguments.size() == 2 && !arguments[0].number && arguments[1].number)
      co_return co_await blocking([&] { return have_space(arguments[0].text, arguments[1].value); });
    if (name == "PUTSCRIPT" && has_strings(command, 2))
      co_return co_await blocking([&] { return put(arguments[0].text, arguments[1].text); });
    if (name == "CHECKSCRIPT" && has_strings(command, 1))
      co_return co_await blocking([&] { return check(arguments[0].text); });
    if (name == "LISTSCRIPTS" && arguments.empty()) co_return co_await blocking([&] { return list(); });
    if (name == "GETSCRIPT" && has_strings(command, 1))
      co_return co_await blocking([&] { return get(arguments[0].text); });
    if (name == "SETACTIVE" && has_strings(command, 1))
      co_return co_await blocking([&] { return activate(arguments[0].text); });
    if (name == "DELETESCRIPT" && has_strings(command, 1))
      co_return co_await blocking([&] { return remove(arguments[0].text); });
    if (name == "RENAMESCRIPT" && has_strings(command, 2))
      co_return co_await blocking([&] { return rename(arguments[0].text, arguments[1].text); });
    co_return no("No such command, or other arguments are expected");
  }

  /// What touches files or compiles; nothing else of the session runs meanwhile.
  template <typename F>
  async::Task<Answer> blocking(F function) {
    auto answer = co_await async::offload(services_.files, std::move(function));
    co_return answer;
  }

  Answer done(const FileResult<void>& result, std::string_view what) {
    if (result) return {Answer::Kind::kOk, std::string(what)};
    log::error("managesieve.failed", {{"account", login_}, {"reason", result.error().detail}});
    return broken();
  }

  Answer have_space(const std::string& name, std::uint64_t size) {
    if (!is_script_name(name)) return no("This cannot name a script");
    if (size > ManageSieveLimits{}.literal) return no("A script is smaller than that", "QUOTA/MAXSIZE");
    const auto names = services_.scripts.list(login_);
    if (!names) return done(std::unexpected(names.error()), {});
    if (names->size() >= options_.scripts && std::ranges::count(*names, name) == 0)
      return no("You have too many scripts", "QUOTA/MAXSCRIPTS");
    return {Answer::Kind::kOk, "There is room"};
  }

  Answer put(const std::string& name, const std::string& text) {
    // RFC 5804 section 2.6: it is more likely that something went wrong than that nobody is to be filtered by it.
    if (text.empty()) return no("The script is empty");
    auto room = have_space(name, text.size());
    if (room.kind != Answer::Kind::kOk) return room;
    if (auto faults = faults_of(text, services_.scripts.compile_options()); !faults.empty())
      return no(std::move(faults));
    return done(services_.scripts.put(login_, name, text), "Stored");
  }

  Answer check(const std::string& text) const {
    auto faults = faults_of(text, services_.scripts.compile_options());
    return faults.empty() ? Answer{Answer::Kind::kOk, "No fault"} : no(std::move(faults));
  }

  Answer list() {
    const auto names = services_.scripts.list(login_);
    if (!names) return done(std::unexpected(names.error()), {});
    const auto active = services_.scripts.active(login_);
    for (const auto& name : *names)
      out_ += managesieve_string(name) + (active && *active == name ? " ACTIVE\r\n" : "\r\n");
    return {Answer::Kind::kOk, "These are all"};
  }

  Answer get(const std::string& name) {
    const auto text = services_.scripts.read(login_, name);
    if (!text) return done(std::unexpected(text.error()), {});
    if (!*text) return missing();
    out_ += fmt::format("{{{}}}\r\n{}\r\n", (*text)->size(), **text);
    return {Answer::Kind::kOk, "This is it"};
  }

  bool exists(const std::string& name) {
    const auto text = services_.scripts.read(login_, name);
    return text && *text;
  }

  Answer activate(const std::string& name) {
    if (name.empty()) return done(services_.scripts.activate(login_, name), "No script is active");
    const auto text = services_.scripts.read(login_, name);
    if (!text || !*text) return missing();
    // One that came by other ways may be wrong.
    if (auto faults = faults_of(**text, services_.scripts.compile_options()); !faults.empty())
      return no(std::move(faults));
    return done(services_.scripts.activate(login_, name), "Active");
  }

  Answer remove(const std::string& name) {
    if (!exists(name)) return missing();
    const auto active = services_.scripts.active(login_);
    if (active && *active == name) return no("The script is active", "ACTIVE");
    return done(services_.scripts.remove(login_, name), "Deleted");
  }

  Answer rename(const std::string& from, const std::string& to) {
    if (!is_script_name(to)) return no("This cannot name a script");
    if (!exists(from)) return missing();
    if (exists(to)) return no("There is a script of this name", "ALREADYEXISTS");
    return done(services_.scripts.rename(login_, from, to), "Renamed");
  }

  async::Task<void> on_starttls(const Command& command) {
    if (!command.arguments.empty()) co_return say(no("STARTTLS takes no argument"));
    if (secure()) co_return say(no("TLS is on already"));
    if (options_.tls == nullptr) co_return say(no("TLS is not offered"));
    // What came along in clear text must not count as if it were protected.
    if (!parser_.unconsumed().empty()) co_return say({Answer::Kind::kBye, "Nothing may follow STARTTLS"});
    say({Answer::Kind::kOk, "Begin TLS now"});
    const bool sent = co_await flush();
    if (!sent) co_return;
    const bool secured = co_await start_tls();
    if (secured) out_ += greeting();
  }

  async::Task<bool> start_tls() {
    auto secured =
        co_await tls::accept(std::move(stream_), options_.tls, async::Deadline::after(options_.login_timeout));
    if (!secured) {
      log::info("managesieve.tls_failed", {{"peer", peer_}, {"reason", net::to_string(secured.error())}});
      over_ = true;
      co_return false;
    }
    stream_ = *std::move(secured);
    deadlines_.begin_login();
    certificate_ = tls::peer_names(*stream_);
    if (options_.record != nullptr) options_.record->secured(*stream_->tls());
    co_return true;
  }

  async::Task<void> on_authenticate(const Command& command) {
    const auto& arguments = command.arguments;
    if (!login_.empty()) co_return say(no("You are logged in"));
    if (!secure()) co_return say(no("Passwords are taken within TLS only", "ENCRYPT-NEEDED"));
    if (!has_strings(command, 1) && !has_strings(command, 2))
      co_return say(no("AUTHENTICATE takes one or two strings"));
    const auto name = ascii::upper(arguments[0].text);
    auto mechanism = offered_mechanism(name);
    if (mechanism == nullptr) co_return say(no("There is no such mechanism"));
    sasl::Exchange exchange(std::move(mechanism));
    std::optional<std::string_view> initial;
    if (arguments.size() == 2) initial = arguments[1].text;
    auto outcome = exchange.begin(initial);
    for (;;) {
      if (auto* claim = std::get_if<sasl::Claim>(&outcome)) co_return co_await conclude(exchange, std::move(*claim));
      if (std::holds_alternative<sasl::Exchange::Cancelled>(outcome)) co_return say(no("Cancelled"));
      if (const auto* malformed = std::get_if<sasl::Malformed>(&outcome)) co_return say(no(malformed->reason));
      out_ += managesieve_string(std::get<sasl::Challenge>(outcome).text) + "\r\n";
      auto reply = co_await read();
      if (!reply) co_return;
      if (!*reply || !(*reply)->name.empty() || !has_strings(**reply, 1)) co_return say(no("A string is expected"));
      outcome = exchange.on_line((*reply)->arguments[0].text);
    }
  }

  /// With what the mechanism still has to say, and the client's answer to that.
  async::Task<void> conclude(sasl::Exchange& exchange, sasl::Claim claim) {
    auto login = co_await check_login(std::move(claim));
    const bool wrong = !login && login.error().kind == Answer::Kind::kNo && login.error().code.empty();
    if (const auto last = login ? exchange.accepted() : wrong ? exchange.refused() : std::nullopt) {
      out_ += managesieve_string(last->text) + "\r\n";
      const auto reply = co_await read();
      if (!reply) co_return;
      const bool empty =
          *reply && (*reply)->name.empty() && has_strings(**reply, 1) && (*reply)->arguments[0].text.empty();
      if (login && !empty) co_return say(no("Cancelled"));
    }
    if (!login) co_return say(login.error());
    login_ = *std::move(login);
    limit();
    deadlines_.logged_in();
    if (options_.record != nullptr) options_.record->logged_in(login_);
    log::info("managesieve.login", {{"account", login_}, {"peer", peer_}});
    say({Answer::Kind::kOk, "Logged in"});
  }

  /// Within TLS.
  std::vector<std::string> offered() const {
    auto names = services_.mechanisms();
    if (!certificate_.empty()) names.emplace(names.begin(), sasl::kExternal);
    return names;
  }

  /// Null for one that is not offered.
  std::unique_ptr<sasl::Server> offered_mechanism(const std::string& name) const {
    if (std::ranges::count(offered(), name) == 0) return nullptr;
    return sasl::make_server(
        name, {services_.verifiers(), [this](std::string_view type) { return stream_->channel_binding(type); },
               certificate_, services_.token_refusal()});
  }

  async::Task<std::expected<std::string, Answer>> check_login(sasl::Claim claim) {
    const auto user = claim.authentication;
    const auto client = stream_->peer();
    const bool admitted = co_await services_.guard.admit("managesieve", client, user);
    if (!admitted)
      co_return std::unexpected(Answer{Answer::Kind::kBye, "Too many failed logins, come later", "TRYLATER"});
    const bool guess = service::can_be_guessed(claim);
    auto login = co_await services_.authenticate(std::move(claim));
    service::count_login("managesieve", login.has_value());
    if (!login && login.error() == service::LoginFailure::kUnavailable)
      co_return std::unexpected(no("Nobody can tell now who you are, come later", "TRYLATER"));
    if (!login) {
      log::warn("managesieve.login_refused", {{"login", user}, {"peer", peer_}});
      if (guess) services_.guard.failed(client, user, wall_now());
      if (++failed_logins_ > 1) co_await async::sleep_for(service::kLoginPause);
      if (failed_logins_ >= kMostFailedLogins)
        co_return std::unexpected(Answer{Answer::Kind::kBye, "Too many failed logins"});
      co_return std::unexpected(no("Wrong user or password"));
    }
    co_return *std::move(login);
  }

  std::unique_ptr<net::Stream> stream_;
  const ManageSieveOptions& options_;
  const ManageSieveServices& services_;
  const std::string peer_;
  std::vector<std::string> certificate_;  // whom it names that the client has shown
  service::ClientDeadlines deadlines_;
  sieve::ManageSieveParser parser_;
  std::string out_;
  std::string login_;
  int failed_logins_ = 0;
  int bad_in_row_ = 0;
  bool over_ = false;
};

}  // namespace

async::Task<void> serve_managesieve(std::unique_ptr<net::Stream> stream, const ManageSieveOptions& options,
                                    const ManageSieveServices& services) {
  Session session(std::move(stream), options, services);
  co_await session.run();
}

}  // namespace quartet::mda
