#include "ctl/transfer/mbox_source.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/scope.h"
#include "common/crypto/digest.h"
#include "common/mime/header.h"
#include "common/mime/mbox.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/maildir_files.h"
#include "ctl/transfer/parallel.h"

namespace quartet::transfer {
namespace {

constexpr std::array<std::string_view, 10> kMboxFields = {
    "Status",         "X-Status",         "X-Keywords",        "X-UID",         "X-IMAP", "X-IMAPbase",
    "Content-Length", "X-Mozilla-Status", "X-Mozilla-Status2", "X-Mozilla-Keys"};
constexpr std::size_t kKeyOctets = 15;  // so much of a digest that no two messages share it

bool is_mbox_field(const mime::Field& field) {
  return std::ranges::any_of(kMboxFields, [&field](std::string_view name) { return field.is(name); });
}

/// What the c-client library puts first into a file to note things there, and shows to nobody.
bool is_internal(std::string_view content) { return mime::Header(content).find("X-IMAP") != nullptr; }

/// What Thunderbird notes in four hexadecimal digits. It names no sender in the lines "From ", by which its files are
/// known; elsewhere the field came along with a message and says nothing.
unsigned thunderbird_status(const mime::MboxReader::Item& item, const mime::Header& header) {
  if (item.postmark.sender != "-") return 0;
  return ascii::to_number<unsigned>(ascii::trim(header.text("X-Mozilla-Status")), 16).value_or(0);
}

/// Of a message that is deleted there, or moved elsewhere, and stays until the file is compacted.
bool is_expunged(const mime::MboxReader::Item& item) {
  constexpr unsigned kExpunged = 0x0008;
  return item.postmark.sender == "-" && (thunderbird_status(item, mime::Header(item.content)) & kExpunged) != 0;
}

Flags flags_in(const mime::MboxReader::Item& item, const mime::Header& header) {
  auto flags = mbox_flags(header);
  const auto status = thunderbird_status(item, header);
  if ((status & 0x0001) != 0) flags.system |= store::flag::kSeen;
  if ((status & 0x0002) != 0) flags.system |= store::flag::kAnswered;
  if ((status & 0x0004) != 0) flags.system |= store::flag::kFlagged;
  if ((status & 0x1000) != 0) flags.add_keyword("$Forwarded");
  if (item.postmark.sender != "-") return flags;
  const auto keys = header.text("X-Mozilla-Keys");
  for (const auto word : ascii::split(keys, ' ')) flags.add_keyword(ascii::trim(word));
  return flags;
}

std::string key_of(std::string_view content, const mime::Header& header) {
  std::string storage;
  const auto digest = crypto::hash(crypto::Digest::kSha256, without_mbox_fields(content, header, storage));
  return hex_encode(std::string_view(digest).substr(0, kKeyOctets));
}

Message message_in(std::string_view content, const mime::Header& header, WallTime time) {
  std::string storage;
  return {std::make_shared<const std::string>(mime::mbox_message(without_mbox_fields(content, header, storage))), time};
}

/// The message of an item of a file that has not changed since it was found there.
Message unchanged_message(std::string_view file, const Item& item) {
  const auto rest = file.substr(item.offset);
  const auto line = rest.substr(0, rest.find('\n'));
  const auto content = rest.substr(std::min(line.size() + 1, rest.size()), item.size);
  const auto postmark = mime::parse_postmark_line(line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0)));
  return message_in(content, mime::Header(content), postmark ? postmark->time : WallTime{});
}

/// The same of any file; nullopt: it is not there any more.
std::optional<Message> find_message(std::string_view file, const Item& item) {
  const auto rest = file.substr(std::min<std::size_t>(item.offset, file.size()));
  const auto found = mime::MboxReader(rest).next();
  if (!found) return std::nullopt;
  const mime::Header header(found->content);
  if (key_of(found->content, header) != item.key.substr(0, 2 * kKeyOctets)) return std::nullopt;
  return message_in(found->content, header, found->postmark.time);
}

class MboxSource final : public Source {
 public:
  MboxSource(std::string path, async::ThreadPool& pool) : path_(std::move(path)), pool_(pool) {}

  async::Task<Outcome<std::vector<Folder>>> folders() override {
    co_return co_await async::offload(pool_, [this] { return find_folders(); });
  }
  async::Task<Outcome<std::vector<Item>>> items(Folder& folder) override {
    co_return co_await async::offload(pool_, [this, &folder] { return find_items(folder); });
  }
  async::Task<Outcome<std::vector<std::optional<Message>>>> read(const Folder& folder,
                                                                 std::vector<const Item*> items) override {
    co_return co_await async::offload(pool_, [this, &folder, &items] { return read_items(folder, items); });
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
    trail_.enter(path);
    const ScopeExit leave([this] { trail_.leave(); });
    for (const auto& [name, directory] : *entries) {
      if (name.starts_with('.')) continue;
      const auto place = path + "/" + name;
      if (directory && trail_.leads_back(place)) continue;
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

  Outcome<std::vector<Item>> find_items(const Folder& folder) {
    const auto file = MappedFile::open(folder.place);
    if (!file) return std::unexpected(file.error());
    stamps_[folder.place] = file->stamp();
    std::vector<mime::MboxReader::Item> found;
    mime::MboxReader reader(file->bytes());
    while (const auto one = reader.next())
      if ((!found.empty() || !is_internal(one->content)) && !is_expunged(*one)) found.push_back(*one);
    std::vector<Item> items(found.size());
    in_parallel(found.size(), [&](std::size_t n) {
      const auto content = found[n].content;
      const mime::Header header(content);
      items[n] = {key_of(content, header), flags_in(found[n], header), content.size(), "", found[n].offset};
    });
    std::unordered_map<std::string, std::size_t> seen;  // the same message may be there several times
    for (auto& item : items)
      if (const auto times = seen[item.key]++; times > 0) item.key += "." + std::to_string(times);
    return items;
  }

  Outcome<std::vector<std::optional<Message>>> read_items(const Folder& folder, const std::vector<const Item*>& items) {
    const auto file = MappedFile::open(folder.place);
    if (!file) return std::unexpected(file.error());
    const bool unchanged = stamps_[folder.place].is_unchanged(file->stamp());
    std::vector<std::optional<Message>> messages(items.size());
    in_parallel(items.size(), [&](std::size_t n) {
      messages[n] = unchanged ? unchanged_message(file->bytes(), *items[n]) : find_message(file->bytes(), *items[n]);
    });
    if (std::ranges::any_of(messages, [](const auto& message) { return !message; }))
      return std::unexpected(folder.place + ": somebody changed it meanwhile");
    return messages;
  }

  const std::string path_;
  async::ThreadPool& pool_;
  DirectoryTrail trail_;
  std::unordered_map<std::string, FileStamp> stamps_;  // of the files when their items were found, by path
};

}  // namespace

Flags mbox_flags(const mime::Header& header) {
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

std::string_view without_mbox_fields(std::string_view message, const mime::Header& header, std::string& storage) {
  std::size_t from = 0;
  for (const auto& field : header.fields()) {
    if (!is_mbox_field(field)) continue;
    if (storage.empty()) storage.reserve(message.size());
    storage += message.substr(from, field.offset - from);
    from = field.offset + field.raw.size();
  }
  if (from == 0) return message;
  return storage += message.substr(from);
}

Outcome<std::unique_ptr<Source>> open_mbox(std::string path, async::ThreadPool& pool) {
  return std::make_unique<MboxSource>(std::move(path), pool);
}

}  // namespace quartet::transfer
