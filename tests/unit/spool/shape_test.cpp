// The queue by age and group.
#include "helpers.h"

using namespace quartet;
using namespace quartet::spool;
using namespace quartet::spool::test;
using std::chrono::minutes;

TEST_CASE("every recipient is in one age of its group, and in the totals", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  const auto now = wall_now();
  const auto add = [&](minutes age, std::vector<std::string> to, const std::string& from) {
    auto message = message_to(std::move(to), "text", from);
    message.envelope.received = now - age;
    enqueue(*spool, std::move(message));
  };
  add(minutes(0), {"a@b.test", "b@B.test"}, "one@a.test");
  add(minutes(5), {"a@b.test"}, "two@a.test");
  add(minutes(1279), {"a@c.test"}, "one@a.test");
  add(minutes(1280), {"a@c.test"}, "");

  auto shape = spool->shape({}, Shape::By::kRecipientDomain, 10, now);
  CHECK(shape.total.recipients == 5);
  CHECK(shape.total.ages == Shape::Ages{2, 1, 0, 0, 0, 0, 0, 0, 1, 1});
  CHECK(shape.all_groups == 2);
  REQUIRE(shape.groups.size() == 2);
  CHECK(shape.groups[0].name == "b.test");
  CHECK(shape.groups[0].recipients == 3);
  CHECK(shape.groups[0].ages == Shape::Ages{2, 1});
  CHECK(shape.groups[1].name == "c.test");

  shape = spool->shape({}, Shape::By::kSender, 10, now);
  REQUIRE(shape.groups.size() == 3);
  CHECK(shape.groups[0].name == "one@a.test");
  CHECK(shape.groups[0].ages == Shape::Ages{2, 0, 0, 0, 0, 0, 0, 0, 1, 0});
  CHECK(shape.groups[1].name.empty());

  shape = spool->shape({}, Shape::By::kSenderDomain, 1, now);
  CHECK(shape.all_groups == 2);
  REQUIRE(shape.groups.size() == 1);
  CHECK(shape.groups[0].name == "a.test");
  CHECK(shape.groups[0].recipients == 4);

  const auto claims = claim_all(*spool, 1);
  REQUIRE(record(*spool, {deferral_of(claims[0], now)}));
  shape = spool->shape({}, Shape::By::kLastCode, 10, now);
  REQUIRE(shape.groups.size() == 2);
  CHECK(shape.groups[0].name == "0");
  CHECK(shape.groups[1].name == "451");

  Filter filter;
  filter.recipient_domains = {"c.test"};
  CHECK(spool->shape(filter, Shape::By::kRecipientDomain, 10, now).total.recipients == 2);
}

TEST_CASE("a shape of more than one step counts all", "[spool]") {
  const TemporaryDirectory directory;
  auto spool = open_spool(directory.path());
  std::vector<std::string> many;
  for (int i = 0; i < 300; ++i) many.push_back("r@d" + std::to_string(i % 7) + ".test");
  for (int i = 0; i < 10; ++i) enqueue(*spool, message_to(many));
  const auto shape = spool->shape({}, Shape::By::kRecipientDomain, 3, wall_now());
  CHECK(shape.total.recipients == 3'000);
  CHECK(shape.all_groups == 7);
  REQUIRE(shape.groups.size() == 3);
  CHECK(shape.groups[0].name == "d0.test");
  CHECK(shape.groups[0].recipients == 430);
  CHECK(shape.groups[0].ages[0] == 430);
}
