// Any messages become threads in which each stands once, and parentheses that match.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "imapd/proto/thread_tree.h"

using namespace quartet::imapd;

namespace {

/// One line: Message-ID, TAB, References, TAB, subject; a capital at its start makes it a reply.
ThreadMessage message(std::string_view line, std::uint32_t number, std::deque<std::string>& kept) {
  const auto take = [&line] {
    const auto tab = std::min(line.find('\t'), line.size());
    const auto field = line.substr(0, tab);
    line.remove_prefix(std::min(tab + 1, line.size()));
    return field;
  };
  ThreadMessage out;
  out.number = number;
  const auto own = take();
  out.sent = own.empty() ? 0 : own.back();
  if (const auto ids = message_ids(own); !ids.empty()) out.id = kept.emplace_back(ids.front());
  for (const auto& id : message_ids(take())) out.references.push_back(kept.emplace_back(id));
  out.subject = take();
  out.is_reply = !out.subject.empty() && out.subject.front() >= 'A' && out.subject.front() <= 'Z';
  return out;
}

void check(std::string_view threads, std::size_t count) {
  std::vector<bool> seen(count + 1);
  std::size_t depth = 0;
  std::size_t number = 0;
  for (const char c : threads) {
    if (c >= '0' && c <= '9') {
      number = number * 10 + static_cast<std::size_t>(c - '0');
      continue;
    }
    if (number != 0) {
      QUARTET_CHECK(depth > 0 && number <= count && !seen[number]);
      seen[number] = true;
      number = 0;
    }
    QUARTET_CHECK(c == '(' || c == ')' || c == ' ');
    QUARTET_CHECK(c != ')' || depth > 0);
    depth += static_cast<std::size_t>(c == '(') - static_cast<std::size_t>(c == ')');
  }
  QUARTET_CHECK(depth == 0);
  QUARTET_CHECK(std::count(seen.begin(), seen.end(), true) == static_cast<std::ptrdiff_t>(count));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::deque<std::string> kept;
  std::vector<ThreadMessage> messages;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    messages.push_back(message(input.substr(0, end), static_cast<std::uint32_t>(messages.size() + 1), kept));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  check(thread_by_references(messages), messages.size());
  check(thread_by_subject(messages), messages.size());
  return 0;
}
