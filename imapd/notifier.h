// What a client has asked to be told of by NOTIFY (RFC 5465), and what it has been told of mailboxes that it has not
// selected. Hints of the store say that something is different; what it is, a comparison finds.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/async/task.h"
#include "common/store/store.h"
#include "imapd/mailbox_filter.h"
#include "imapd/notify_compare.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

class Notifier {
 public:
  /// What the client wants to know of whatever mailbox it has selected.
  struct OfSelected {
    bool messages = false;
    bool flags = false;
    bool at_once = false;          // expunges too, although no command is under way
    std::vector<FetchItem> items;  // of new messages
  };
  /// An annotation by its name, "/shared/comment", and what stands for its value.
  using Annotations = std::map<std::string, std::size_t>;

  explicit Notifier(const Notify& command);

  const OfSelected& of_selected() const { return of_selected_; }

  /// Notes how all is now; before anything else. Says which mailboxes cannot be watched, and with `status` how full the
  /// others are. A reply: it is too much, or the store could not be asked.
  async::Task<std::optional<Reply>> begin(Context& context, bool status);

  /// Set when there may be something to tell.
  std::vector<async::Event*> events();
  /// How long changes may stay unseen that nothing hints at: what others permit. nullopt: there are none.
  std::optional<std::chrono::seconds> look_every() const;
  /// At the next tell() all is looked at, whether or not there was a hint.
  void look_again() { look_again_ = true; }
  /// The client itself is changing this mailbox and those below: it is not told of that (RFC 5465 section 5). "": the
  /// annotations of the server.
  void forgive(const std::string& mailbox);

  /// Tells of what has changed since the last time. Where that is too much: of that, and nothing from then on.
  async::Task<void> tell(Context& context);

 private:
  struct Group {
    FilterMatcher matcher;
    MailboxEvents events;
  };
  using Account = std::pair<std::uint32_t, std::int64_t>;  // shard and account

  MailboxEvents events_of(const Known& mailbox) const;
  bool is_forgiven(std::string_view mailbox) const;
  bool reset_hints();
  void watch(store::MailboxRef account, bool look);
  void watch_known();
  void forget_gone();
  void end();
  async::Task<std::optional<Reply>> note_annotations(Context& context);
  async::Task<std::optional<Reply>> append_first_status(Context& context) const;
  async::Task<void> tell_metadata(Context& context, std::vector<const Known*> mailboxes);
  async::Task<void> tell_server_metadata(Context& context);

  store::Store* store_ = nullptr;  // since begin()
  bool others_ = false;            // there may be mailboxes of others
  std::vector<Group> groups_;
  bool server_metadata_ = false;
  OfSelected of_selected_;
  Mailboxes known_;
  std::map<store::MailboxRef, Annotations> annotations_;  // of mailboxes; under no reference: of the server
  std::map<Account, std::unique_ptr<store::Watcher>> watchers_;
  std::vector<std::string> forgiven_;
  bool look_again_ = false;
};

}  // namespace quartet::imapd
