// What the disk refuses is an error to who asked, and nothing that was acknowledged or decided is lost.
#include <cerrno>

#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::hours;

namespace {

/// Makes operations fail with an errno while it is set.
struct Fault {
  std::atomic<int> error_number = 0;
  std::atomic<int> operation = static_cast<int>(journal::FileOperation::kWrite);
  std::function<int(journal::FileOperation, const std::string&)> hook() {
    return [this](journal::FileOperation what, const std::string&) {
      return static_cast<int>(what) == operation ? error_number.load() : 0;
    };
  }
};

}  // namespace

TEST_CASE("a message that cannot be written is refused and leaves nothing", "[spool]") {
  const auto [error_number, code] = GENERATE(table<int, ErrorCode>({{ENOSPC, ErrorCode::kNoSpace},
                                                                    {EDQUOT, ErrorCode::kNoSpace},
                                                                    {EIO, ErrorCode::kIo},
                                                                    {EROFS, ErrorCode::kReadOnly}}));
  const auto operation = GENERATE(journal::FileOperation::kWrite, journal::FileOperation::kSync);
  const std::size_t size = GENERATE(100, 50'000);  // in the segment; in a file of its own
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  const auto kept = enqueue(*spool, message_to({"a@b.test"}, "kept"));
  fault.operation = static_cast<int>(operation);
  fault.error_number = error_number;
  const auto refused = try_enqueue(*spool, message_to({"a@b.test"}, std::string(size, 'x')));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == code);
  CHECK(spool->counts().messages == 1);
  if (size == 100) CHECK(spool->fault());
  fault.error_number = 0;
  const auto after = enqueue(*spool, message_to({"a@b.test"}, std::string(size, 'y')));
  CHECK_FALSE(spool->fault());
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  CHECK(reopened->open_report().damage.empty());
  CHECK(body_of(*reopened, kept) == "kept");
  CHECK(body_of(*reopened, after) == std::string(size, 'y'));
}

TEST_CASE("outcomes the disk does not take are written when it does", "[spool]") {
  const int error_number = GENERATE(ENOSPC, EIO, EROFS);
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test", "c@d.test", "e@f.test"}));
  const auto claims = claim_all(*spool);
  REQUIRE(claims.size() == 3);
  fault.error_number = error_number;
  std::promise<bool> first, second;
  spool->record({outcome_of(claims[0], Result::kDelivered), deferral_of(claims[1], wall_now() + hours(1))},
                [&first](auto result) { first.set_value(result.has_value()); });
  REQUIRE(before_long([&] { return spool->stats().retried_records == 1; }));
  CHECK(spool->counts().total_recipients() == 2);  // it counts from now on, whatever the disk says
  // A later change of the same recipient queues up behind.
  (void)spool->reschedule({}, wall_now() + hours(9));
  spool->record({outcome_of(claims[2], Result::kBounced)},
                [&second](auto result) { second.set_value(result.has_value()); });
  REQUIRE(before_long([&] { return spool->stats().retried_records == 3; }));
  const auto before = picture(*spool);
  {
    const CrashCopy copy(directory.path());
    CHECK(open_spool(copy.path())->counts().total_recipients() == 3);  // nothing of it is on disk yet
  }
  fault.error_number = 0;
  CHECK(first.get_future().get());
  CHECK(second.get_future().get());
  REQUIRE(before_long([&] { return spool->stats().retried_records == 0; }));
  const CrashCopy copy(directory.path());
  CHECK(picture(*open_spool(copy.path())) == before);
}

TEST_CASE("a bounce that cannot be written changes nothing", "[spool]") {
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  fault.error_number = ENOSPC;
  std::vector<NewMessage> notice;
  notice.push_back(message_to({"sender@a.test"}, "it failed", ""));
  const auto refused = record(*spool, {outcome_of(claims[0], Result::kBounced)}, notice);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kNoSpace);
  CHECK(spool->counts().messages == 1);
  CHECK(spool->counts().recipients[static_cast<std::size_t>(State::kActive)] == 1);
  fault.error_number = 0;
  REQUIRE(record(*spool, {outcome_of(claims[0], Result::kBounced)}, std::move(notice)));
  CHECK(spool->counts().messages == 1);
  CHECK(spool->list({}, 2)->entries[0].address == "sender@a.test");
}

