// Threading: RFC 5256 section 3, step by step.
#include "imapd/proto/thread_tree.h"

#include <catch2/catch.hpp>
#include <deque>

using namespace quartet::imapd;

namespace {

/// Message n of a mailbox, sent n seconds after the epoch.
ThreadMessage message(std::uint32_t number, std::string_view id, std::vector<std::string_view> references = {},
                      std::string_view subject = {}, bool is_reply = false) {
  return {.number = number,
          .sent = number,
          .id = id,
          .references = std::move(references),
          .subject = subject,
          .is_reply = is_reply};
}

}  // namespace

TEST_CASE("replies hang under what they refer to", "[thread]") {
  CHECK(thread_by_references({}).empty());
  CHECK(thread_by_references({message(1, "a"), message(2, "b", {"a"}), message(3, "c", {"a", "b"})}) == "(1 2 3)");
  CHECK(thread_by_references({message(1, "a"), message(2, "b", {"a"}), message(3, "c", {"a"})}) == "(1 (2)(3))");
  CHECK(thread_by_references({message(1, "c", {"a", "b"}), message(2, "b", {"a"}), message(3, "a")}) == "(3 2 1)");
}

TEST_CASE("what is missing between messages does not part them", "[thread]") {
  CHECK(thread_by_references({message(1, "a"), message(2, "c", {"a", "gone"})}) == "(1 2)");
  CHECK(thread_by_references({message(1, "b", {"gone"}), message(2, "c", {"gone"})}) == "((1)(2))");
  CHECK(thread_by_references({message(1, "b", {"gone"})}) == "(1)");
  CHECK(thread_by_references({message(1, "b", {"x", "y"}), message(2, "c", {"x", "z"})}) == "((1)(2))");
}

TEST_CASE("loops and equal Message-IDs", "[thread]") {
  CHECK(thread_by_references({message(1, "a", {"b"}), message(2, "b", {"a"})}) == "(2 1)");
  CHECK(thread_by_references({message(1, "a", {"a"})}) == "(1)");
  CHECK(thread_by_references({message(1, "a"), message(2, "a")}) == "(1)(2)");
  CHECK(thread_by_references({message(1, ""), message(2, "")}) == "(1)(2)");
}

TEST_CASE("threads of one subject are merged", "[thread]") {
  CHECK(thread_by_references({message(1, "a", {}, "s"), message(2, "b", {}, "s", true)}) == "(1 2)");
  CHECK(thread_by_references({message(1, "a", {}, "s", true), message(2, "b", {}, "s")}) == "(2 1)");
  CHECK(thread_by_references({message(1, "a", {}, "s"), message(2, "b", {}, "s"), message(3, "c", {}, "s")}) ==
        "((1)(2)(3))");
  CHECK(thread_by_references({message(1, "a", {"x"}, "s"), message(2, "b", {"x"}, "s"), message(3, "c", {}, "s")}) ==
        "((1)(2)(3))");
  CHECK(thread_by_references({message(1, "a", {}, ""), message(2, "b", {}, "")}) == "(1)(2)");
}

TEST_CASE("a thread as deep as a mailbox is long", "[thread]") {
  std::deque<std::string> ids{"1"};
  std::vector<ThreadMessage> messages{message(1, ids.back())};
  std::string expected = "(1";
  for (std::uint32_t n = 2; n <= 200'000; ++n) {
    const std::string_view before = ids.back();
    messages.push_back(message(n, ids.emplace_back(std::to_string(n)), {before}));
    expected += " " + ids.back();
  }
  CHECK(thread_by_references(messages) == expected + ")");
}

TEST_CASE("threads by subject and date", "[thread]") {
  CHECK(thread_by_subject({}).empty());
  CHECK(thread_by_subject({message(1, "", {}, "b"), message(2, "", {}, "a"), message(3, "", {}, "b"),
                           message(4, "", {}, "a"), message(5, "", {}, "b")}) == "(1 (3)(5))(2 4)");
}

TEST_CASE("Message-IDs of a field", "[thread]") {
  CHECK(message_ids("<a@b> (x) <\"c d\"@e>\n <broken <f@g>") == std::vector<std::string>{"a@b", "cd@e", "broken<f@g"});
  CHECK(message_ids("no id <here>").empty());
  CHECK(message_ids("<cut@off").empty());
}
