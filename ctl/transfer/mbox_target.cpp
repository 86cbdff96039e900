#include "ctl/transfer/mbox_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "common/base/ascii.h"
#include "common/base/directories.h"
#include "common/mime/header.h"
#include "common/mime/mbox.h"
#include "ctl/new_file.h"
#include "ctl/transfer/local_files.h"
#include "ctl/transfer/mbox_source.h"
#include "ctl/transfer/parallel.h"

namespace quartet::transfer {
namespace {

constexpr std::size_t kAtOnce = 32;           // messages for one write
constexpr std::uint64_t kUnnoted = 64 << 20;  // so much at the most is written again after a crash

std::string status_fields(const Flags& flags) {
  const auto has = [&flags](std::uint64_t bit) { return (flags.system & bit) != 0; };
  std::string fields = has(store::flag::kSeen) ? "Status: RO\n" : "Status: O\n";
  std::string letters;
  if (has(store::flag::kAnswered)) letters += 'A';
  if (has(store::flag::kFlagged)) letters += 'F';
  if (has(store::flag::kDeleted)) letters += 'D';
  if (has(store::flag::kDraft)) letters += 'T';
  if (!letters.empty()) fields += "X-Status: " + letters + "\n";
  std::string keywords;
  for (const auto& keyword : flags.keywords) keywords += " " + keyword;
  if (!keywords.empty()) fields += "X-Keywords:" + keywords + "\n";
  return fields;
}

std::string sender_of(const mime::Header& header) {
  const auto text = header.text("Return-Path");
  const auto address = ascii::trim(text);
  return address.size() > 2 && address.front() == '<' && address.back() == '>'
             ? std::string(address.substr(1, address.size() - 2))
             : std::string();
}

class MboxTarget final : public Target {
 public:
  MboxTarget(std::string path, bool single) : path_(std::move(path)), single_(single) {}

  Outcome<void> keep(const std::string& state, const std::string& account) {
    const auto first = fmt::format("quartet-transfer 1 export-mbox {} {}", as_word(path_), as_word(account));
    auto file = LineFile::open(state, first, [this](std::string_view line) { return take(line); });
    if (!file) return std::unexpected(file.error());
    state_ = *std::move(file);
    return {};
  }

  Outcome<void> begin(const std::string& mailbox, std::uint32_t uidvalidity) override {
    mailbox_ = mailbox;
    file_path_ = single_ ? path_ : path_of(mailbox);
    const auto known = reached_.find(mailbox);
    if (known != reached_.end() && known->second.uidvalidity != uidvalidity)
      return std::unexpected(mailbox + ": is another mailbox than it was");
    if (const auto error = make_directories(parent_of(file_path_)))
      return std::unexpected(file_path_ + ": " + error.message());
    if (known != reached_.end()) return go_on(known->second);
    if (::access(file_path_.c_str(), F_OK) == 0) return std::unexpected(file_path_ + ": is there already");
    now_ = {uidvalidity, 0, 0};
    // First said, then made: a file that we do not know about is somebody else's.
    if (auto noted = note(); !noted) return noted;
    return open_file(O_EXCL);
  }

  Outcome<bool> has(const Outgoing& message) override { return message.uid <= now_.uid; }

  Outcome<void> write(const std::vector<Outgoing>& messages) override {
    std::vector<std::string> texts((messages.size() + kAtOnce - 1) / kAtOnce);
    in_parallel(texts.size(), [&](std::size_t n) {
      const auto begin = n * kAtOnce;
      for (auto at = begin; at < std::min(begin + kAtOnce, messages.size()); ++at) texts[n] += mbox_part(messages[at]);
    });
    auto offset = now_.offset;
    for (const auto& text : texts) {
      if (auto written = write_all(file_, text, file_path_); !written) return std::unexpected(written.error().detail);
      offset += text.size();
    }
    // The disk begins with it now, so that there is little to wait for later; what fails here fails there again.
    (void)::sync_file_range(file_.get(), static_cast<off_t>(now_.offset), static_cast<off_t>(offset - now_.offset),
                            SYNC_FILE_RANGE_WRITE);
    now_.uid = messages.back().uid;
    now_.offset = offset;
    return now_.offset - noted_ < kUnnoted ? Outcome<void>() : keep_written();
  }