TEST_CASE("sync() waits for what the disk did not take", "[spool]") {
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test"}));
  fault.error_number = EIO;
  CHECK(spool->hold({}).changed == 1);
  REQUIRE(before_long([&] { return spool->stats().retried_records == 1; }));
  std::thread mend([&fault] { fault.error_number = 0; });
  CHECK(sync(*spool));
  mend.join();
  const CrashCopy copy(directory.path());
  CHECK(open_spool(copy.path())->counts().recipients[static_cast<std::size_t>(State::kHeld)] == 1);
}

TEST_CASE("changes the disk never took are in the checkpoint of close(), or refused", "[spool]") {
  const bool mended = GENERATE(false, true);
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test"}));
  const auto claims = claim_all(*spool);
  fault.error_number = EIO;
  std::promise<bool> told;
  spool->record({outcome_of(claims[0], Result::kDelivered)},
                [&told](auto result) { told.set_value(result.has_value()); });
  REQUIRE(before_long([&] { return spool->stats().retried_records == 1; }));
  if (mended) fault.error_number = 0;
  spool.reset();
  const bool recorded = told.get_future().get();
  CHECK(recorded == mended);
  CHECK(open_spool(directory.path())->counts().messages == (mended ? 0 : 1));
}

TEST_CASE("a failing checkpoint leaves the one before", "[spool]") {
  const auto operation =
      GENERATE(journal::FileOperation::kCreate, journal::FileOperation::kWrite, journal::FileOperation::kSync,
               journal::FileOperation::kRename, journal::FileOperation::kSyncDirectory);
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  enqueue(*spool, message_to({"a@b.test"}));
  REQUIRE(spool->tidy());
  enqueue(*spool, message_to({"c@d.test"}));
  fault.operation = static_cast<int>(operation);
  fault.error_number = EIO;
  CHECK_FALSE(spool->tidy());
  fault.error_number = 0;
  const auto before = picture(*spool);
  const CrashCopy copy(directory.path());
  auto reopened = open_spool(copy.path());
  CHECK(picture(*reopened) == before);
  CHECK(reopened->open_report().checkpoint_used);
  CHECK(reopened->open_report().damage.empty());
}

TEST_CASE("a full disk has room again when the mail on it is delivered", "[spool]") {
  const TemporaryDirectory directory;
  Fault fault;
  auto options = options_for(directory.path());
  options.fault = fault.hook();
  auto spool = open_spool(std::move(options));
  const auto full = [&] { return !try_enqueue(*spool, message_to({"a@b.test"}, std::string(3'000, 'x'))); };
  for (int i = 0; i < 60; ++i) REQUIRE_FALSE(full());                     // some segments
  fault.operation = static_cast<int>(journal::FileOperation::kAllocate);  // a checkpoint still fits
  fault.error_number = ENOSPC;
  for (int i = 0; !full(); ++i) REQUIRE(i < 1'000);
  CHECK(spool->fault());
  std::vector<Outcome> outcomes;
  for (const auto& claim : claim_all(*spool)) outcomes.push_back(outcome_of(claim, Result::kDelivered));
  spool->record(std::move(outcomes));
  CHECK(before_long([&] { return !full(); }));
  CHECK_FALSE(spool->fault());
  CHECK(spool->counts().messages == 1);
}

TEST_CASE("a message with too many recipients for a segment is refused", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::vector<std::string> addresses;
  for (int i = 0; i < 3'000; ++i) addresses.push_back("recipient" + std::to_string(i) + "@some.domain.test");
  const auto refused = try_enqueue(*spool, message_to(std::move(addresses)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kTooLarge);
  CHECK(spool->counts().messages == 0);
}
