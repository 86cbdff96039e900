// What THREAD looks at in a header, as a column keeps it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "common/mime/digest.h"
#include "imapd/proto/thread_tree.h"

namespace quartet::imapd {

void append_thread(std::string& out, const mime::StoredHeaders& headers);
/// Puts it into the message, as views into `data`, with at most so many references.
void read_thread(std::string_view data, std::size_t references, ThreadMessage& message);

}  // namespace quartet::imapd
