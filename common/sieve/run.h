// Running a script: a message, its envelope and what is around it go in, a list of actions comes out. Sans-IO: what a
// script may ask about the site comes from a World.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/time.h"
#include "common/sieve/compile.h"
#include "common/sieve/mailto.h"
#include "common/sieve/verdict.h"

namespace quartet::sieve {

/// What a script can ask. Called from within run(), on its thread.
class World {
 public:
  virtual ~World() = default;
  /// RFC 5490: exists, and the user can put mail there.
  virtual bool mailbox_exists(const std::string& name) = 0;
  /// RFC 5490: what an annotation ("/private/comment", RFC 5464) of a mailbox says, or of the server without one;
  /// nullopt: there is none.
  virtual std::optional<std::string> annotation(const std::optional<std::string>& mailbox, const std::string& name) = 0;
  /// RFC 8579: a mailbox of the user with the attribute ("\\Junk"); nullopt if there is none.
  virtual std::optional<std::string> special_use(const std::string& attribute) = 0;
  /// Whether that mailbox has the attribute.
  virtual bool has_special_use(const std::string& mailbox, const std::string& attribute) = 0;
  /// RFC 7352: whether a Remember of this key was carried out and has not expired.
  virtual bool seen(const std::string& key) = 0;
  /// RFC 6609: null if there is none of that name; an error if it does not compile. The program stays alive until run()
  /// has returned.
  virtual std::expected<ProgramPtr, std::string> script(bool global, const std::string& name) = 0;
  /// RFC 6134: the list of that canonical name; null if there is none; an error says why it cannot be read. The same
  /// name is asked for once in a run.
  virtual std::expected<ExternalListPtr, std::string> list(const std::string& name) = 0;
  /// Minutes east of UTC of local time then.
  virtual std::int32_t zone(std::int64_t seconds) = 0;
};

struct Input {
  std::string name;  // of the script, as `include :personal` knows it; "" if it cannot be included
  std::string_view message;
  std::string from;                    // reverse-path; "" is <>
  std::string to;                      // forward-path of this recipient
  std::string user;                    // the address of the mailbox, which replies come from
  std::vector<std::string> addresses;  // all of the user, for vacation
  std::string separator = "+";         // of a detail in local parts
  /// Whether mail to an address comes to this mailbox; null: by the addresses above, with a detail or without.
  std::function<bool(std::string_view)> leads_here{};
  WallTime now{};
  std::map<std::string, std::string, std::less<>> environment;  // RFC 5183 items by name
  const Verdicts* verdicts = nullptr;                           // null: nothing was tested
};

struct RunLimits {
  std::uint64_t work = 500'000'000;  // octets compared, and what costs as much
  std::uint64_t instructions = 100'000;
  std::size_t actions = 50;
  std::size_t redirects = 10;
  std::size_t notifications = 10;
  std::size_t variable_octets = 64 * 1024;    // longer values are cut
  std::size_t list_octets = 4 * 1024 * 1024;  // of a list of strings with variables in them
  std::size_t versions = 5;                   // of the message with another header
  std::size_t include_depth = 10;
  std::size_t includes = 100;
  std::size_t added_fields = 100;
};

/// A message as the script edited it; null: as it came.
using Edited = std::shared_ptr<const std::string>;
using Flags = std::vector<std::string>;

struct Keep {
  Flags flags;
  Edited message;
};
struct FileInto {
  std::string mailbox;
  bool create = false;
  Flags flags;
  Edited message;
  std::string special_use{};  // that the mailbox gets when it is made; "" for none
};
struct Redirect {
  std::string address;
  Edited message;
};
/// Final: comes with no Keep, FileInto or Redirect.
struct Reject {
  std::string reason;
  bool at_protocol = false;  // a 5yz reply (ereject); otherwise a notification may take its place
};
/// A reply that is due unless one with the same key went out within `seconds`.
struct Vacation {
  std::string to;  // where it goes
  std::string key;
  std::uint64_t seconds = 0;
  std::string from;     // a mailbox of RFC 5322 section 3.4; "" is the user's address
  std::string subject;  // UTF-8
  std::string reason;   // UTF-8 text, or a MIME entity with `mime`
  bool mime = false;
  std::string in_reply_to;  // the message's Message-ID
  std::string references;
};
/// RFC 5436.
struct Notify {
  Mailto to;
  std::string from;     // a mailbox of RFC 5322 section 3.4; "" is the user's address
  std::string message;  // UTF-8: the subject
  std::string importance = "2";
  std::string about_from, about_subject;  // of the message
};
using Action = std::variant<Keep, FileInto, Redirect, Reject, Vacation, Notify>;

/// For World::seen, once the actions are carried out.
struct Remember {
  std::string key;
  std::uint64_t seconds = 0;
};

struct Outcome {
  /// None: the message is discarded. An implicit keep is a Keep.
  std::vector<Action> actions;
  std::vector<Remember> remember;
  /// What went wrong while it ran; then `actions` is a Keep of the message as it came (RFC 5228 section 2.10.6).
  std::optional<Error> error;
  std::string error_script;  // the included script that `error` is in; "" for the first
  /// Why no reply was due though a script came to `vacation`; for the log.
  std::string no_vacation;
  /// Why a message was not redirected to an address, which comes first; for the log.
  std::string no_redirect;
};

Outcome run(const Program& program, const Input& input, World& world, const RunLimits& limits = {});

/// One line a person can read: fileinto "Lists" :flags "\\Seen".
std::string to_string(const Action& action);

}  // namespace quartet::sieve
