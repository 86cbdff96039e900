// Messages put together from texts and from messages that are here already: CATENATE (RFC 4469), with
// URL-PARTIAL (RFC 5550).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "common/mime/structure.h"
#include "common/store/snapshot.h"
#include "imapd/context.h"
#include "imapd/proto/command.h"
#include "imapd/proto/message_url.h"

namespace quartet::imapd {

/// For one command. All its messages count against the memory for messages until the end of the catenator.
class Catenator {
 public:
  /// `context` outlives it.
  explicit Catenator(Context& context) : context_(context) {}
  ~Catenator();
  Catenator(const Catenator&) = delete;
  Catenator& operator=(const Catenator&) = delete;

  /// Makes the message out of the parts, if there are any. The reply: why it cannot, NO [BADURL] or [TOOBIG] as a rule.
  async::Task<std::optional<Reply>> put_together(AppendItem& item);

 private:
  std::optional<Reply> add(std::string& message, std::string_view bytes);
  async::Task<std::optional<Reply>> add_url(std::string& message, const std::string& text);
  async::Task<std::optional<Reply>> look_into(const std::string& mailbox);
  async::Task<std::optional<Reply>> look_at(std::size_t position);

  Context& context_;
  std::uint64_t octets_ = 0;
  std::string mailbox_{};      // that was looked into last
  store::SnapshotPtr view_{};  // of it; null: of none
  // The message that was looked at last, for who wants several parts of it; null: none of this view.
  store::Bytes bytes_{};
  std::size_t position_ = 0;
  std::optional<mime::Part> parts_{};  // nothing: not asked for yet
};

}  // namespace quartet::imapd
