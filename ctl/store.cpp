// quartetctl store ...: works on the directory of a store, whether agents are at work on it or not; none is asked.
#include <fmt/format.h>

#include <ostream>

#include "common/base/ascii.h"
#include "common/store/backup.h"
#include "common/store/check.h"
#include "common/store/recover.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/progress.h"

namespace quartet::ctl {
namespace {

int complain(const Invocation& invocation, const store::StoreError& error) {
  invocation.err << "quartetctl: " << (error.detail.empty() ? std::string(store::to_string(error.code)) : error.detail)
                 << '\n';
  return kFailed;
}

/// A bar on the terminal while a store is read.
class Bar {
 public:
  explicit Bar(const Invocation& invocation) : progress_(invocation.err, Progress::on_terminal(invocation.err)) {}
  store::ShowProgress show() {
    return [this](std::uint64_t done, std::uint64_t total) { progress_.show(done, total); };
  }

 private:
  Progress progress_;
};

std::string_view name_of_kind(store::CheckFault::Kind kind) {
  switch (kind) {
    case store::CheckFault::Kind::kIndex:
      return "index";
    case store::CheckFault::Kind::kCount:
      return "count";
    case store::CheckFault::Kind::kContent:
      return "content";
  }
  return "";
}

void print(const store::CheckReport& report, std::ostream& out) {
  out << fmt::format("shards        {}\naccounts      {}\nmailboxes     {}\nmessages      {}\n", report.shards,
                     report.accounts, report.mailboxes, report.messages);
  out << fmt::format("bodies        {}, {} octets\n", report.objects, report.bytes);
  out << fmt::format("unreferenced  {} records, {} octets, {} files (of expunged messages, or under way)\n",
                     report.unreferenced_records, report.unreferenced_bytes, report.unreferenced_files);
  for (const auto& fault : report.faults) out << fmt::format("{:<7}  {}\n", name_of_kind(fault.kind), fault.text);
  out << (report.healthy() ? "healthy\n" : "NOT healthy\n");
}

void print_json(const store::CheckReport& report, std::ostream& out) {
  std::string faults;
  for (const auto& fault : report.faults)
    faults += fmt::format("{}{{\"kind\":\"{}\",\"text\":{}}}", faults.empty() ? "" : ",", name_of_kind(fault.kind),
                          json_string(fault.text));
  out << fmt::format(
      "{{\"healthy\":{},\"shards\":{},\"accounts\":{},\"mailboxes\":{},\"messages\":{},\"bodies\":{},\"octets\":{},"
      "\"unreferenced_records\":{},\"unreferenced_octets\":{},\"unreferenced_files\":{},\"faults\":[{}]}}\n",
      report.healthy(), report.shards, report.accounts, report.mailboxes, report.messages, report.objects, report.bytes,
      report.unreferenced_records, report.unreferenced_bytes, report.unreferenced_files, faults);
}

int check(const Invocation& invocation) {
  const auto report = [&] {
    Bar bar(invocation);
    return store::check(invocation.arguments.operands()[0], bar.show());
  }();
  if (!report) return complain(invocation, report.error());
  (invocation.json ? print_json : print)(*report, invocation.out);
  return report->healthy() ? kOk : kFailed;
}

int repair(const Invocation& invocation) {
  const auto& directory = invocation.arguments.operands()[0];
  const auto account = invocation.arguments.value("recover-to");
  store::RecoverReport recovered;
  if (account) {
    const auto report = store::recover(directory, ascii::lower(*account));  // as directories have logins
    if (!report) return complain(invocation, report.error());
    recovered = *report;
  }
  const auto changed = store::repair(directory);
  if (!changed) return complain(invocation, changed.error());
  if (invocation.json) {
    invocation.out << fmt::format(
        "{{\"changed\":{},\"new_shards\":{},\"recovered\":{},\"recovered_octets\":{},\"unreadable\":{}}}\n", *changed,
        recovered.shards, recovered.messages, recovered.bytes, recovered.damaged);
    return kOk;
  }
  if (account)
    invocation.out << fmt::format(
        "{} shards made anew; {} messages, {} octets, are in the mailbox {}; {} places cannot be read\n",
        recovered.shards, recovered.messages, recovered.bytes, store::kRecoveredMailbox, recovered.damaged);
  invocation.out << fmt::format("{} numbers were wrong and are right now\n", *changed);
  return kOk;
}

int say_what_was_copied(const Invocation& invocation, const store::Result<store::BackupReport>& report) {
  if (!report) return complain(invocation, report.error());
  if (invocation.json)
    invocation.out << fmt::format(
        "{{\"files\":{},\"octets\":{},\"copied_files\":{},\"copied_octets\":{},\"missing_files\":{}}}\n", report->files,
        report->bytes, report->copied_files, report->copied_bytes, report->missing.size());
  else
    invocation.out << fmt::format("{} files, {} octets; of these copied: {} files, {} octets\n", report->files,
                                  report->bytes, report->copied_files, report->copied_bytes);
  for (const auto& name : report->missing)
    invocation.err << "quartetctl: the backup has lost bytes/" << name
                   << "; store check names the messages that were in it\n";
  return report->missing.empty() ? kOk : kFailed;
}

int backup(const Invocation& invocation) {
  const auto operands = invocation.arguments.operands();
  const auto report = [&] {
    Bar bar(invocation);
    return store::backup(operands[0], operands[1], bar.show());
  }();
  return say_what_was_copied(invocation, report);
}

int restore(const Invocation& invocation) {
  const auto operands = invocation.arguments.operands();
  const bool keep = invocation.arguments.has("keep-uidvalidity");
  const auto report = [&] {
    Bar bar(invocation);
    return store::restore(operands[0], operands[1], keep, bar.show());
  }();
  return say_what_was_copied(invocation, report);
}

}  // namespace

std::vector<Command> store_commands() {
  return {
      {"store",
       "check",
       "DIRECTORY",
       1,
       1,
       "read a whole store, or a backup of one, and say what is wrong with it",
       {},
       check,
       false},
      {"store",
       "repair",
       "DIRECTORY",
       1,
       1,
       "count anew what a store keeps in numbers; no message is touched",
       {{"recover-to", "ACCOUNT",
         "shards that are missing or damaged are made anew, and all bodies that nobody refers to become messages in "
         "the "
         "mailbox Recovered of this account, expunged ones too; no agent may be at work on the store"}},
       repair,
       false},
      {"store",
       "backup",
       "DIRECTORY PLACE",
       2,
       2,
       "copy a store while agents work on it; what PLACE has already from an earlier backup is not copied again",
       {},
       backup,
       false},
      {"store",
       "restore",
       "BACKUP DIRECTORY",
       2,
       2,
       "make a new store of a backup",
       {{"keep-uidvalidity", "", "clients may go on with what they remember: only if nothing came after the backup"}},
       restore,
       false},
  };
}

}  // namespace quartet::ctl
