// Makes a spool with many queued recipients, through the spool itself: what tests/bench/queue measures with.
//
//   queue_fill DIRECTORY RECIPIENTS OCTETS [crash]
//
// One recipient a message, bodies of OCTETS, all due a day later; a fifth has an attempt and a reply behind it. With
// "crash" the process ends as by kill -9, else it closes the spool.
#include <fmt/format.h>

#include <cstdlib>
#include <semaphore>
#include <string>

#include "common/base/ascii.h"
#include "common/base/id.h"
#include "common/spool/spool.h"

using namespace quartet;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kDomains = 10'000, kSenders = 10'000, kReplies = 100;
constexpr std::uint64_t kDeferEvery = 5;
constexpr std::ptrdiff_t kAtOnce = 4096;  // messages under way to the disk
constexpr std::size_t kClaims = 1000;

/// A number that looks random and is the same in each run (splitmix64).
std::uint64_t scatter(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

WallTime later(std::uint64_t number) { return wall_now() + hours(24) + seconds(scatter(number) % 86'400); }

/// As an mta's intake makes them.
spool::NewMessage message(std::uint64_t number, std::size_t octets) {
  spool::NewMessage made;
  made.envelope.reverse_path = fmt::format("sender{}@source.example", scatter(number) % kSenders);
  made.envelope.client = fmt::format("192.0.2.{}:{}", number % 250, 32'768 + scatter(number) % 28'000);
  made.envelope.trace_id = Id::make().to_string();
  made.recipients.push_back({fmt::format("user{}@d{}.example", number, scatter(number * 3) % kDomains), 0, {}});
  const auto head = fmt::format("Subject: number {}\r\nMessage-ID: <{}@source.example>\r\n\r\n", number, number);
  made.body = {head + std::string(octets > head.size() ? octets - head.size() : 0, 'x')};
  if (number % kDeferEvery != 0) made.due = later(number);
  return made;
}

void fill(spool::Spool& queue, std::uint64_t recipients, std::size_t octets) {
  std::counting_semaphore<kAtOnce> room(kAtOnce);
  for (std::uint64_t i = 0; i < recipients; ++i) {
    room.acquire();
    queue.submit(message(i, octets), [&room](const std::expected<spool::MessageId, spool::SpoolError>& id) {
      if (!id) {
        fmt::print(stderr, "queue_fill: {}\n", id.error().detail);
        std::_Exit(1);
      }
      room.release();
    });
  }
  for (std::ptrdiff_t i = 0; i < kAtOnce; ++i) room.acquire();
}

void defer(spool::Spool& queue) {
  std::uint64_t number = 0;
  std::counting_semaphore<kAtOnce> done(0);
  std::ptrdiff_t batches = 0;
  for (auto claims = queue.claim_due(wall_now(), kClaims); !claims.empty();
       claims = queue.claim_due(wall_now(), kClaims)) {
    std::vector<spool::Outcome> outcomes;
    for (const auto& claim : claims) {
      auto& outcome = outcomes.emplace_back();
      outcome.recipient = claim.id();
      outcome.result = spool::Result::kDeferred;
      outcome.reply = {451, "4.3.0", fmt::format("try again later, {}", number % kReplies), "mx.d.example"};
      outcome.next_attempt = later(++number);
    }
    queue.record(std::move(outcomes), [&done](const std::expected<void, spool::SpoolError>&) { done.release(); });
    ++batches;
  }
  for (; batches > 0; --batches) done.acquire();
}

}  // namespace

int main(int argc, char** argv) {
  const auto recipients = argc >= 4 ? ascii::to_number(argv[2]) : std::nullopt;
  const auto octets = argc >= 4 ? ascii::to_number(argv[3]) : std::nullopt;
  const bool crash = argc == 5 && std::string_view(argv[4]) == "crash";
  if (!recipients || !octets || (argc == 5 && !crash) || argc > 5) {
    fmt::print(stderr, "usage: queue_fill DIRECTORY RECIPIENTS OCTETS [crash]\n");
    return 2;
  }
  spool::Options options;
  options.directory = argv[1];
  auto queue = spool::Spool::open(std::move(options));
  if (!queue) {
    fmt::print(stderr, "queue_fill: {}\n", queue.error().detail);
    return 1;
  }
  fill(**queue, *recipients, *octets);
  defer(**queue);
  if (crash) std::_Exit(0);
  (*queue)->close();
  fmt::print("{}\n", (*queue)->counts().total_recipients());
}
