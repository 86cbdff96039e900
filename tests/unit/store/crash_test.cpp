// What was acknowledged survives the end of the process at any moment.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "common/async/task_group.h"
#include "common/base/encoding.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::store;

namespace {

/// What the child reports through a pipe after each acknowledged delivery; fits in one atomic write.
struct Acknowledged {
  MailboxRef mailbox;
  std::uint64_t modseq = 0;
  std::uint32_t uid = 0;
  std::uint32_t uidvalidity = 0;
  std::uint32_t number = 0;  // the subject
};

std::string body(std::uint32_t number) {
  std::string text = message(std::to_string(number));
  text.append(number % 3'000, static_cast<char>('a' + number % 26));
  return text;
}

async::Task<void> deliver_and_report(Store& store, std::uint32_t worker, int pipe) {
  for (std::uint32_t n = 0;; ++n) {
    const std::uint32_t number = worker * 1'000'000 + n;
    std::vector<DeliveryTarget> targets(2);
    targets[0].account = "user" + std::to_string(number % 5) + "@a.test";
    targets[1].account = "user" + std::to_string((number + 1) % 5) + "@a.test";
    auto results = co_await store.deliver(targets, std::make_shared<const std::string>(body(number)), wall_now());
    for (const auto& result : results) {
      if (!result) ::_exit(3);
      const Acknowledged done{result->mailbox, result->modseq, result->uid, result->uidvalidity, number};
      if (::write(pipe, &done, sizeof(done)) != sizeof(done)) ::_exit(4);
    }
  }
}

async::Task<void> load(Store& store, int pipe) {
  async::TaskGroup group;
  for (std::uint32_t worker = 1; worker <= 10; ++worker) group.spawn(deliver_and_report(store, worker, pipe));
  co_await group.join();
}

[[noreturn]] void child(const Options& options, int pipe) {
  auto store = open_store(options);
  if (!store) ::_exit(2);
  async::Loop loop;
  loop.block_on(load(**store, pipe));
  ::_exit(0);
}

/// Runs a child until it has reported `count` deliveries and some, then kills it; gives all it reported.
std::vector<Acknowledged> run_and_kill(const Options& options, std::size_t count) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    child(options, ends[1]);
  }
  ::close(ends[1]);
  std::vector<Acknowledged> all;
  Acknowledged one;
  while (::read(ends[0], &one, sizeof(one)) == static_cast<ssize_t>(sizeof(one))) {
    all.push_back(one);
    if (all.size() == count) ::kill(pid, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(WIFSIGNALED(status));
  return all;
}

}  // namespace

TEST_CASE("every acknowledged delivery survives kill -9, and no UID or modseq comes again", "[store]") {
  const Directory directory;
  const Options options = test_options(directory);
  std::map<MailboxRef, std::map<std::uint32_t, std::uint32_t>> known;  // UID, number of the message
  std::map<MailboxRef, std::uint64_t> highest_modseq;
  for (int round = 0; round < 5; ++round) {
    const auto reported = run_and_kill(options, 150 + static_cast<std::size_t>(round) * 37);
    for (const Acknowledged& one : reported) {
      INFO("round " << round << " uid " << one.uid);
      const auto [place, added] = known[one.mailbox].emplace(one.uid, one.number);
      CHECK(added);
      CHECK(one.modseq > (round == 0 ? 0 : highest_modseq[one.mailbox]));
    }
    Fixture f([&](Options& own) {
      own.directory = options.directory;
      own.postgres = options.postgres;
    });
    for (const auto& [mailbox, messages] : known) {
      const auto snapshot = f.must(f.store->snapshot(mailbox));
      highest_modseq[mailbox] = snapshot->highest_modseq();
      for (const auto& [uid, number] : messages) {
        const auto position = snapshot->find(uid);
        REQUIRE(position);
        CHECK(*f.must(f.store->read(mailbox, (*snapshot)[*position].object)) == body(number));
      }
      // Rows of deliveries that were cut off before their answer are whole too.
      for (std::size_t n = 0; n < snapshot->size(); ++n) {
        CHECK(f.must(f.store->read(mailbox, (*snapshot)[n].object))->size() == (*snapshot)[n].size);
        if (!messages.contains((*snapshot)[n].uid)) known[mailbox].emplace((*snapshot)[n].uid, 0);
      }
      std::erase_if(known[mailbox], [](const auto& item) { return item.second == 0; });
      const auto status = f.must(f.store->status(mailbox));
      CHECK(status.messages == snapshot->size());
      CHECK(status.uidnext > (*snapshot)[snapshot->size() - 1].uid);
    }
    // Segments the dead child left, with bytes in use, must outlive a collection.
    f.must(f.store->gc());
  }
}

TEST_CASE("collection by one process leaves what others use and takes what nobody does", "[store]") {
  const Directory directory;
  const Options options = test_options(directory);
  (void)run_and_kill(options, 60);
  Fixture f([&](Options& own) {
    own.directory = options.directory;
    own.postgres = options.postgres;
  });
  for (int user = 0; user < 5; ++user) {
    const MailboxRef mailbox = f.inbox("user" + std::to_string(user) + "@a.test");
    f.must(f.store->store_flags(mailbox, {{1, kMaxUid}}, {FlagMode::kAdd, flag::kDeleted, {}, {}}));
    f.must(f.store->expunge(mailbox, std::nullopt));
  }
  GcReport report = f.must(f.store->gc());
  CHECK(report.objects_released > 0);
  if (!options.postgres.empty()) return;  // there are no segments
  // The new process took over the dead one's journal, whose segment is given up once a newer one is in use.
  for (int n = 0; n < 10 && report.segments_removed == 0; ++n) {
    f.deliver(message("next"));
    report = f.must(f.store->gc());
  }
  CHECK(report.segments_removed == 1);
}
