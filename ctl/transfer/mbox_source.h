// An mbox file, or a directory of them: files in directories as mailbox programs keep them, Thunderbird's ".sbd" too.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "common/async/thread_pool.h"
#include "common/mime/header.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// Nothing is changed there. Messages are named by what is in them, so other programs may rewrite the file between two
/// imports, as they do to note flags; while one is read it is locked by fcntl. A single file is the INBOX. The pool
/// outlives the source.
Outcome<std::unique_ptr<Source>> open_mbox(std::string path, async::ThreadPool& pool);

/// The flags that the fields Status, X-Status and X-Keywords tell, of a message or of an item of an mbox.
Flags mbox_flags(const mime::Header& header);
/// A message without the fields that only an mbox needs: itself if it has none, else a copy in `storage`, which is
/// empty before.
std::string_view without_mbox_fields(std::string_view message, const mime::Header& header, std::string& storage);

}  // namespace quartet::transfer
