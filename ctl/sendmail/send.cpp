#include "ctl/sendmail/send.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <istream>
#include <iterator>
#include <numeric>
#include <optional>
#include <ostream>

#include "common/async/loop.h"
#include "common/mime/lines.h"
#include "common/mime/seven_bit.h"
#include "common/net/socket.h"
#include "common/smtp/too_many.h"
#include "ctl/sendmail/exit_code.h"
#include "ctl/sendmail/letter.h"
#include "ctl/values.h"

namespace quartet::sendmail {
namespace {

/// A program waits for us, perhaps a web server's: it is told to come back long before the RFC's five minutes.
constexpr std::chrono::seconds kConnect{30};

/// Who runs us: real user, as with every sendmail that is set-uid or is called by such.
Author author_of(const CommandLine& line, const Settings& settings) {
  const auto* const user = ::getpwuid(::getuid());
  const std::string login = user != nullptr ? user->pw_name : fmt::format("uid{}", ::getuid());
  Author author;
  author.address = login + "@" + settings.domain;
  author.hostname = settings.client.hostname;
  author.full_name = line.full_name;
  if (author.full_name.empty() && user != nullptr && user->pw_gecos != nullptr) {
    const std::string_view gecos = user->pw_gecos;
    author.full_name = gecos.substr(0, gecos.find(','));  // then office and telephone
  }
  return author;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

smtp::OutboundTransaction transaction_of(const CommandLine& line, const std::string& sender,
                                         const std::vector<std::string>& recipients, const std::string& message) {
  smtp::OutboundTransaction out;
  out.reverse_path = sender;
  out.smtputf8 = !is_ascii(sender);
  out.ret = line.ret;
  out.envid = line.envid;
  out.body = mime::scan_lines(message).eight_bit ? smtp::Body::k8BitMime : smtp::Body::k7Bit;
  for (const auto& address : recipients) {
    out.recipients.push_back({address, line.notify, ""});
    out.smtputf8 = out.smtputf8 || !is_ascii(address);
  }
  out.message = message;
  out.to_seven_bit = [](std::string_view bytes) -> std::optional<std::string> {
    auto converted = mime::to_seven_bit(bytes);
    if (!converted) return std::nullopt;
    return *std::move(converted);
  };
  return out;
}

struct Outcome {
  int code = EX_TEMPFAIL;
  std::string trouble;  // for people; empty if there was none
};

std::string words_of(const smtp::Reply& reply) {
  return fmt::format("{}{}{} {}", reply.code, reply.enhanced.empty() ? "" : " ", reply.enhanced, reply.text());
}

Outcome outcome_of(const smtp::OutboundTransaction& transaction, const smtp::TransactionResult& result) {
  Outcome out{EX_OK, ""};
  for (std::size_t i = 0; i < result.recipients.size(); ++i) {
    const auto& reply = result.recipients[i];
    const auto code = exit_code(reply);
    if (code == EX_OK) continue;
    if (out.code == EX_OK || out.code == EX_TEMPFAIL) out.code = code;
    const auto why = reply.code != 0 ? words_of(reply) : result.broken ? result.broken->detail : "no reply";
    out.trouble += fmt::format("{}<{}>: {}", out.trouble.empty() ? "" : "\n", transaction.recipients[i].address, why);
  }
  return out;
}

/// In as many transactions as the server wants. Who called us would send it to all once more if some were left over.
async::Task<smtp::TransactionResult> send_to_all(smtp::ClientSession& session,
                                                 const smtp::OutboundTransaction& transaction) {
  smtp::TransactionResult all;
  all.recipients.resize(transaction.recipients.size());
  std::vector<std::size_t> left(transaction.recipients.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  const auto limit = session.capabilities().recipients_limit;
  while (!left.empty() && !all.broken) {
    const auto count = limit == 0 ? left.size() : static_cast<std::size_t>(std::min<std::uint64_t>(left.size(), limit));
    auto part = transaction;
    part.recipients.clear();
    for (std::size_t i = 0; i < count; ++i) part.recipients.push_back(transaction.recipients[left[i]]);
    auto result = co_await session.send(part);
    const bool some = std::ranges::any_of(result.recipients, &smtp::Reply::positive);
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < count; ++i) {
      if (some && smtp::is_too_many(result.recipients[i])) again.push_back(left[i]);
      all.recipients[left[i]] = std::move(result.recipients[i]);
    }
    again.insert(again.end(), left.begin() + static_cast<std::ptrdiff_t>(count), left.end());
    left = std::move(again);
    all.broken = std::move(result.broken);
  }
  co_return all;
}

async::Task<Outcome> submit(const net::Address& server, const smtp::ClientOptions& options,
                            const smtp::OutboundTransaction& transaction) {
  auto stream = co_await net::connect(server, {}, async::Deadline::after(kConnect));
  if (!stream) co_return Outcome{EX_TEMPFAIL, server.to_string() + ": " + net::to_string(stream.error())};
  auto session = co_await smtp::ClientSession::open(*std::move(stream), options);
  if (!session) co_return Outcome{exit_code(session.error()), server.to_string() + ": " + session.error().detail};
  const auto result = co_await send_to_all(**session, transaction);
  if (!result.broken) co_await (*session)->quit();
  co_return outcome_of(transaction, result);
}

int complain(std::ostream& err, int code, const std::string& why) {
  for (std::size_t at = 0; at < why.size();) {
    const auto end = std::min(why.find('\n', at), why.size());
    err << "sendmail: " << ctl::plain(std::string_view(why).substr(at, end - at)) << '\n';
    at = end + 1;
  }
  return code;
}

/// Each address once, in order of appearance.
std::vector<std::string> collect(const std::vector<std::string>& words, const std::string& domain) {
  std::vector<std::string> out;
  for (const auto& word : words)
    for (auto& address : addresses_in(word, domain))
      if (std::ranges::find(out, address) == out.end()) out.push_back(std::move(address));
  return out;
}

}  // namespace

int send(const CommandLine& line, Settings settings, std::istream& in, std::ostream& err) {
  auto words = line.recipients;
  if (words.empty() && !line.recipients_of_header) return complain(err, EX_USAGE, "no recipients; --help says more");
  auto author = author_of(line, settings);
  auto sender = author.address;
  if (line.sender) {
    const auto given = addresses_in(*line.sender, settings.domain);
    if (given.empty() && !line.sender->empty()) return complain(err, EX_USAGE, "-f " + *line.sender + ": no address");
    sender = given.empty() ? "" : given.front();
    if (!sender.empty()) author.address = sender;
  }
  const std::string input{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) return complain(err, EX_IOERR, "the message cannot be read");
  const auto letter = make_letter(input, line.dot_ends, line.recipients_of_header, author, wall_now());
  words.insert(words.end(), letter.recipients.begin(), letter.recipients.end());
  const auto recipients = collect(words, settings.domain);
  if (recipients.empty()) return complain(err, EX_USAGE, "no recipients");
  if (!sender.empty() && !smtp::is_mailbox(sender, true))
    return complain(err, EX_USAGE, "<" + sender + ">: no address that SMTP can carry");
  for (const auto& address : recipients)
    if (!smtp::is_mailbox(address, true))
      return complain(err, EX_USAGE, "<" + address + ">: no address that SMTP can carry");
  const auto transaction = transaction_of(line, sender, recipients, letter.message);
  async::Loop loop;
  const auto outcome = loop.block_on(submit(settings.server, settings.client, transaction));
  return complain(err, outcome.code, outcome.trouble);
}

}  // namespace quartet::sendmail
