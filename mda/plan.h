// Where the mail of one recipient goes: aliases followed, forwards resolved, targets of the configuration applied.
// Pure: the directory and the table go in, targets come out.
#pragma once
#include <string>
#include <tuple>
#include <vector>

#include "common/directory/directory.h"
#include "common/smtp/reply.h"
#include "common/smtp/srs.h"
#include "mda/table.h"

namespace quartet::mda {

struct Target {
  enum class Kind {
    kStore,    // the account `address`: its mailbox `path`, or INBOX if that is "" or is not there
    kMbox,     // `path`
    kMaildir,  // `path`
    kSend,     // to `address`, by way of the spool
  };
  Kind kind = Kind::kStore;
  std::string address;  // login of an account, or the address to send on to
  std::string path;
  std::string via;       // the address that led here at last: mail to it comes here again
  bool outside = false;  // kSend: forwarded to another site, which has a right to know by whom
  /// Equal for what is the same place.
  using Place = std::tuple<Kind, std::string, std::string>;
  Place place() const { return {kind, address, path}; }
};

struct Plan {
  std::vector<Target> targets;       // each once; the mail goes to all of them
  std::vector<std::string> unknown;  // addresses it leads to that have no user
  /// Set if there are no targets: why RCPT is refused.
  smtp::Reply refusal;
};

/// `address` as in RCPT. Details (ann+lists@...) find their account, and name a mailbox if the table has it so. An
/// address that `srs` made (it may be null) leads to the sender that is in it.
Plan make_plan(const directory::Directory& directory, const DeliveryTable& table, const std::string& address,
               const smtp::Srs* srs = nullptr, WallTime now = {});

}  // namespace quartet::mda
