// What the commands of one session work on, and how they answer. One file per subject implements them (commands.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/store/store.h"
#include "imapd/enabled.h"
#include "imapd/output.h"
#include "imapd/selected.h"
#include "imapd/session.h"

namespace quartet::imapd {

/// The tagged response to a command. Text and code are ours alone: of what a client sent, only atoms and the URL of
/// BADURL are put in them.
struct Reply {
  enum class Kind { kOk, kNo, kBad };
  Kind kind = Kind::kOk;
  std::string code;  // "TRYCREATE"; without brackets, "" for none
  std::string text;

  static Reply ok(std::string text, std::string code = {}) { return {Kind::kOk, std::move(code), std::move(text)}; }
  static Reply no(std::string text, std::string code = {}) { return {Kind::kNo, std::move(code), std::move(text)}; }
  static Reply bad(std::string text, std::string code = {}) { return {Kind::kBad, std::move(code), std::move(text)}; }
};

/// NO with the response code of RFC 5530 that fits; what is our fault is logged.
Reply failure(const store::StoreError& error);
/// Why the session must end when the selected mailbox gives this error; "" if it need not.
std::string farewell_after(const store::StoreError& error);
/// The account is in another store now: what the session knows of it is void, while a new one finds all as it was.
inline constexpr const char* kMovedAway = "The mailbox has moved: connect again";
/// The same where messages go to another mailbox: NO [TRYCREATE] if there is none.
Reply no_target(const store::StoreError& error);

/// How far a command is.
struct Progress {
  std::uint64_t done = 0;  // messages
  std::uint64_t goal = 0;  // 0: not known, and `done` says nothing
};

class Notifier;

struct Context {
  const SessionOptions& options;
  Services& services;
  Output output;
  std::string peer{};  // its address, for the log
  net::Address client{};
  bool secure = false;  // TLS
  bool compressed = false;
  sasl::ChannelBinding channel{};          // of TLS
  std::vector<std::string> certificate{};  // whom it names that the client has shown
  int failed_logins = 0;
  std::string account{};  // its name in the store; "" until authenticated
  Enabled enabled{};
  std::unique_ptr<Selected> selected{};  // null: none; refers to `enabled`
  std::shared_ptr<Notifier> notifier{};  // null: the client has not used NOTIFY
  /// What the client knows already from the command under way, for the refresh at its end; ascending UIDs.
  std::vector<store::FlagState> told{};
  /// UIDs of messages that the command put into the selected mailbox: the client is told that they exist, no more.
  std::vector<std::uint32_t> created{};
  /// The command changed the selected mailbox: look at it at the end, whether or not a hint has come.
  bool changed = false;
  /// How the selected mailbox is after that, if the command knows it already.
  store::SnapshotPtr view{};
  /// The command expunged messages: its tagged response says what mod-sequence the mailbox has after them, to a client
  /// that could not tell it from VANISHED (RFC 7162 section 3.2.7).
  bool expunged = false;

  Progress progress{};  // of the command under way
  /// The response code for a command that was done in part, with the limit and the lowest UID (RFC 9738); "" for none.
  std::string limited{};
  std::string farewell{};  // why the session must end after this command; "" if it need not

  store::Store& store() const { return services.store; }
  /// Null where no names lead to mailboxes of others.
  store::NamespacesPtr namespaces() const {
    auto all = services.namespaces();
    return all != nullptr && all->any() ? all : nullptr;
  }
};

}  // namespace quartet::imapd
