// Fairness among the senders of one site.
#include "common/relay/ready_queue.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace quartet;
using namespace quartet::relay;

namespace {

Budget& ample() {
  static Budget budget(1'000'000, std::uint64_t{1} << 40);
  return budget;
}

std::shared_ptr<const spool::Message> message_of(const std::string& sender, std::uint64_t size = 4'000) {
  spool::Message message{Id::make(), {}, size, 1};
  message.envelope.reverse_path = sender;
  return std::make_shared<const spool::Message>(std::move(message));
}

bool put(ReadyQueue& queue, const std::shared_ptr<const spool::Message>& message, std::uint32_t ordinal = 0) {
  spool::Claim claim;
  claim.message = message;
  claim.ordinal = ordinal;
  return queue.offer(message, claim, 100);
}

std::string sender_of_next(ReadyQueue& queue) {
  const auto job = queue.take();
  return job ? job->message->envelope.reverse_path : std::string("nothing");
}

}  // namespace

TEST_CASE("a sender is a login, else a reverse-path, else a client", "[relay]") {
  spool::Envelope envelope;
  envelope.client = "192.0.2.1";
  CHECK(sender_of(envelope) == "192.0.2.1");
  envelope.reverse_path = "a@a.test";
  CHECK(sender_of(envelope) == "a@a.test");
  envelope.auth_id = "login";
  CHECK(sender_of(envelope) == "login");
}

TEST_CASE("one sender's messages go in the order in which they came", "[relay]") {
  ReadyQueue queue(2'000, 1u << 30, ample());
  std::vector<std::shared_ptr<const spool::Message>> messages;
  for (int i = 0; i < 500; ++i) {
    messages.push_back(message_of("a@a.test", 1 + static_cast<std::uint64_t>(i) * 100));
    REQUIRE(put(queue, messages.back()));
  }
  for (const auto& message : messages) CHECK(queue.take()->message == message);
  CHECK(queue.empty());
  CHECK(queue.recipients() == 0);
  CHECK(queue.bytes() == 0);
}

TEST_CASE("a letter does not wait behind another's mailing", "[relay]") {
  ReadyQueue queue(2'000, 32u << 20, ample());
  std::size_t bulk = 0;
  while (put(queue, message_of("bulk@a.test"))) ++bulk;
  CHECK(bulk == 1'000);  // the other half is for others
  REQUIRE(put(queue, message_of("person@a.test")));
  int before = 0;
  while (sender_of_next(queue) != "person@a.test") ++before;
  CHECK(before <= 8);
  CHECK(queue.jobs() == bulk - static_cast<std::size_t>(before));
}

TEST_CASE("senders get the same number of octets, whatever the size of their messages", "[relay]") {
  ReadyQueue queue(100'000, std::uint64_t{1} << 40, ample());
  const std::map<std::string, std::uint64_t> sizes = {{"small@a", 1'000}, {"usual@a", 20'000}, {"large@a", 3'000'000}};
  for (const auto& [sender, size] : sizes)
    for (std::uint64_t octets = 0; octets < 60'000'000; octets += size) {
      if (!put(queue, message_of(sender, size))) break;
    }
  std::map<std::string, std::uint64_t> octets;
  for (int i = 0; i < 10'000; ++i) {
    const auto job = queue.take();
    REQUIRE(job);
    const auto& sender = job->message->envelope.reverse_path;
    // By cost: a recipient counts as 1,024 octets.
    octets[sender] += job->message->size + 1'024;
  }
  for (const auto& [sender, size] : sizes) {
    INFO(sender << ": " << octets[sender]);
    CHECK(octets[sender] + 2 * (3'000'000 + 16'384) >= octets["usual@a"]);
    CHECK(octets[sender] <= octets["usual@a"] + 2 * (3'000'000 + 16'384));
  }
}

TEST_CASE("whatever comes and goes: nothing is lost, and no sender waits for long", "[relay]") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 20; ++round) {
    Budget budget(5'000, std::uint64_t{1} << 30);
    ReadyQueue queue(2'000, std::uint64_t{1} << 30, budget);
    const auto senders = 1 + random() % 12;
    std::map<std::string, std::size_t> queued;
    std::map<std::string, std::uint64_t> passed;  // cost of what others sent while this one waited
    std::size_t in = 0, out = 0;
    std::optional<Job> held;
    for (int step = 0; step < 4'000; ++step) {
      const auto choice = random() % 10;
      if (choice < 5) {
        const auto sender = "s" + std::to_string(random() % senders);
        const auto message = message_of(sender, 100 + random() % 30'000);
        const auto recipients = 1 + static_cast<std::uint32_t>(random() % 5);
        for (std::uint32_t i = 0; i < recipients; ++i) {
          if (!put(queue, message, i)) break;
          ++in;
          ++queued[sender];
        }
      } else if (choice < 9 || !held) {
        auto job = queue.take();
        if (!job) continue;
        const auto& sender = job->message->envelope.reverse_path;
        const auto cost = job->message->size + 1'024 * job->recipients.size();
        out += job->recipients.size();
        queued[sender] -= job->recipients.size();
        passed[sender] = 0;
        for (const auto& [other, count] : queued) {
          if (other == sender || count == 0) continue;
          // In one round each of the others takes a turn and at most one message beyond it; it may be in debt for as
          // much.
          passed[other] += cost;
          REQUIRE(passed[other] <= 4 * senders * (16'384 + 40'000));
        }
        if (random() % 4 == 0 && !held) {
          held = std::move(job);
        }
      } else {
        const auto sender = held->message->envelope.reverse_path;
        out -= held->recipients.size();
        queued[sender] += held->recipients.size();
        const auto message = held->message;
        queue.untake(*std::move(held));
        held.reset();
        const auto next = queue.take();
        REQUIRE(next);
        CHECK(next->message == message);
        out += next->recipients.size();
        queued[sender] -= next->recipients.size();
      }
      REQUIRE(queue.recipients() == in - out);
      REQUIRE(budget.recipients() == queue.recipients());
      REQUIRE(budget.bytes() == queue.bytes());
      REQUIRE(queue.recipients() <= 2'000);
    }
    while (queue.take()) {
    }
    CHECK(queue.bytes() == 0);
    CHECK(budget.recipients() == 0);
  }
}
