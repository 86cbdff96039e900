#include "ctl/transfer/maildir_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <unordered_map>

#include "common/base/ascii.h"
#include "common/base/directories.h"
#include "common/mime/lines.h"
#include "common/mime/maildir.h"
#include "ctl/new_file.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/maildir_files.h"

namespace quartet::transfer {
namespace {

/// UIDVALIDITY and UID, by which a later run knows a file. Not by the whole name: the host may have got another one, as
/// each container has.
struct Key {
  std::uint32_t uidvalidity = 0;
  std::uint32_t uid = 0;
};

/// That of a name such as "1700000000.V3U7.host,S=12"; nullopt: another program has written the file.
std::optional<Key> key_of(std::string_view name) {
  const auto dot = name.find(".V");
  if (dot == std::string_view::npos) return std::nullopt;
  auto text = name.substr(dot + 2);
  text = text.substr(0, text.find('.'));
  const auto middle = text.find('U');
  if (middle == std::string_view::npos) return std::nullopt;
  const auto uidvalidity = ascii::to_number<std::uint32_t>(text.substr(0, middle));
  const auto uid = ascii::to_number<std::uint32_t>(text.substr(middle + 1));
  if (!uidvalidity || !uid) return std::nullopt;
  return Key{*uidvalidity, *uid};
}

Outcome<void> write_whole(const std::filesystem::path& path, const std::string& text) {
  auto file = ctl::NewFile::create(path);
  if (!file) return std::unexpected(file.error());
  if (auto written = file->write(text); !written) return written;
  return file->commit();
}

class MaildirTarget final : public Target {
 public:
  MaildirTarget(std::string path, std::string host) : path_(std::move(path)), host_(std::move(host)) {}

  Outcome<void> begin(const std::string& mailbox, std::uint32_t uidvalidity) override {
    auto folder = folder_for(mailbox);
    if (!folder) return std::unexpected(folder.error());
    folder_ = *std::move(folder);
    uidvalidity_ = uidvalidity;
    there_.clear();
    for (const auto* part : {"/tmp", "/new", "/cur"})
      if (const auto error = make_directories(folder_ + part)) return std::unexpected(folder_ + ": " + error.message());
    const auto lines = read_lines(folder_ + "/dovecot-keywords");
    if (!lines) return std::unexpected(lines.error());
    keywords_ = KeywordLetters(*lines);
    written_keywords_ = keywords_.text();
    if (folder_ == path_) return find_files(mailbox);
    if (auto marked = write_whole(folder_ + "/maildirfolder", ""); !marked) return marked;
    return find_files(mailbox);
  }

  Outcome<bool> has(const Outgoing& message) override {
    const auto found = there_.find(message.uid);
    if (found == there_.end()) return false;
    const auto file = found->second.substr(found->second.find('/') + 1);
    const auto name = mime::parse_maildir_name(file);
    const auto wanted = "cur/" + mime::maildir_name(name.base, keywords_.letters(message.flags));
    if (found->second == wanted) return true;
    if (auto kept = keep_keywords(); !kept) return std::unexpected(kept.error());
    if (::rename((folder_ + "/" + found->second).c_str(), (folder_ + "/" + wanted).c_str()) != 0)
      return system_error("rename", folder_ + "/" + found->second);
    found->second = wanted;
    return true;
  }

  Outcome<void> write(const std::vector<Outgoing>& messages) override {
    std::vector<std::pair<std::string, std::string>> names;  // in tmp and in cur
    for (const auto& message : messages) {
      std::string bytes;
      bytes.reserve(message.bytes->size());
      mime::append_lf(bytes, *message.bytes);
      const auto base = base_of(message, bytes.size());
      names.emplace_back(folder_ + "/tmp/" + base,
                         folder_ + "/cur/" + mime::maildir_name(base, keywords_.letters(message.flags)));
      if (auto written = write_file(names.back().first, bytes, message.internaldate); !written) return written;
    }
    // The meaning of letters before their use, and all octets before a name says that they are there.
    if (auto kept = keep_keywords(); !kept) return kept;
    if (auto synced = sync_all(); !synced) return synced;
    for (const auto& [temporary, name] : names)
      if (::rename(temporary.c_str(), name.c_str()) != 0) return system_error("rename", temporary);
    return {};
  }

