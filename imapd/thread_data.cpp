#include "imapd/thread_data.h"

#include <cstddef>
#include <vector>

#include "common/mime/casemap.h"
#include "common/mime/varint.h"
#include "imapd/sort_rows.h"

namespace quartet::imapd {
namespace {

// Of one message: who writes to us can put 60,000 into a header, of messages that have never been. Threads of what is
// there hold together by the last of them, and by the first they find each other.
constexpr std::size_t kMostReferences = 100;

/// None that is longer than a line can be: nobody has such a one.
std::vector<std::string> ids_in(std::string_view field) {
  constexpr std::size_t kLongest = 998;
  auto ids = message_ids(field);
  std::erase_if(ids, [](const auto& id) { return id.size() > kLongest; });
  return ids;
}

template <typename Id>
void keep_some(std::vector<Id>& references, std::size_t most) {
  if (references.size() <= most) return;
  const std::ptrdiff_t first = most > 1 ? 1 : 0;
  references.erase(references.begin() + first, references.end() - (static_cast<std::ptrdiff_t>(most) - first));
  references.shrink_to_fit();
}

}  // namespace

void append_thread(std::string& out, const mime::StoredHeaders& headers) {
  out += headers.is_reply_or_forward ? '\1' : '\0';
  mime::put_text(out, mime::casemap(compared_part(headers.base_subject)));
  const auto own = ids_in(headers.message_id);
  mime::put_text(out, own.empty() ? std::string() : own.front());
  auto references = ids_in(headers.references);
  if (references.empty()) {
    references = ids_in(headers.in_reply_to);
    if (references.size() > 1) references.resize(1);
  }
  keep_some(references, kMostReferences);
  for (const auto& id : references) mime::put_text(out, id);
}

void read_thread(std::string_view data, std::size_t references, ThreadMessage& message) {
  if (data.empty()) return;
  message.is_reply = data.front() != '\0';
  mime::VarintReader in(data.substr(1));
  message.subject = in.text();
  if (references == 0) return;
  message.id = in.text();
  while (!in.done()) message.references.push_back(in.text());
  keep_some(message.references, references);
}

}  // namespace quartet::imapd
