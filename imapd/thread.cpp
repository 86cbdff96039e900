// THREAD: RFC 5256.
#include "common/async/thread_pool.h"
#include "imapd/commands.h"
#include "imapd/proto/thread_tree.h"
#include "imapd/search_terms.h"
#include "imapd/searcher.h"
#include "imapd/sort_rows.h"
#include "imapd/text_match.h"

namespace quartet::imapd {
namespace {

// Threading more than these takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kMany = 4096;

void take_headers(ThreadMessage& message, const mime::StoredHeaders& headers, Thread::Algorithm algorithm) {
  message.sent = sent_date(headers, message.sent);
  message.subject = casemap(headers.base_subject);
  message.is_reply = headers.is_reply_or_forward;
  if (algorithm != Thread::Algorithm::kReferences) return;
  auto own = message_ids(headers.message_id);
  if (!own.empty()) message.id = std::move(own.front());
  message.references = message_ids(headers.references);
  if (!message.references.empty()) return;
  message.references = message_ids(headers.in_reply_to);
  if (message.references.size() > 1) message.references.resize(1);
}

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
  const auto use = [&messages, &command](std::size_t row, const mime::StoredHeaders& headers) {
    take_headers(messages[row], headers, command.algorithm);
  };
  const auto failed = co_await each_header(context, view, found->positions, use);
  if (failed) co_return *failed;
  const auto run = [&messages, &command] {
    return command.algorithm == Thread::Algorithm::kReferences ? thread_by_references(messages)
                                                               : thread_by_subject(messages);
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