  Outcome<void> end() override {
    auto kept = file_.is_open() && noted_ < now_.offset ? keep_written() : Outcome<void>();
    file_ = File();
    return kept;
  }

  Outcome<void> finish(const std::vector<std::string>& subscribed) override {
    if (single_) return {};
    auto file = ctl::NewFile::create(path_ + "/.subscriptions");
    if (!file) return std::unexpected(file.error());
    std::string text;
    for (const auto& name : subscribed) text += name + "\n";
    if (auto written = file->write(text); !written) return written;
    return file->commit();
  }

 private:
  /// How far a mailbox has got.
  struct Reached {
    std::uint32_t uidvalidity = 0;
    std::uint32_t uid = 0;
    std::uint64_t offset = 0;
  };

  bool take(std::string_view line) {
    const auto words = words_of(line, 5);
    if (words.empty() || words[0] != "at") return false;
    const auto uidvalidity = ascii::to_number<std::uint32_t>(words[1]);
    const auto uid = ascii::to_number<std::uint32_t>(words[2]);
    const auto offset = ascii::to_number(words[3]);
    if (!uidvalidity || !uid || !offset) return false;
    reached_[from_word(words[4])] = {*uidvalidity, *uid, *offset};
    return true;
  }

  /// What was written is on disk, and then said to be there.
  Outcome<void> keep_written() {
    if (auto synced = sync(file_, file_path_); !synced) {
      file_ = File();  // another sync would not tell what was lost
      return std::unexpected(synced.error().detail);
    }
    return note();
  }

  Outcome<void> note() {
    noted_ = now_.offset;
    const auto line = fmt::format("at {} {} {} {}\n", now_.uidvalidity, now_.uid, now_.offset, as_word(mailbox_));
    return state_.add(line);
  }

  Outcome<void> go_on(const Reached& reached) {
    now_ = reached;
    noted_ = now_.offset;
    if (auto opened = open_file(0); !opened) return opened;
    // What came behind is of a batch that was cut off, and comes again.
    if (::ftruncate(file_.get(), static_cast<off_t>(now_.offset)) != 0) return system_error("truncate", file_path_);
    return {};
  }

  Outcome<void> open_file(int more) {
    file_ = File(::open(file_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | more, 0600));
    if (!file_.is_open()) return system_error("open", file_path_);
    if (auto synced = sync_directory(parent_of(file_path_)); !synced) return std::unexpected(synced.error().detail);
    return {};
  }

  std::string path_of(const std::string& mailbox) const {
    auto path = path_;
    const auto levels = ascii::split(mailbox, '/');
    for (std::size_t n = 0; n < levels.size(); ++n) {
      path.append(levels[n].starts_with('.') ? "/_" : "/").append(levels[n]);  // those with a dot are passed over
      if (n + 1 < levels.size()) path += ".sbd";
    }
    return path;
  }

  const std::string path_;
  const bool single_;
  LineFile state_;
  std::map<std::string, Reached> reached_;
  std::string mailbox_, file_path_;
  Reached now_;
  std::uint64_t noted_ = 0;  // of now_.offset, what a later run knows of
  File file_;
};

}  // namespace

std::string mbox_part(const Outgoing& message) {
  const mime::Header header(*message.bytes);
  std::string storage;
  mime::MboxWriter writer;
  auto out = writer.begin(sender_of(header), message.internaldate);
  out += status_fields(message.flags);
  out += writer.add(without_mbox_fields(*message.bytes, header, storage));
  return out += writer.end();
}

Outcome<std::unique_ptr<Target>> make_mbox(std::string path, bool single, const std::string& state,
                                           const std::string& account) {
  auto target = std::make_unique<MboxTarget>(std::move(path), single);
  if (auto kept = target->keep(state, account); !kept) return std::unexpected(kept.error());
  return target;
}

}  // namespace quartet::transfer
