#include "ctl/transfer/imap_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "common/base/ascii.h"
#include "common/mime/date.h"
#include "ctl/transfer/imap_names.h"

namespace quartet::transfer {
namespace {

// RFC 2683 section 3.2.1.5: some servers take no longer lines.
constexpr std::size_t kLine = 900;
/// So many messages of one request may be unreadable; where more are, it is the server that fails.
constexpr int kMostUnreadable = 10;

using Items = std::vector<const Item*>;
using Messages = std::vector<std::optional<Message>>;

/// UIDs as sequence sets of bounded length.
std::vector<std::string> sets_of(const Items& items) {
  std::vector<std::string> sets;
  for (std::size_t n = 0; n < items.size();) {
    const auto first = items[n]->offset;
    auto last = first;
    while (++n < items.size() && items[n]->offset == last + 1) ++last;
    const auto range = first == last ? fmt::format("{}", first) : fmt::format("{}:{}", first, last);
    if (sets.empty() || sets.back().size() + range.size() > kLine)
      sets.push_back(range);
    else
      sets.back().append(",").append(range);
  }
  return sets;
}

/// The value behind a name in a FETCH response; null if it is not there.
template <typename Response>
auto find_item(Response& response, std::string_view name) -> decltype(&response.values.front()) {
  if (response.name != "FETCH" || response.values.empty()) return nullptr;
  auto& list = response.values.front().list;
  for (std::size_t n = 0; n + 1 < list.size(); n += 2)
    if (list[n].is_atom(name)) return &list[n + 1];
  return nullptr;
}

std::optional<std::uint32_t> uid_of(const ImapResponse& response) {
  const auto* const uid = find_item(response, "UID");
  return uid != nullptr ? ascii::to_number<std::uint32_t>(uid->text) : std::nullopt;
}

std::string uidvalidity_of(const ImapClient::Answer& answer) {
  constexpr std::string_view kCode = "UIDVALIDITY ";
  for (const auto& response : answer)
    if (ascii::istarts_with(response.code, kCode)) return response.code.substr(kCode.size());
  return {};
}

/// That of the mailbox that EXAMINE was asked for; nullopt: the server did not say.
std::optional<std::uint32_t> count_of(const ImapClient::Answer& answer) {
  for (const auto& response : answer)
    if (response.name == "EXISTS") return response.number;
  return std::nullopt;
}

class ImapSource final : public Source {
 public:
  ImapSource(ImapAccount account, async::ThreadPool& pool) : account_(std::move(account)), pool_(pool) {}

  async::Task<Outcome<void>> connect() {
    selected_.clear();
    auto client = co_await ImapClient::open(account_, pool_);
    if (!client) co_return std::unexpected(client.error());
    client_ = *std::move(client);
    co_return Outcome<void>();
  }

  async::Task<Outcome<std::vector<Folder>>> folders() override {
    ImapNamespaces namespaces;
    if (client_->offers("NAMESPACE") || client_->offers("IMAP4REV2")) {
      const auto answer = co_await client_->ask("NAMESPACE");
      if (answer) namespaces = namespaces_of(*answer);
    }
    const bool extended = client_->offers("LIST-EXTENDED") || client_->offers("IMAP4REV2");
    std::string command = R"(LIST "" "*")";
    if (extended)
      command += client_->offers("SPECIAL-USE") || client_->offers("IMAP4REV2") ? " RETURN (SUBSCRIBED SPECIAL-USE)"
                                                                                : " RETURN (SUBSCRIBED)";
    const auto listed = co_await client_->ask(command);
    if (!listed) co_return std::unexpected(listed.error());
    std::set<std::string> subscribed;
    if (!extended) {
      const auto answer = co_await client_->ask(R"(LSUB "" "*")");
      if (!answer) co_return std::unexpected(answer.error());
      for (const auto& response : *answer)
        if (response.name == "LSUB" && response.values.size() == 3) subscribed.insert(response.values[2].text);
    }
    std::vector<Folder> folders;
    for (const auto& response : *listed)
      if (auto folder = folder_of(response, namespaces)) {
        folder->subscribed = folder->subscribed || folder->name == "INBOX" || subscribed.contains(folder->place);
        folders.push_back(*std::move(folder));
      }
    std::ranges::sort(folders, {}, &Folder::name);
    co_return folders;
  }

  async::Task<Outcome<std::vector<Item>>> items(Folder& folder) override {
    auto items = co_await try_items(folder);
    if (items || !client_->is_broken()) co_return items;
    const auto connected = co_await connect();
    if (!connected) co_return std::unexpected(folder.name + ": " + connected.error());
    co_return co_await try_items(folder);
  }

  /// A message that the server cannot give, or breaks off at, is found by halves: those beside it are read, and it is
  /// named to the people.
  async::Task<Outcome<Messages>> read(const Folder& folder, Items items) override {
    Messages messages;
    std::vector<Items> parts;
    parts.push_back(std::move(items));
    int unreadable = 0;
    for (bool lost = false; !parts.empty();) {
      auto part = std::move(parts.back());
      parts.pop_back();
      auto got = co_await try_read(folder, part);
      if (got) {
        std::ranges::move(*got, std::back_inserter(messages));
      } else if (client_->is_broken() && !std::exchange(lost, true)) {
        parts.push_back(std::move(part));  // any connection may break once
      } else if (selected_ != folder.place) {
        co_return std::unexpected(folder.name + ": " + got.error());  // no message is to blame
      } else if (part.size() > 1) {
        const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
        parts.emplace_back(middle, part.end());
        parts.emplace_back(part.begin(), middle);
      } else if (++unreadable > kMostUnreadable) {
        co_return std::unexpected(folder.name + ": " + got.error());
      } else {
        remark_unreadable(folder, *part.front(), got.error());
        messages.emplace_back();
      }
    }
    co_return messages;
  }

