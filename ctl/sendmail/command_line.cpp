#include "ctl/sendmail/command_line.h"

#include "common/base/ascii.h"

namespace quartet::sendmail {
namespace {

constexpr std::string_view kWithValue = "fFrCNRVoABehLOpX";  // the next word is the value if none is joined
constexpr std::string_view kPlain = "tivnmUG";               // may be joined to others: -ti

std::string without_brackets(std::string_view address) {
  address = ascii::trim(address);
  if (address.size() >= 2 && address.front() == '<' && address.back() == '>')
    address = address.substr(1, address.size() - 2);
  return std::string(address);
}

std::expected<std::uint8_t, std::string> parse_notify(std::string_view text) {
  if (ascii::iequals(text, "never")) return smtp::kNotifyNever;
  std::uint8_t out = 0;
  for (const auto word : ascii::split(text, ',')) {
    if (ascii::iequals(word, "success"))
      out |= smtp::kNotifySuccess;
    else if (ascii::iequals(word, "failure"))
      out |= smtp::kNotifyFailure;
    else if (ascii::iequals(word, "delay"))
      out |= smtp::kNotifyDelay;
    else
      return std::unexpected("-N: expected never, or some of success,failure,delay");
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  std::expected<CommandLine, std::string> run(const std::string& name) {
    if (name == "mailq") out_.mode = CommandLine::Mode::kList;
    while (error_.empty() && next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (only_recipients_ || word.size() < 2 || word.front() != '-')
        out_.recipients.emplace_back(word);
      else if (word == "--")
        only_recipients_ = true;
      else if (word == "--help")
        out_.mode = CommandLine::Mode::kHelp;
      else if (word == "--version")
        out_.mode = CommandLine::Mode::kVersion;
      else
        letters(word.substr(1));
    }
    if (!error_.empty()) return std::unexpected(error_);
    return std::move(out_);
  }

 private:
  void fail(std::string_view word, std::string_view why) { error_ = "-" + std::string(word) + ": " + std::string(why); }

  void letters(std::string_view word) {
    const auto whole = word;
    for (; error_.empty() && !word.empty(); word.remove_prefix(1)) {
      const char letter = word.front();
      if (letter == 'b') return mode(word.substr(1));
      if (letter == 'q') return queue_run(word.substr(1));
      if (kWithValue.contains(letter)) return with_value(letter, word.substr(1));
      if (!kPlain.contains(letter)) return fail(whole, "no such option");
      if (letter == 't') out_.recipients_of_header = true;
      if (letter == 'i') out_.dot_ends = false;
    }
  }

  void mode(std::string_view which) {
    if (which == "p")
      out_.mode = CommandLine::Mode::kList;
    else if (which != "m")
      fail("b" + std::string(which), "only -bm (send, the default) and -bp (list the queue) are done here");
  }

  void queue_run(std::string_view interval) {
    if (!interval.empty())
      return fail("q" + std::string(interval), "the agents run their queues themselves; only -q, for a retry at once");
    out_.mode = CommandLine::Mode::kRetry;
  }

  void with_value(char letter, std::string_view joined) {
    auto value = std::string(joined);
    if (joined.empty()) {
      if (next_ == words_.size()) return fail(std::string_view(&letter, 1), "a value is missing");
      value = words_[next_++];
    }
    switch (letter) {
      case 'f':
      case 'r':
        out_.sender = without_brackets(value);
        break;
      case 'F':
        out_.full_name = value;
        break;
      case 'C':
        out_.config_file = value;
        break;
      case 'V':
        out_.envid = value;
        break;
      case 'o':
        out_.dot_ends = out_.dot_ends && value != "i";
        break;
      case 'N':
        notify(value);
        break;
      case 'R':
        ret(value);
        break;
      case 'X':
        fail("X", "sessions are not recorded here");
        break;
      default:
        break;  // A, B, e, h, L, O, p: nothing here depends on them
    }
  }

  void notify(std::string_view value) {
    const auto flags = parse_notify(value);
    if (flags)
      out_.notify = *flags;
    else
      error_ = flags.error();
  }

  void ret(std::string_view value) {
    if (ascii::iequals(value, "full"))
      out_.ret = smtp::Ret::kFull;
    else if (ascii::iequals(value, "hdrs"))
      out_.ret = smtp::Ret::kHeaders;
    else
      fail("R", "expected full or hdrs");
  }

  std::span<const std::string> words_;
  std::size_t next_ = 0;
  bool only_recipients_ = false;
  CommandLine out_;
  std::string error_;
};

}  // namespace

std::expected<CommandLine, std::string> parse_command_line(const std::string& name,
                                                           std::span<const std::string> words) {
  return Parser(words).run(name);
}

std::string help_text() {
  return R"(usage: sendmail [OPTION...] [RECIPIENT...] < MESSAGE
       sendmail -bp | mailq
       sendmail -q

Submits a message by SMTP to an agent of Quartet; lists the agent's queue, or makes its mail due at once.

  -t          recipients from To, Cc and Bcc too; Bcc is taken out
  -i, -oi     a line with a lone dot does not end the message
  -f ADDRESS  the reverse-path; <> for none (default: the user at the host's domain); also -r
  -F NAME     the name in From, if the message has no From
  -N WHEN     notify: never, or some of success,failure,delay (RFC 3461)
  -R WHAT     what a notice returns: full or hdrs
  -V ENVID    the envelope identifier
  -C FILE     the configuration (default: $QUARTET_SENDMAIL_CONFIG, else /etc/quartet/sendmail.txtpb if it is there)
  -bp         list the queues
  -q          make everything in the queues due
  --help      this text
  --version   the version of this program

-bm, -v, -n, -m, -U, -G, -A, -B, -e, -h, -L, -O, -p and other -o are taken and have no effect.

environment: QUARTET_SENDMAIL_SERVER (ADDRESS:PORT or unix:/path; default 127.0.0.1:25), QUARTET_TARGET (control plane)

exit codes (sysexits): 0 accepted for all recipients; 64 wrong usage; 65 the message is refused or cannot be sent as it is;
67 no such user; 68 no such host; 69 refused; 75 try again later; 76 no SMTP spoken; 77 not allowed; 78 bad configuration.
With several refusals it is that of the first for good, else 75; the standard error names each.
)";
}

}  // namespace quartet::sendmail
