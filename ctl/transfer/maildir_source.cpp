#include "ctl/transfer/maildir_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/scope.h"
#include "common/mime/lines.h"
#include "common/mime/maildir.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/maildir_files.h"

namespace quartet::transfer {
namespace {

bool holds_messages(const std::string& path) { return is_directory(path + "/cur") || is_directory(path + "/new"); }

/// What names a message, whatever its flags, and whether or not its size was put behind.
std::string_view key_of(std::string_view base) { return base.substr(0, base.find(',')); }

/// As the name tells ("S=") or else the file.
std::uint64_t size_of(const std::string& directory, const std::string& file, std::string_view base) {
  if (const auto at = base.find(",S="); at != std::string_view::npos) {
    const auto text = base.substr(at + 3);
    if (const auto size = ascii::to_number(text.substr(0, text.find(',')))) return *size;
  }
  struct stat status = {};
  return ::stat((directory + "/" + file).c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

class MaildirSource final : public Source {
 public:
  MaildirSource(std::string path, async::ThreadPool& pool) : path_(std::move(path)), pool_(pool) {}

  async::Task<Outcome<std::vector<Folder>>> folders() override {
    co_return co_await async::offload(pool_, [this] { return find_folders(); });
  }
  async::Task<Outcome<std::vector<Item>>> items(Folder& folder) override {
    co_return co_await async::offload(pool_, [&folder] { return find_items(folder); });
  }
  async::Task<Outcome<std::vector<std::optional<Message>>>> read(const Folder& folder,
                                                                 std::vector<const Item*> items) override {
    co_return co_await async::offload(pool_, [this, &folder, &items] { return read_items(folder, items); });
  }

 private:
  Outcome<std::vector<Folder>> find_folders() {
    std::vector<Folder> folders;
    if (holds_messages(path_)) folders.push_back({"INBOX", path_, "", "", false});
    if (auto walked = walk(path_, "", folders); !walked) return std::unexpected(walked.error());
    if (folders.empty()) return std::unexpected(path_ + ": no Maildir: neither cur nor new is there");
    const auto subscribed = subscriptions();
    if (!subscribed) return std::unexpected(subscribed.error());
    for (auto& folder : folders) folder.subscribed = !*subscribed || (*subscribed)->contains(folder.name);
    return folders;
  }

  Outcome<void> walk(const std::string& path, const std::string& above, std::vector<Folder>& folders) {
    const auto entries = list_directory(path);
    if (!entries) return std::unexpected(entries.error());
    trail_.enter(path);
    const ScopeExit leave([this] { trail_.leave(); });
    for (const auto& [name, directory] : *entries) {
      if (!directory || name == "cur" || name == "new" || name == "tmp") continue;
      const auto place = path + "/" + name;
      if (trail_.leads_back(place)) continue;
      const bool dotted = name.starts_with('.');
      auto mailbox = above + (dotted ? mailbox_of(name) : level_of(name));
      if (ascii::iequals(mailbox, "INBOX")) mailbox = "INBOX";
      const bool messages = holds_messages(place);
      if (messages) folders.push_back({mailbox, place, "", "", false});
      if (dotted && !messages) continue;  // of some other program
      if (auto walked = walk(place, mailbox + "/", folders); !walked) return walked;
    }
    return {};
  }

  /// nullopt: nobody has said anything.
  Outcome<std::optional<std::set<std::string>>> subscriptions() const {
    for (const auto* file : {"/subscriptions", "/courierimapsubscribed"}) {
      const auto lines = read_lines(path_ + file);
      if (!lines) return std::unexpected(lines.error());
      if (lines->empty()) continue;
      std::set<std::string> names;
      for (auto& name : parse_subscriptions(*lines, '.'))
        names.insert(name.starts_with("INBOX/") ? name.substr(6) : name);  // Courier's way to say it
      names.insert("INBOX");
      return names;
    }
    return std::nullopt;
  }

  static Outcome<std::vector<Item>> find_items(const Folder& folder) {
    const auto keyword_lines = read_lines(folder.place + "/dovecot-keywords");
    if (!keyword_lines) return std::unexpected(keyword_lines.error());
    const KeywordLetters keywords(*keyword_lines);
    const auto uid_lines = read_lines(folder.place + "/dovecot-uidlist");
    if (!uid_lines) return std::unexpected(uid_lines.error());
    const auto uids = parse_uid_list(*uid_lines);
    std::vector<std::pair<std::uint32_t, Item>> found;
    // What is moved while we look goes from new to cur, and so is seen at least once.
    for (const std::string part : {"new", "cur"}) {
      if (!is_directory(folder.place + "/" + part)) continue;
      const auto entries = list_directory(folder.place + "/" + part);
      if (!entries) return std::unexpected(entries.error());
      for (const auto& [name, directory] : *entries) {
        if (directory || name.starts_with('.')) continue;
        const auto parsed = mime::parse_maildir_name(name);
        const auto file = part + "/" + name;
        Item item{std::string(key_of(parsed.base)), keywords.flags(parsed.letters),
                  size_of(folder.place, file, parsed.base), file};
        const auto uid = uids.find(item.key);
        found.emplace_back(uid == uids.end() ? store::kMaxUid : uid->second, std::move(item));
      }
    }
    return in_order(std::move(found));
  }

  /// That of the UIDs, and behind those with one that of their names, which begin with the time.
  static std::vector<Item> in_order(std::vector<std::pair<std::uint32_t, Item>> found) {
    std::ranges::sort(found, [](const auto& one, const auto& other) {
      return std::tie(one.first, one.second.key) < std::tie(other.first, other.second.key);
    });
    std::vector<Item> items;
    items.reserve(found.size());
    for (auto& [uid, item] : found)
      if (items.empty() || items.back().key != item.key) items.push_back(std::move(item));
    return items;
  }

  /// A file that cannot be read is named to the people, and those beside it come.
  Outcome<std::vector<std::optional<Message>>> read_items(const Folder& folder, const std::vector<const Item*>& items) {
    std::vector<std::optional<Message>> messages;
    std::unordered_map<std::string, std::string> renamed;  // files by key, looked up when one is not where it was
    for (const auto* item : items) {
      bool missing = false;
      auto content = read_content(folder.place + "/" + item->file, &missing);
      if (missing) {
        if (renamed.empty()) renamed = files_of(folder);
        if (const auto found = renamed.find(item->key); found != renamed.end())
          content = read_content(folder.place + "/" + found->second, &missing);
      }
      if (!content) {
        if (!missing) remark(fmt::format("{}: a message was not imported: {}", folder.name, content.error()));
        messages.emplace_back();
        continue;
      }
      std::string bytes;
      bytes.reserve(content->bytes.size() + content->bytes.size() / 32);
      mime::append_crlf(bytes, content->bytes);
      messages.push_back(Message{std::make_shared<const std::string>(std::move(bytes)), content->modified});
    }
    return messages;
  }

  static std::unordered_map<std::string, std::string> files_of(const Folder& folder) {
    std::unordered_map<std::string, std::string> files;
    if (auto items = find_items(folder))
      for (auto& item : *items) files.emplace(std::move(item.key), std::move(item.file));
    return files;
  }

  const std::string path_;
  async::ThreadPool& pool_;
  DirectoryTrail trail_;
};

}  // namespace

Outcome<std::unique_ptr<Source>> open_maildir(std::string path, async::ThreadPool& pool) {
  if (!is_directory(path)) return std::unexpected(path + ": not a directory");
  return std::make_unique<MaildirSource>(std::move(path), pool);
}

}  // namespace quartet::transfer