  async::Task<void> close() override { co_await client_->log_out(); }

 private:
  async::Task<Outcome<std::vector<Item>>> try_items(Folder& folder) {
    const auto validity = co_await examine(folder);
    if (!validity) co_return std::unexpected(folder.name + ": " + validity.error());
    folder.validity = *validity;
    std::vector<Item> items;
    // RFC 3501 lets "*" be an error in an empty mailbox; in any other an error is no sign of emptiness.
    if (count_ == 0) co_return items;
    const auto answer = co_await client_->ask("UID FETCH 1:* (UID FLAGS RFC822.SIZE)");
    if (!answer) co_return std::unexpected(folder.name + ": " + answer.error());
    std::map<std::uint32_t, Item> found;
    for (const auto& response : *answer) add_item(response, found);
    items.reserve(found.size());
    for (auto& [uid, item] : found) items.push_back(std::move(item));
    co_return items;
  }

  /// Gives the UIDVALIDITY.
  async::Task<Outcome<std::string>> examine(const Folder& folder) {
    const auto name = imap_string(folder.place, client_->offers("LITERAL+") || client_->offers("LITERAL-"));
    if (!name) co_return std::unexpected("a name that the server cannot be told");
    selected_.clear();
    const auto answer = co_await client_->ask("EXAMINE " + *name);
    if (!answer) co_return std::unexpected(answer.error());
    auto validity = uidvalidity_of(*answer);
    // Without one, UIDs mean nothing beyond this session (RFC 9051 section 2.3.1.1).
    if (validity.empty() || validity == "0") co_return std::unexpected("the server keeps no UIDs here");
    selected_ = folder.place;
    count_ = count_of(*answer);
    co_return validity;
  }

  static void add_item(const ImapResponse& response, std::map<std::uint32_t, Item>& items) {
    const auto uid = uid_of(response);
    const auto* const flags = find_item(response, "FLAGS");
    if (!uid || flags == nullptr) return;
    auto& item = items[*uid];
    item.key = std::to_string(*uid);
    item.offset = *uid;
    item.flags = {};
    for (const auto& flag : flags->list) item.flags.add_name(flag.text);
    if (const auto* const size = find_item(response, "RFC822.SIZE"))
      item.size = ascii::to_number(size->text).value_or(0);
  }

  /// The folder is examined, on a new connection if need be, and still the one that items() has seen.
  async::Task<Outcome<void>> select(const Folder& folder) {
    if (client_->is_broken()) {
      const auto connected = co_await connect();
      if (!connected) co_return connected;
    }
    if (selected_ == folder.place) co_return Outcome<void>();
    const auto validity = co_await examine(folder);
    if (!validity) co_return std::unexpected(validity.error());
    if (*validity == folder.validity) co_return Outcome<void>();
    selected_.clear();
    co_return std::unexpected("was made anew meanwhile");
  }

  async::Task<Outcome<Messages>> try_read(const Folder& folder, const Items& items) {
    const auto selected = co_await select(folder);
    if (!selected) co_return std::unexpected(selected.error());
    std::vector<std::string> commands;
    for (const auto& set : sets_of(items)) commands.push_back("UID FETCH " + set + " (UID INTERNALDATE BODY.PEEK[])");
    auto answer = co_await client_->ask(std::move(commands));
    if (!answer) co_return std::unexpected(answer.error());
    std::map<std::uint32_t, Message> found;
    for (auto& response : *answer)
      if (!add_message(response, found)) co_return std::unexpected("the server answers without the message");
    Messages messages;
    for (const auto* item : items) {
      const auto message = found.find(static_cast<std::uint32_t>(item->offset));
      messages.push_back(message == found.end() ? std::nullopt : std::optional(std::move(message->second)));
    }
    co_return messages;
  }

  void remark_unreadable(const Folder& folder, const Item& item, const std::string& why) {
    remark(fmt::format("{}: the message with UID {} was not imported: {}", folder.name, item.key, why));
  }

  /// False: an answer to what was asked that has no message.
  static bool add_message(ImapResponse& response, std::map<std::uint32_t, Message>& messages) {
    const auto uid = uid_of(response);
    auto* const body = find_item(response, "BODY[]");
    const auto* const date = find_item(response, "INTERNALDATE");
    if (!uid || (body == nullptr && date == nullptr)) return true;  // flags that somebody has changed
    if (body == nullptr || body->kind != ImapValue::Kind::kString) return false;
    auto& message = messages[*uid];
    // The response is of no further use: its octets are taken, not copied.
    message.bytes = std::make_shared<const std::string>(std::move(body->text));
    const auto time = date != nullptr ? mime::parse_imap_date_time(date->text) : std::nullopt;
    message.internaldate = time ? time->time() : wall_now();
    return true;
  }

  const ImapAccount account_;
  async::ThreadPool& pool_;
  std::unique_ptr<ImapClient> client_;
  std::string selected_;                // Folder::place of what is examined now
  std::optional<std::uint32_t> count_;  // of its messages when it was examined
};

}  // namespace

async::Task<Outcome<std::unique_ptr<Source>>> open_imap(ImapAccount account, async::ThreadPool& pool) {
  auto source = std::make_unique<ImapSource>(std::move(account), pool);
  const auto connected = co_await source->connect();
  if (!connected) co_return std::unexpected(connected.error());
  co_return source;
}

}  // namespace quartet::transfer
