#include "ctl/transfer/mbox_source.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/mime/header.h"
#include "common/mime/mbox.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/maildir_files.h"

namespace quartet::transfer {
namespace {

constexpr std::array<std::string_view, 7> kMboxFields = {"Status", "X-Status",   "X-Keywords",    "X-UID",
                                                         "X-IMAP", "X-IMAPbase", "Content-Length"};
constexpr std::size_t kKeyOctets = 15;  // so much of a digest that no two messages share it

bool is_mbox_field(const mime::Field& field) {
  return std::ranges::any_of(kMboxFields, [&field](std::string_view name) { return field.is(name); });
}

/// What the c-client library puts first into a file to note things there, and shows to nobody.
bool is_internal(std::string_view content) { return mime::Header(content).find("X-IMAP") != nullptr; }

std::string key_of(std::string_view content) {
  const auto digest = crypto::hash(crypto::Digest::kSha256, without_mbox_fields(content));
  return hex_encode(std::string_view(digest).substr(0, kKeyOctets));
}

class MboxSource final : public Source {
 public:
  MboxSource(std::string path, async::ThreadPool& pool) : path_(std::move(path)), pool_(pool) {}

  async::Task<Outcome<std::vector<Folder>>> folders() override {
    co_return co_await async::offload(pool_, [this] { return find_folders(); });
  }
  async::Task<Outcome<std::vector<Item>>> items(Folder& folder) override {
    co_return co_await async::offload(pool_, [&folder] { return find_items(folder); });
  }
  async::Task<Outcome<std::vector<std::optional<Message>>>> read(const Folder& folder,
                                                                 std::vector<const Item*> items) override {
    co_return co_await async::offload(pool_, [&folder, &items] { return read_items(folder, items); });
  }

 private:
  Outcome<std::vector<Folder>> find_folders() {
    if (!is_directory(path_)) {
      const auto file = MappedFile::open(path_);
      if (!file) return std::unexpected(file.error());
      if (!mime::MboxReader(file->bytes()).is_mbox()) return std::unexpected(path_ + ": no mbox");
      return std::vector<Folder>{{"INBOX", path_, "", "", true}};
    }
    std::vector<Folder> folders;
    if (auto walked = walk(path_, "", folders); !walked) return std::unexpected(walked.error());
    const auto lines = read_lines(path_ + "/.subscriptions");
    if (!lines) return std::unexpected(lines.error());
    const auto names = parse_subscriptions(*lines, '/');
    const std::set<std::string> subscribed(names.begin(), names.end());
    for (auto& folder : folders)
      folder.subscribed = lines->empty() || folder.name == "INBOX" || subscribed.contains(folder.name);
    return folders;
  }

  Outcome<void> walk(const std::string& path, const std::string& above, std::vector<Folder>& folders) {
    const auto entries = list_directory(path);
    if (!entries) return std::unexpected(entries.error());
    for (const auto& [name, directory] : *entries) {
      if (name.starts_with('.')) continue;
      const auto place = path + "/" + name;
      if (directory) {
        const auto level = name.ends_with(".sbd") ? name.substr(0, name.size() - 4) : name;
        if (auto walked = walk(place, above + level_of(level) + "/", folders); !walked) return walked;
        continue;
      }
      auto mailbox = above + level_of(name);
      if (ascii::iequals(mailbox, "INBOX")) mailbox = "INBOX";
      const auto file = MappedFile::open(place);
      if (!file)
        remark(file.error());
      else if (mime::MboxReader(file->bytes()).is_mbox())
        folders.push_back({std::move(mailbox), place, "", "", false});
      else if (!name.ends_with(".msf") && !name.ends_with(".lock"))
        remark(place + ": no mbox");
    }
    return {};
  }

  static Outcome<std::vector<Item>> find_items(const Folder& folder) {
    const auto file = MappedFile::open(folder.place);
    if (!file) return std::unexpected(file.error());
    std::vector<Item> items;
    std::unordered_map<std::string, std::size_t> seen;  // the same message may be there several times
    mime::MboxReader reader(file->bytes());
    while (const auto found = reader.next()) {
      if (items.empty() && is_internal(found->content)) continue;
      auto key = key_of(found->content);
      if (const auto times = seen[key]++; times > 0) key += "." + std::to_string(times);
      items.push_back({std::move(key), mbox_flags(found->content), found->content.size(), "", found->offset});
    }
    return items;
  }

  static Outcome<std::vector<std::optional<Message>>> read_items(const Folder& folder,
                                                                 const std::vector<const Item*>& items) {
    const auto file = MappedFile::open(folder.place);
    if (!file) return std::unexpected(file.error());
    std::vector<std::optional<Message>> messages;
    for (const auto* item : items) {
      const auto rest = file->bytes().substr(std::min<std::size_t>(item->offset, file->bytes().size()));
      const auto found = mime::MboxReader(rest).next();
      if (!found || key_of(found->content) != item->key.substr(0, 2 * kKeyOctets))
        return std::unexpected(folder.place + ": somebody changed it meanwhile");
      messages.push_back(
          Message{std::make_shared<const std::string>(mime::mbox_message(without_mbox_fields(found->content))),
                  found->postmark.time});
    }
    return messages;
  }

  const std::string path_;
  async::ThreadPool& pool_;
};

}  // namespace

Flags mbox_flags(std::string_view message) {
  const mime::Header header(message);
  Flags flags;
  if (header.text("Status").contains('R')) flags.system |= store::flag::kSeen;
  for (const char letter : header.text("X-Status")) {
    if (letter == 'A') flags.system |= store::flag::kAnswered;
    if (letter == 'F') flags.system |= store::flag::kFlagged;
    if (letter == 'D') flags.system |= store::flag::kDeleted;
    if (letter == 'T') flags.system |= store::flag::kDraft;
  }
  const auto keywords = header.text("X-Keywords");
  for (const auto word : ascii::split(keywords, ' ')) flags.add_keyword(ascii::trim(word));
  return flags;
}

std::string without_mbox_fields(std::string_view message) {
  const mime::Header header(message);
  std::string out;
  out.reserve(message.size());
  std::size_t from = 0;
  for (const auto& field : header.fields()) {
    if (!is_mbox_field(field)) continue;
    out += message.substr(from, field.offset - from);
    from = field.offset + field.raw.size();
  }
  return out += message.substr(from);
}

Outcome<std::unique_ptr<Source>> open_mbox(std::string path, async::ThreadPool& pool) {
  return std::make_unique<MboxSource>(std::move(path), pool);
}

}  // namespace quartet::transfer
