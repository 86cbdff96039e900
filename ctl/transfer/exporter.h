// An export: mailboxes of an account, message by message, in batches.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/store/store.h"
#include "ctl/transfer/importer.h"
#include "ctl/transfer/target.h"

namespace quartet::transfer {

struct ExportReport {
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;  // that were written
  std::uint64_t bytes = 0;
  std::uint64_t known = 0;            // that an earlier run had written
  std::vector<std::string> troubles;  // what was not written and why, for people
};

class Exporter {
 public:
  /// All outlive the exporter. Only these `mailboxes`; none: all.
  Exporter(store::Store& store, Target& target, async::ThreadPool& pool, std::string account,
           std::vector<std::string> mailboxes, Show show)
      : store_(store),
        target_(target),
        pool_(pool),
        account_(std::move(account)),
        mailboxes_(std::move(mailboxes)),
        show_(std::move(show)) {}

  /// The error is one after which nothing more could be done. Trouble with one mailbox does not hinder the others.
  async::Task<Outcome<ExportReport>> run();

 private:
  struct Reading;
  bool wanted(const store::MailboxInfo& mailbox) const;
  async::Task<Outcome<void>> export_one(const store::MailboxInfo& mailbox);
  /// Messages that are to be written, without their octets.
  async::Task<Outcome<std::vector<std::size_t>>> missing(const store::MailboxInfo& mailbox,
                                                         const store::Snapshot& snapshot);
  async::Task<Outcome<void>> write_all(const store::MailboxInfo& mailbox, const store::Snapshot& snapshot,
                                       std::vector<std::size_t> positions);

  store::Store& store_;
  Target& target_;
  async::ThreadPool& pool_;
  const std::string account_;
  const std::vector<std::string> mailboxes_;
  const Show show_;
  ExportReport report_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace quartet::transfer
