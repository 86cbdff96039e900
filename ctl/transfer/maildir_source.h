// A Maildir and its folders, by Maildir++ (".Work.Old" beside cur) or as directories within directories.
#pragma once
#include <memory>
#include <string>

#include "common/async/thread_pool.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// Nothing is changed there. Messages are named by the unique part of their files' names, so mail programs may go on
/// with the Maildir. Without a file of subscriptions all folders count as subscribed. The pool outlives the source.
Outcome<std::unique_ptr<Source>> open_maildir(std::string path, async::ThreadPool& pool);

}  // namespace quartet::transfer
