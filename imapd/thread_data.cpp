#include "imapd/thread_data.h"

#include "common/mime/casemap.h"
#include "common/mime/varint.h"

namespace quartet::imapd {

void append_thread(std::string& out, const mime::StoredHeaders& headers) {
  out += headers.is_reply_or_forward ? '\1' : '\0';
  mime::put_text(out, mime::casemap(headers.base_subject));
  const auto own = message_ids(headers.message_id);
  mime::put_text(out, own.empty() ? std::string() : own.front());
  auto references = message_ids(headers.references);
  if (references.empty()) {
    references = message_ids(headers.in_reply_to);
    if (references.size() > 1) references.resize(1);
  }
  for (const auto& id : references) mime::put_text(out, id);
}

void read_thread(std::string_view data, bool references, ThreadMessage& message) {
  if (data.empty()) return;
  message.is_reply = data.front() != '\0';
  mime::VarintReader in(data.substr(1));
  message.subject = in.text();
  if (!references) return;
  message.id = in.text();
  while (!in.done()) message.references.push_back(in.text());
}

}  // namespace quartet::imapd
