#include "common/dns/resolver.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "common/async/wait.h"
#include "common/dns/codec.h"
#include "common/dns/exchange.h"
#include "common/dns/servers.h"

namespace quartet::dns {
namespace {

using async::Deadline;
using async::Task;
using LookupResult = std::expected<std::shared_ptr<const RecordSet>, Error>;

constexpr int kMaxAliases = 8;
constexpr std::chrono::seconds kMaxTtl{86400};
constexpr std::chrono::seconds kMaxNegativeTtl{3 * 3600};  // RFC 2308 section 5
constexpr std::chrono::seconds kFailureTtl{1};             // RFC 9520 section 3.2
constexpr std::chrono::hours kNoEdns{1};
constexpr std::chrono::milliseconds kMaxTryTimeout{10000};

std::string describe(const Question& question, std::string_view what) {
  return fmt::format("{} {}: {}", to_string(question.type), question.name, what);
}

Error failure(Code code, const Question& question, std::string_view detail = {}) {
  return Error{code, describe(question, detail.empty() ? to_string(code) : detail), false};
}

/// Whether `zone` is `name` or above it.
bool encloses(std::string_view zone, std::string_view name) {
  if (zone == "." || zone == name) return true;
  return name.size() > zone.size() && name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.';
}

/// How long a negative answer holds: RFC 2308 section 5; without an SOA not at all.
std::chrono::seconds negative_ttl(const Message& message, std::string_view name) {
  for (const auto& record : message.authority) {
    const auto* const soa = std::get_if<Soa>(&record.data);
    if (soa != nullptr && encloses(record.name, name))
      return std::min(std::chrono::seconds(std::min(record.ttl, soa->minimum)), kMaxNegativeTtl);
  }
  return {};
}

/// Whether this answer settles the question; otherwise another server may know better.
bool settles(const Message& message) {
  return message.code == ResponseCode::kNoSuchDomain || (message.code == ResponseCode::kNoError && !message.referral);
}

/// Whether no server is to blame, and none would do better.
bool is_ours(Code code) { return code == Code::kCancelled || code == Code::kBadName || code == Code::kScarce; }

bool refuses_edns(ResponseCode code) {
  return code == ResponseCode::kFormatError || code == ResponseCode::kNotImplemented ||
         code == ResponseCode::kBadVersion;
}

/// What a message says about a question: records, or the alias to follow, or that there is nothing.
struct Reading {
  std::string name;  // after the aliases within the message
  std::vector<Record> records;
  std::chrono::seconds ttl = kMaxTtl;
  int aliases = 0;
};

Reading read(const Message& message, const Question& question) {
  Reading reading{question.name, {}, kMaxTtl, 0};
  const auto shorten = [&reading](const Record& record) {
    reading.ttl = std::min(reading.ttl, std::chrono::seconds(record.ttl));
  };
  while (reading.aliases <= kMaxAliases) {
    const Record* alias = nullptr;
    for (const auto& record : message.answers) {
      if (record.name != reading.name) continue;
      if (record.type == question.type) {
        reading.records.push_back(record);
        shorten(record);
      } else if (record.type == Type::kCname) {
        alias = &record;
      }
    }
    if (!reading.records.empty() || alias == nullptr) return reading;
    shorten(*alias);
    reading.name = std::get<std::string>(alias->data);
    ++reading.aliases;
  }
  return reading;
}

/// A look-up in progress, which others that ask the same wait for instead of asking again.
struct Flight {
  async::Event done;
  std::optional<Outcome> outcome;
};

struct QuestionHash {
  std::size_t operator()(const Question& question) const {
    return std::hash<std::string>{}(question.name) + static_cast<std::size_t>(question.type);
  }
};

}  // namespace

class Resolver::Impl {
 public:
  Impl(ResolverOptions options, std::shared_ptr<Cache> cache)
      : options_(std::move(options)), servers_(options_.servers, options_.rotate), cache_(std::move(cache)) {}

  Task<LookupResult> lookup(Question question, Deadline deadline);

 private:
  Task<Outcome> lead(Question question, Deadline deadline);
  Task<Outcome> resolve(Question question, int aliases, Deadline deadline);
  Task<Outcome> follow(Question question, Reading reading, bool authentic, int aliases, Deadline deadline);
  Task<std::expected<Message, Error>> ask(Question question, Deadline deadline);
  Task<std::expected<Message, Error>> ask_server(std::size_t index, Question question, Deadline deadline);
  bool trusts(const net::Address& server) const { return options_.trust_servers || server.is_loopback(); }

