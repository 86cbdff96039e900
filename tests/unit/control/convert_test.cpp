// From selectors to filters, events held against them, text made fit for protobuf.
#include "common/control/convert.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::control;
using std::chrono::hours;
using std::chrono::microseconds;

namespace {

const auto kNow = from_micros(1'800'000'000'000'000);

std::string error_of(const v1::Selector& selector) {
  const auto filter = to_filter(selector, kNow);
  return filter ? "" : filter.error();
}

spool::Event event_for(const std::string& sender, const std::string& recipient) {
  spool::Event event;
  event.recipient = {Id(1, 2), 3};
  event.reverse_path = sender;
  event.address = recipient;
  event.reply.code = 452;
  event.trace_id = "t";
  return event;
}

bool matches(const v1::Selector& selector, const spool::Event& event) {
  const auto filter = to_event_filter(selector);
  REQUIRE(filter.has_value());
  return control::matches(*filter, event);
}

}  // namespace

TEST_CASE("every condition of a selector reaches the filter", "[control]") {
  v1::Selector selector;
  CHECK(has_no_condition(selector));
  selector.add_id(Id(1, 2).to_string());
  selector.set_sender("");
  selector.set_sender_domain("a.test");
  selector.set_recipient("x@b.test");
  selector.add_recipient_domain(".b.test");
  selector.add_recipient_domain(".B\u00fccher.example");
  selector.add_state(v1::STATE_HELD);
  selector.mutable_older_than()->set_seconds(7200);
  selector.mutable_newer_than()->set_seconds(36'000);
  selector.mutable_next_attempt_from()->set_seconds(5);
  selector.mutable_next_attempt_before()->set_nanos(3000);
  selector.set_last_code(452);
  selector.set_attempts_from(3);
  selector.set_auth_id("");
  selector.set_trace_id("trace");
  CHECK_FALSE(has_no_condition(selector));
  const auto filter = to_filter(selector, kNow);
  REQUIRE(filter.has_value());
  CHECK(filter->ids == std::vector{Id(1, 2)});
  CHECK(filter->sender == "");
  CHECK(filter->sender_domain == "a.test");
  CHECK(filter->recipient == "x@b.test");
  CHECK(filter->recipient_domains == std::vector<std::string>{".b.test", ".xn--bcher-kva.example"});
  CHECK(filter->states == std::vector{spool::State::kHeld});
  // "At least two hours old" includes what is exactly that; ranges of the spool exclude their end.
  CHECK(filter->received_before == kNow - hours(2) + microseconds(1));
  CHECK(filter->received_from == kNow - hours(10) + microseconds(1));
  CHECK(filter->next_attempt_from == from_micros(5'000'000));
  CHECK(filter->next_attempt_before == from_micros(3));
  CHECK(filter->last_code == 452);
  CHECK(filter->attempts_from == 3);
  CHECK(filter->auth_id == "");
  CHECK(filter->trace_id == "trace");
}

TEST_CASE("ids of messages and of recipients", "[control]") {
  v1::Selector selector;
  selector.add_id(Id(1, 2).to_string() + ".7");
  const auto filter = to_filter(selector, kNow);
  REQUIRE(filter.has_value());
  CHECK(filter->recipient_ids == std::vector<spool::RecipientId>{{Id(1, 2), 7}});
  CHECK(filter->ids.empty());
  selector.add_id(Id(1, 3).to_string());
  CHECK(error_of(selector).starts_with("id: "));
  for (const auto* text : {"", "x", "01j9", "....", "\xFF"}) {
    selector.clear_id();
    selector.add_id(text);
    CHECK(error_of(selector).starts_with("id: "));
  }
  selector.clear_id();
  selector.add_id(Id(1, 2).to_string() + ".-1");
  CHECK(error_of(selector).starts_with("id: "));
}

TEST_CASE("what makes no sense is named", "[control]") {
  v1::Selector selector;
  selector.set_all(true);
  CHECK(error_of(selector).empty());
  CHECK(has_no_condition(selector));
  selector.set_sender("a@b.test");
  CHECK(error_of(selector).starts_with("all: "));
  selector = {};
  selector.set_last_code(1000);
  CHECK(error_of(selector).starts_with("last_code: "));
  selector = {};
  selector.set_attempts_from(70'000);
  CHECK(error_of(selector).starts_with("attempts_from: "));
  selector = {};
  selector.add_state(v1::STATE_UNSPECIFIED);
  CHECK(error_of(selector).starts_with("state: "));
  selector = {};
  selector.mutable_older_than()->set_seconds(-1);
  CHECK(error_of(selector).starts_with("older_than: "));
  selector = {};
  selector.mutable_newer_than()->set_seconds(INT64_MAX);
  CHECK(error_of(selector).starts_with("newer_than: "));
  selector = {};
  selector.mutable_next_attempt_from()->set_seconds(INT64_MIN);
  CHECK(error_of(selector).starts_with("next_attempt_from: "));
}

TEST_CASE("events are held against a selector", "[control]") {
  const auto event = event_for("Sender@A.test", "x@sub.b.test");
  CHECK(matches(v1::Selector(), event));
  v1::Selector selector;
  selector.set_sender("sender@a.test");
  selector.set_sender_domain("a.TEST");
  selector.set_recipient("X@sub.b.test");
  selector.add_recipient_domain("c.test");
  CHECK_FALSE(matches(selector, event));
  selector.add_recipient_domain(".b.test");
  CHECK(matches(selector, event));
  CHECK_FALSE(matches(selector, event_for("sender@a.test", "x@b.test")));  // ".b.test" is below b.test, not b.test
  selector.set_last_code(452);
  selector.set_trace_id("t");
  selector.add_id(Id(1, 2).to_string() + ".3");
  CHECK(matches(selector, event));
  selector.set_id(0, Id(1, 2).to_string() + ".4");
  CHECK_FALSE(matches(selector, event));
  selector.set_id(0, Id(1, 2).to_string());
  CHECK(matches(selector, event));
  selector.set_last_code(250);
  CHECK_FALSE(matches(selector, event));
  selector = {};
  selector.set_sender("");
  CHECK(matches(selector, event_for("", "x@b.test")));
  CHECK_FALSE(matches(selector, event));
  selector.add_state(v1::STATE_QUEUED);
  CHECK_FALSE(to_event_filter(selector).has_value());
}

TEST_CASE("text becomes valid UTF-8", "[control]") {
  CHECK(utf8("") == "");
  CHECK(utf8("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x93\xA7") == "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x93\xA7");
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(utf8("a\xFFz") == "a" + bad + "z");
  CHECK(utf8("\xC3") == bad);
  CHECK(utf8("\xC0\x80") == bad + bad);                      // overlong
  CHECK(utf8("\xED\xA0\x80") == bad + bad + bad);            // a surrogate
  CHECK(utf8("\xF4\x90\x80\x80") == bad + bad + bad + bad);  // beyond U+10FFFF
  CHECK(utf8("\xE2\x82") == bad + bad);
  CHECK(utf8("abc\xC3\xBC", 4) == "abc");  // never half a character
  CHECK(utf8("abc\xC3\xBC", 5) == "abc\xC3\xBC");
}

TEST_CASE("times before 1970 and between seconds", "[control]") {
  google::protobuf::Timestamp time;
  set(time, from_micros(1'500'000));
  CHECK(time.seconds() == 1);
  CHECK(time.nanos() == 500'000'000);
  set(time, from_micros(-1));
  CHECK(time.seconds() == -1);
  CHECK(time.nanos() == 999'999'000);
}
