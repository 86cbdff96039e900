// THREAD: RFC 5256.
#include <algorithm>
#include <span>

#include "common/async/thread_pool.h"
#include "imapd/column_reader.h"
#include "imapd/commands.h"
#include "imapd/proto/thread_tree.h"
#include "imapd/search_terms.h"
#include "imapd/searcher.h"
#include "imapd/sort_rows.h"
#include "imapd/thread_data.h"

namespace quartet::imapd {
namespace {

// Threading more than these takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kMany = 4096;
// References of all messages together, about: what they are is in memory as long as it takes.
constexpr std::size_t kMostReferences = 4'000'000;

}  // namespace

Answer thread(Context& context, const Thread& command, bool uid) {
  const auto terms = co_await search_terms(context, {command.key, command.charset});
  if (!terms) co_return terms.error();
  const auto mailbox = searched(*context.selected);
  const auto found = co_await find_matching(context, mailbox, terms->key);
  if (!found) co_return found.error();
  const auto& view = mailbox.view;
  std::vector<ThreadMessage> messages(found->positions.size());
  for (std::size_t row = 0; row < messages.size(); ++row) {
    const auto position = found->positions[row];
    const auto& entry = (*view)[position];
    messages[row].number = uid ? entry.uid : static_cast<std::uint32_t>(position + 1);
    messages[row].sent = entry.internaldate / 1'000'000;
  }
  const std::vector<Column> columns{{Column::Kind::kThread}, {Column::Kind::kSent}};
  const bool references = command.algorithm == Thread::Algorithm::kReferences;
  const auto most = references ? kMostReferences / std::max<std::size_t>(messages.size(), 1) + 1 : 0;
  const auto use = [&messages, most](std::size_t row, std::span<const std::string_view> texts) {
    read_thread(texts[0], most, messages[row]);
    messages[row].sent = sent_time(texts[1], messages[row].sent);
  };
  // What they refer to.
  HeldTexts held;
  const auto failed = co_await each_text(context, {view, found->positions, columns, &held}, use);
  if (failed) co_return *failed;
  const auto run = [&messages, references] {
    return references ? thread_by_references(messages) : thread_by_subject(messages);
  };
  std::string threads;
  if (context.services.workers == nullptr || messages.size() < kMany)
    threads = run();
  else
    threads = co_await async::offload(*context.services.workers, run);
  context.output.text().append("* THREAD").append(threads.empty() ? "" : " ").append(threads).append("\r\n");
  co_return Reply::ok("Threaded");
}

}  // namespace quartet::imapd