  Outcome<void> end() override {
    if (keywords_.left_out() > 0)
      remark(
          fmt::format("{}: {} times a keyword was left out: a Maildir has 26 of them", folder_, keywords_.left_out()));
    return sync_all();
  }

  Outcome<void> finish(const std::vector<std::string>& subscribed) override {
    std::vector<std::string> names;
    for (const auto& name : subscribed) names.push_back(without_dots(name));
    return write_whole(path_ + "/subscriptions", format_subscriptions(names));
  }

 private:
  static std::string without_dots(std::string mailbox) {
    std::ranges::replace(mailbox, '.', '_');
    return mailbox;
  }

  Outcome<std::string> folder_for(const std::string& mailbox) {
    if (mailbox == "INBOX") return path_;
    const auto name = without_dots(mailbox);
    const auto folder = folder_of(name);
    if (!folder) return std::unexpected(mailbox + ": no name that a folder can have");
    if (!used_.insert(*folder).second)
      return std::unexpected(fmt::format("{}: the folder {} is of another mailbox", mailbox, *folder));
    if (name != mailbox)
      remark(fmt::format("{}: is in the folder {}: there are no dots in such names", mailbox, *folder));
    return path_ + "/" + *folder;
  }

  /// Files of a mailbox that was made anew, or came from a backup, are not brought up to date: its messages would be
  /// there twice.
  Outcome<void> find_files(const std::string& mailbox) {
    for (const std::string part : {"new", "cur"}) {
      const auto entries = list_directory(folder_ + "/" + part);
      if (!entries) return std::unexpected(entries.error());
      for (const auto& entry : *entries) {
        const auto key = key_of(entry.name);
        if (!key) continue;
        if (key->uidvalidity != uidvalidity_)
          return std::unexpected(
              fmt::format("{}: is another mailbox than it was when {} was written", mailbox, folder_));
        there_[key->uid] = part + "/" + entry.name;
      }
    }
    return {};
  }

  std::string base_of(const Outgoing& message, std::size_t size) const {
    return mime::maildir_base_name(message.internaldate, fmt::format("V{}U{}", uidvalidity_, message.uid), host_, size);
  }

  static Outcome<void> write_file(const std::string& path, std::string_view bytes, WallTime time) {
    const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.is_open()) return system_error("create", path);
    if (auto written = write_all(file, bytes, path); !written) return std::unexpected(written.error().detail);
    const auto micros = to_micros(time);
    const timespec stamp = {micros / 1'000'000, micros % 1'000'000 * 1000};
    const timespec times[] = {stamp, stamp};
    if (::futimens(file.get(), times) != 0) return system_error("set the time of", path);
    return {};
  }

  /// One wait for the disk instead of one for each file.
  Outcome<void> sync_all() const {
    const File directory(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return system_error("open", folder_);
    if (::syncfs(directory.get()) != 0) return system_error("syncfs", folder_);
    return {};
  }

  Outcome<void> keep_keywords() {
    auto text = keywords_.text();
    if (text == written_keywords_) return {};
    if (auto written = write_whole(folder_ + "/dovecot-keywords", text); !written) return written;
    written_keywords_ = std::move(text);
    return {};
  }

  const std::string path_;
  const std::string host_;
  std::set<std::string> used_;  // folders of this run
  std::string folder_;          // the path of the one under way
  std::uint32_t uidvalidity_ = 0;
  KeywordLetters keywords_;
  std::string written_keywords_;
  std::unordered_map<std::uint32_t, std::string> there_;  // files of the folder, by the UIDs of their messages
};

}  // namespace

Outcome<std::unique_ptr<Target>> make_maildir(std::string path, std::string host, bool goes_on) {
  if (const auto error = make_directories(path)) return std::unexpected(path + ": " + error.message());
  const auto entries = list_directory(path);
  if (!entries) return std::unexpected(entries.error());
  if (!goes_on && !entries->empty()) return std::unexpected(path + ": is not empty; to go on with an export, --resume");
  return std::make_unique<MaildirTarget>(std::move(path), std::move(host));
}

}  // namespace quartet::transfer