  ResolverOptions options_;
  Servers servers_;
  std::shared_ptr<Cache> cache_;
  std::unordered_map<Question, std::shared_ptr<Flight>, QuestionHash> flights_;
};

Task<LookupResult> Resolver::Impl::lookup(Question question, Deadline deadline) {
  for (;;) {
    if (auto cached = cache_->find(question, std::chrono::steady_clock::now())) co_return cached->result;
    const auto found = flights_.find(question);
    if (found == flights_.end()) break;
    const auto flight = found->second;
    const auto waited = co_await flight->done.wait(deadline);
    if (waited == async::Wait::kTimedOut) co_return std::unexpected(failure(Code::kTimedOut, question));
    if (waited == async::Wait::kCancelled) co_return std::unexpected(failure(Code::kCancelled, question));
    // The one who asked may have been cancelled, or had less time than we: then we ask.
    const bool settled = flight->outcome->result || (flight->outcome->result.error().code != Code::kCancelled &&
                                                     flight->outcome->result.error().code != Code::kTimedOut);
    if (settled || deadline.passed()) co_return flight->outcome->result;
  }
  const auto outcome = co_await lead(std::move(question), deadline);
  co_return outcome.result;
}

Task<Outcome> Resolver::Impl::lead(Question question, Deadline deadline) {
  const auto flight = std::make_shared<Flight>();
  flights_.emplace(question, flight);
  auto outcome = co_await resolve(question, 0, deadline);
  cache_->put(question, outcome, std::chrono::steady_clock::now());
  flights_.erase(question);
  flight->outcome = outcome;
  flight->done.set();
  co_return outcome;
}

Task<Outcome> Resolver::Impl::resolve(Question question, int aliases, Deadline deadline) {
  const auto message = co_await ask(question, deadline);
  const auto now = std::chrono::steady_clock::now();
  if (!message) {
    const bool lasting = message.error().code == Code::kServerFailed;
    co_return Outcome{std::unexpected(message.error()), lasting ? now + kFailureTtl : now};
  }
  auto reading = read(*message, question);
  if (!reading.records.empty()) {
    const auto expires = now + reading.ttl;
    co_return Outcome{std::make_shared<const RecordSet>(
                          RecordSet{std::move(reading.name), std::move(reading.records), message->authentic, expires}),
                      expires};
  }
  if (message->code == ResponseCode::kNoError && reading.aliases > 0)
    co_return co_await follow(std::move(question), std::move(reading), message->authentic, aliases, deadline);
  const auto code = message->code == ResponseCode::kNoSuchDomain ? Code::kNoSuchDomain : Code::kNoData;
  auto error = failure(code, question);
  error.authentic = message->authentic;
  co_return Outcome{std::unexpected(std::move(error)),
                    now + std::min(reading.ttl, negative_ttl(*message, reading.name))};
}

/// The answer ended with an alias to a name it says nothing about. It is asked for by itself, not through flights_:
/// aliases in a circle would wait for themselves.
Task<Outcome> Resolver::Impl::follow(Question question, Reading reading, bool authentic, int aliases,
                                     Deadline deadline) {
  aliases += reading.aliases;
  const auto start = std::chrono::steady_clock::now();
  if (aliases > kMaxAliases)
    co_return Outcome{std::unexpected(failure(Code::kCnameLoop, question)), start + reading.ttl};
  const Question target{reading.name, question.type};
  auto outcome = cache_->find(target, start);
  if (!outcome) {
    outcome = co_await resolve(target, aliases, deadline);
    cache_->put(target, *outcome, std::chrono::steady_clock::now());
  }
  outcome->expires = std::min(outcome->expires, start + reading.ttl);
  if (outcome->result) {
    auto combined = **outcome->result;
    combined.authentic = combined.authentic && authentic;
    combined.expires = outcome->expires;
    outcome->result = std::make_shared<const RecordSet>(std::move(combined));
  } else {
    outcome->result.error().authentic = outcome->result.error().authentic && authentic;
  }
  co_return std::move(*outcome);
}

Task<std::expected<Message, Error>> Resolver::Impl::ask(Question question, Deadline deadline) {
  Error last = failure(Code::kTimedOut, question);
  std::vector<bool> hopeless(servers_.size());
  auto timeout = options_.try_timeout;
  for (int round = 0; round < options_.rounds; ++round, timeout = std::min(timeout * 2, kMaxTryTimeout)) {
    for (const std::size_t index : servers_.order(std::chrono::steady_clock::now())) {
      if (hopeless[index]) continue;
      if (deadline.passed()) co_return std::unexpected(last);
      auto message = co_await ask_server(index, question, earlier(deadline, Deadline::after(timeout)));
      if (message && settles(*message)) {
        servers_.answered(index);
        co_return std::move(*message);
      }
      if (!message && is_ours(message.error().code)) co_return std::unexpected(std::move(message.error()));
      servers_.failed(index, std::chrono::steady_clock::now());
      // A server that said no says no again; one that said nothing is asked again.
      hopeless[index] = message || message.error().code == Code::kServerFailed;
      if (!message)
        last = failure(message.error().code, question, message.error().detail);
      else
        last =
            failure(Code::kServerFailed, question,
                    fmt::format("server {}: {}", servers_[index].address.to_string(),
                                message->referral ? "does not recurse"
                                                  : fmt::format("response code {}", static_cast<int>(message->code))));
    }
  }
  co_return std::unexpected(std::move(last));
}

Task<std::expected<Message, Error>> Resolver::Impl::ask_server(std::size_t index, Question question,
                                                               Deadline deadline) {
  const auto address = servers_[index].address;
  ExchangeOptions options;
  options.authentic_data = trusts(address);
  options.edns = servers_[index].no_edns_until <= std::chrono::steady_clock::now();
  auto message = co_await exchange(address, question, options, deadline);
  if (message && options.edns && refuses_edns(message->code)) {
    options.edns = false;
    message = co_await exchange(address, question, options, deadline);
    if (message && !refuses_edns(message->code))
      servers_[index].no_edns_until = std::chrono::steady_clock::now() + kNoEdns;
  }
  if (message) message->authentic = message->authentic && trusts(address);
  co_return message;
}

namespace {

template <typename T>
Result<T> values_of(const LookupResult& found) {
  if (!found) return std::unexpected(found.error());
  Records<T> records{{}, (*found)->canonical_name, (*found)->authentic, (*found)->expires};
  for (const auto& record : (*found)->records) records.values.push_back(std::get<T>(record.data));
  return records;
}

}  // namespace

Resolver::Resolver(ResolverOptions options, std::shared_ptr<Cache> cache)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(cache))) {}
Resolver::~Resolver() = default;

