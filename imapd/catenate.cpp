#include "imapd/catenate.h"

#include <algorithm>

#include "common/mime/section.h"
#include "imapd/access.h"

namespace quartet::imapd {
namespace {

/// No such URL, as far as the client may know. What is our fault stays what it is.
Reply bad_url(const Reply& why) {
  return why.code == "NONEXISTENT" || why.code == "NOPERM" ? Reply::no("No such message", "BADURL") : why;
}

std::string_view part_of(std::string_view bytes, const std::optional<MessageUrl::Partial>& partial) {
  if (!partial) return bytes;
  const auto skipped = std::min<std::uint64_t>(partial->offset, bytes.size());
  return bytes.substr(skipped, std::min<std::uint64_t>(partial->count.value_or(bytes.size()), bytes.size()));
}

}  // namespace

Catenator::~Catenator() {
  if (context_.services.budget != nullptr) context_.services.budget->give_back(octets_);
}

async::Task<std::optional<Reply>> Catenator::put_together(AppendItem& item) {
  for (auto& part : item.parts) {
    std::optional<Reply> failed;
    if (part.url)
      failed = co_await add_url(item.message, *part.url);
    else
      failed = add(item.message, part.text);
    if (failed && failed->code == "BADURL") failed->code += " " + printable_url(*part.url);
    if (failed) co_return failed;
    part = {};
  }
  co_return std::nullopt;
}

std::optional<Reply> Catenator::add(std::string& message, std::string_view bytes) {
  // As for messages that come as literals.
  const auto most = context_.options.message_size;
  if (message.size() + bytes.size() > most || octets_ + bytes.size() > 2 * most)
    return Reply::no("Message too big", "TOOBIG");
  auto* const budget = context_.services.budget;
  if (budget != nullptr && !budget->take(bytes.size()))
    return Reply::no("Too many messages at once, try again later", "UNAVAILABLE");
  octets_ += bytes.size();
  message.append(bytes);
  return std::nullopt;
}

async::Task<std::optional<Reply>> Catenator::add_url(std::string& message, const std::string& text) {
  const auto bad = Reply::no("No such message", "BADURL");
  const auto url = parse_message_url(text);
  if (!url) co_return bad;
  auto failed = co_await look_into(url->mailbox);
  if (failed) co_return failed;
  const auto position = view_->find(url->uid);
  if (!position || url->uidvalidity.value_or(view_->uidvalidity()) != view_->uidvalidity()) co_return bad;
  failed = co_await look_at(*position);
  if (failed) co_return failed;
  if (url->section == mime::Section()) co_return add(message, part_of(*bytes_, url->partial));
  if (!parts_) parts_ = mime::parse_structure(*bytes_);
  const auto section = mime::section_bytes(*bytes_, *parts_, url->section);
  if (!section) co_return bad;
  co_return add(message, part_of(*section, url->partial));
}

async::Task<std::optional<Reply>> Catenator::look_at(std::size_t position) {
  if (bytes_ != nullptr && position == position_) co_return std::nullopt;
  auto read = co_await context_.store().read(view_->mailbox(), (*view_)[position].object);
  if (!read && read.error().code == store::ErrorCode::kNoMessage) co_return Reply::no("No such message", "BADURL");
  if (!read) co_return failure(read.error());
  parts_.reset();
  bytes_ = *std::move(read);
  position_ = position;
  co_return std::nullopt;
}

async::Task<std::optional<Reply>> Catenator::look_into(const std::string& mailbox) {
  if (view_ != nullptr && mailbox == mailbox_) co_return std::nullopt;
  store::MailboxRef ref;
  if (!mailbox.empty()) {
    const auto found = co_await locate(context_, mailbox, "r");
    if (!found) co_return bad_url(found.error());
    ref = found->info.ref;
  } else if (context_.selected) {
    ref = context_.selected->ref();
  } else {
    co_return Reply::no("Select a mailbox first", "BADURL");
  }
  auto view = co_await context_.store().snapshot(ref);
  if (!view) co_return bad_url(failure(view.error()));
  view_ = *std::move(view);
  mailbox_ = mailbox;
  bytes_ = nullptr;
  co_return std::nullopt;
}

}  // namespace quartet::imapd
