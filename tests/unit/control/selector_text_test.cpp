// Selectors as text: every condition, and what is refused where.
#include "common/control/selector_text.h"

#include <catch2/catch.hpp>

#include "common/control/convert.h"

using namespace quartet;
using namespace quartet::control;

namespace {
const auto kNow = from_micros(1'800'000'000'000'000);

std::size_t column_of_error(std::string_view text) {
  const auto selector = parse_selector(text, kNow);
  return selector ? 0 : selector.error().column;
}
}  // namespace

TEST_CASE("every condition can be said as text", "[control]") {
  const auto all = parse_selector(
      R"(rcpt=u@x.org and rcpt.domain="x.org",.y.org and sender=<> and sender.domain=z.org and state=held,deferred )"
      R"(AND age >= 2h and age<1d12h and next>=2027-01-01T00:00:00Z and next<30m and last.code=452 and attempts>3 )"
      R"(and auth="a \"b\"" and trace=t and id=i.0)",
      kNow);
  REQUIRE(all.has_value());
  CHECK(all->recipient() == "u@x.org");
  CHECK(all->recipient_domain_size() == 2);
  CHECK(all->recipient_domain(1) == ".y.org");
  CHECK(all->has_sender());
  CHECK(all->sender().empty());
  CHECK(all->sender_domain() == "z.org");
  CHECK(all->state_size() == 2);
  CHECK(all->older_than().seconds() == 7200);
  CHECK(all->older_than().nanos() == 0);
  CHECK(all->newer_than().seconds() == 129'600);
  CHECK(all->next_attempt_from().seconds() == 1'798'761'600);
  CHECK(all->next_attempt_before().seconds() == 1'800'001'800);
  CHECK(all->last_code() == 452);
  CHECK(all->attempts_from() == 4);
  CHECK(all->auth_id() == "a \"b\"");
  CHECK(all->trace_id() == "t");
  CHECK(all->id(0) == "i.0");
}

TEST_CASE("more than is a microsecond more than at least", "[control]") {
  CHECK(parse_selector("age>2h", kNow)->older_than().nanos() == 1000);
  CHECK(parse_selector("age<=2h", kNow)->newer_than().nanos() == 1000);
  CHECK(parse_selector("next>0s", kNow)->next_attempt_from().nanos() == 1000);
}

TEST_CASE("text that makes no sense is refused with its column", "[control]") {
  CHECK(column_of_error("") == 1);
  CHECK(column_of_error("  ") == 3);
  CHECK(column_of_error("colour=red") == 1);
  CHECK(column_of_error("age>2h or age<3h") == 8);
  CHECK(column_of_error("age>2h and") == 11);
  CHECK(column_of_error("age>soon") == 5);
  CHECK(column_of_error("age=2h") == 1);
  CHECK(column_of_error("rcpt<a") == 1);
  CHECK(column_of_error("rcpt a") == 6);
  CHECK(column_of_error("rcpt=a,b") == 8);
  CHECK(column_of_error("state=held,asleep") == 12);
  CHECK(column_of_error("state=held and state=queued") == 16);
  CHECK(column_of_error("last.code=1000") == 11);
  CHECK(column_of_error("auth=\"a") == 6);
  CHECK(column_of_error("next>=tomorrow") == 7);
  CHECK(column_of_error("age>99999999999999999999w") == 5);
}

TEST_CASE("text goes with fields, but not twice", "[control]") {
  v1::Selector selector;
  selector.set_text("last.code=452");
  selector.set_sender("a@x.org");
  const auto filter = to_filter(selector, kNow);
  REQUIRE(filter.has_value());
  CHECK(filter->last_code == 452);
  CHECK(filter->sender == "a@x.org");
  selector.set_last_code(450);
  CHECK(to_filter(selector, kNow).error() == "last_code: given in the text too");
  selector.set_text("age>2h or");
  CHECK(to_filter(selector, kNow).error() == "text: column 8: expected `and`");
  selector.Clear();
  selector.set_all(true);
  selector.set_text("last.code=452");
  CHECK_FALSE(to_filter(selector, kNow).has_value());
  selector.set_all(false);
  CHECK(to_event_filter(selector).has_value());
  selector.set_text("age>1h");
  CHECK_FALSE(to_event_filter(selector).has_value());
}