Task<LookupResult> Resolver::lookup(Question question, Deadline deadline) {
  auto name = canonical_name(question.name);
  if (!name) co_return std::unexpected(failure(Code::kBadName, question));
  question.name = std::move(*name);
  co_return co_await impl_->lookup(std::move(question), deadline);
}

Task<Result<std::string>> Resolver::a(std::string name, Deadline deadline) {
  const auto found = co_await lookup({std::move(name), Type::kA}, deadline);
  co_return values_of<std::string>(found);
}

Task<Result<std::string>> Resolver::aaaa(std::string name, Deadline deadline) {
  const auto found = co_await lookup({std::move(name), Type::kAaaa}, deadline);
  co_return values_of<std::string>(found);
}

Task<Result<Mx>> Resolver::mx(std::string name, Deadline deadline) {
  const auto found = co_await lookup({std::move(name), Type::kMx}, deadline);
  co_return values_of<Mx>(found);
}

Task<Result<std::string>> Resolver::txt(std::string name, Deadline deadline) {
  const auto found = co_await lookup({std::move(name), Type::kTxt}, deadline);
  co_return values_of<std::string>(found);
}

Task<Result<Tlsa>> Resolver::tlsa(std::string name, Deadline deadline) {
  const auto found = co_await lookup({std::move(name), Type::kTlsa}, deadline);
  co_return values_of<Tlsa>(found);
}

Task<Result<std::string>> Resolver::ptr(std::string ip, Deadline deadline) {
  auto name = reverse_name(ip);
  if (!name) co_return std::unexpected(failure(Code::kBadName, {std::move(ip), Type::kPtr}));
  const auto found = co_await lookup({std::move(*name), Type::kPtr}, deadline);
  co_return values_of<std::string>(found);
}

}  // namespace quartet::dns
