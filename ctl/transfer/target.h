// Where messages are exported to. All of it blocks; errors are texts for people.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "common/store/types.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// A message on its way out.
struct Outgoing {
  std::uint32_t uid = 0;
  Flags flags;
  WallTime internaldate{};
  store::Bytes bytes;  // null until it is to be written
};

/// One call at a time; has() and write() between begin() and end() of a mailbox, in the order of the UIDs.
class Target {
 public:
  virtual ~Target() = default;
  virtual Outcome<void> begin(const std::string& mailbox, std::uint32_t uidvalidity) = 0;
  /// Whether an earlier run has brought the message. Where the target can, its flags are made what they are now.
  virtual Outcome<bool> has(const Outgoing& message) = 0;
  virtual Outcome<void> write(const std::vector<Outgoing>& messages) = 0;
  /// After errors too. What was written is on disk when it returns.
  virtual Outcome<void> end() = 0;
  /// After all mailboxes: these are subscribed to.
  virtual Outcome<void> finish(const std::vector<std::string>& subscribed) = 0;
  /// What did not fit, for people.
  const std::vector<std::string>& remarks() const { return remarks_; }

 protected:
  void remark(std::string text) { remarks_.push_back(std::move(text)); }

 private:
  std::vector<std::string> remarks_;
};

}  // namespace quartet::transfer
