#include "ctl/transfer/state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::transfer {

Outcome<State> State::open(const std::string& path, const std::string& source, const std::string& account) {
  State state;
  const auto first = fmt::format("quartet-transfer 1 import {} {}", as_word(source), as_word(account));
  auto file = LineFile::open(path, first, [&state](std::string_view line) { return state.take(line); });
  if (!file) return std::unexpected(file.error());
  state.file_ = *std::move(file);
  // A batch that was not written down in full was not given to the store either.
  if (state.missing_ > 0)
    if (auto settled = state.settle(std::nullopt); !settled) return std::unexpected(settled.error());
  return state;
}

bool State::take(std::string_view line) {
  const auto kind = line.substr(0, line.find(' '));
  if (kind == "+") return take_item(line);
  if (kind == "none") {
    pending_.reset();
    missing_ = 0;
    return true;
  }
  if (missing_ > 0) return false;
  if (kind == "folder") {
    const auto words = words_of(line, 6);
    return !words.empty() && take_folder(words);
  }
  if (kind == "batch") {
    const auto words = words_of(line, 4);
    if (words.empty() || pending_) return false;
    const auto folder = ascii::to_number<std::size_t>(words[1]);
    const auto uidnext = ascii::to_number<std::uint32_t>(words[2]);
    const auto count = ascii::to_number<std::size_t>(words[3]);
    if (!folder || *folder >= folders_.size() || !uidnext || !count) return false;
    pending_ = Batch{*folder, *uidnext, {}};
    missing_ = *count;
    return true;
  }
  if (kind == "done") {
    const auto words = words_of(line, 2);
    const auto uid = words.empty() ? std::nullopt : ascii::to_number<std::uint32_t>(words[1]);
    if (!uid || !pending_) return false;
    for (std::size_t n = 0; n < pending_->items.size(); ++n) {
      auto& item = pending_->items[n];
      folders_[pending_->folder].known[std::move(item.key)] = {*uid + static_cast<std::uint32_t>(n),
                                                               std::move(item.flags)};
    }
    pending_.reset();
    return true;
  }
  std::string_view flags;
  const auto words = words_of(line, 3, &flags);
  const auto folder = words.empty() ? std::nullopt : ascii::to_number<std::size_t>(words[1]);
  if (kind != "flags" || !folder || *folder >= folders_.size()) return false;
  folders_[*folder].known[from_word(words[2])].flags = flags;
  return true;
}

bool State::take_folder(const std::vector<std::string_view>& words) {
  const auto number = ascii::to_number<std::size_t>(words[1]);
  const auto uidvalidity = ascii::to_number<std::uint32_t>(words[3]);
  if (number != folders_.size() || !uidvalidity) return false;
  folders_.push_back({*number, from_word(words[4]), from_word(words[2]), from_word(words[5]), *uidvalidity, {}});
  return true;
}

bool State::take_item(std::string_view line) {
  std::string_view flags;
  const auto words = words_of(line, 4, &flags);
  if (words.empty() || missing_ == 0) return false;
  const auto size = ascii::to_number(words[2]);
  const auto date = ascii::to_number<std::int64_t>(words[3]);
  if (!size || !date) return false;
  pending_->items.push_back({from_word(words[1]), *size, *date, std::string(flags)});
  --missing_;
  return true;
}

bool State::has_other_validity(const Folder& folder) const {
  // The last one counts: a folder is begun anew when its mailbox is another.
  const auto found = std::ranges::find(folders_.rbegin(), folders_.rend(), folder.place, &FolderState::place);
  return found != folders_.rend() && found->validity != folder.validity;
}

Outcome<FolderState*> State::folder(const Folder& folder, const std::string& mailbox, std::uint32_t uidvalidity) {
  for (auto& known : folders_)
    if (known.place == folder.place && known.validity == folder.validity && known.mailbox == mailbox &&
        known.uidvalidity == uidvalidity)
      return &known;
  const auto line = fmt::format("folder {} {} {} {} {}\n", folders_.size(), as_word(folder.validity), uidvalidity,
                                as_word(folder.place), as_word(mailbox));
  if (auto written = file_.add(line); !written) return std::unexpected(written.error());
  folders_.push_back({folders_.size(), folder.place, folder.validity, mailbox, uidvalidity, {}});
  return &folders_.back();
}

Outcome<void> State::begin(Batch batch) {
  if (file_.is_kept()) {
    auto text = fmt::format("batch {} {} {}\n", batch.folder, batch.uidnext, batch.items.size());
    for (const auto& item : batch.items)
      text += fmt::format("+ {} {} {} {}\n", as_word(item.key), item.size, item.internaldate, item.flags);
    if (auto written = file_.add(text); !written) return written;
    if (auto synced = file_.sync(); !synced) return synced;
  }
  pending_ = std::move(batch);
  return {};
}

Outcome<void> State::settle(std::optional<std::uint32_t> first_uid) {
  const auto line = first_uid ? fmt::format("done {}", *first_uid) : std::string("none");
  take(line);
  return file_.add(line + "\n");
}

Outcome<void> State::set_flags(FolderState& folder, const std::string& key, std::string flags) {
  const auto line = fmt::format("flags {} {} {}\n", folder.number, as_word(key), flags);
  folder.known[key].flags = std::move(flags);
  return file_.add(line);
}

}  // namespace quartet::transfer
