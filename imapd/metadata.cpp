// Annotations of mailboxes and of the server: RFC 5464, with LIST: RFC 9590; filters among them: RFC 5466.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/store/annotated.h"
#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/proto/parser.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxValue = 32 * 1024;  // octets
constexpr std::size_t kMaxEntryName = 512;
constexpr std::string_view kPrivate = "/private";
constexpr std::string_view kShared = "/shared";

/// An entry as a client names it.
struct Entry {
  bool shared = false;
  std::string name;  // what follows /shared or /private, lower case; may be "" where one asks for all below
};

/// nullopt if there can be no such entry (RFC 5464 section 3.2).
std::optional<Entry> to_entry(const std::string& text) {
  const auto lower = ascii::lower(text);
  Entry entry;
  entry.shared = lower.starts_with(kShared);
  const auto root = entry.shared ? kShared : kPrivate;
  if (!lower.starts_with(root) || lower.size() > kMaxEntryName) return std::nullopt;
  entry.name = lower.substr(root.size());
  if (!entry.name.empty() && entry.name.front() != '/') return std::nullopt;
  if (entry.name.ends_with('/') || entry.name.contains("//")) return std::nullopt;
  for (const char c : entry.name)
    if (c < ' ' || c >= '\x7F' || c == '*' || c == '%') return std::nullopt;
  return entry;
}

/// What annotations belong to: one mailbox, or the server, which has them in two places.
struct Subject {
  store::MailboxRef own;                    // of this user's
  std::optional<store::MailboxRef> of_all;  // of those that all see; nullopt: there can be none
  bool may_set_all = false;
  std::string special_use{};  // of a mailbox
};

async::Task<std::expected<Subject, Reply>> find_subject(Context& context, const std::string& mailbox) {
  if (mailbox.empty()) {
    const auto places = co_await store::annotated_accounts(context.store(), context.namespaces(), context.account);
    if (!places) co_return std::unexpected(failure(places.error()));
    co_return Subject{places->own, places->of_all, places->may_set_all};
  }
  const auto found = co_await locate(context, mailbox, "l");
  if (!found) co_return std::unexpected(found.error());
  if (!may_annotate(found->rights)) co_return std::unexpected(not_permitted());
  // What all see of a mailbox is changed by who may change its flags.
  co_return Subject{found->info.ref, found->info.ref, found->rights.has("w"), found->info.special_use};
}

bool is_special_use(const Entry& entry) { return !entry.shared && entry.name == store::kSpecialUseEntry; }

/// Where a filter must be a search criterion to be set (RFC 5466 section 3.2).
bool is_broken_filter(const std::string& mailbox, const Entry& entry, const std::optional<std::string>& value) {
  return mailbox.empty() && value && entry.name.starts_with(kFilterValues) && !parse_search_criteria(*value);
}

/// How many levels `name` is below `root`; nullopt if it is not.
std::optional<std::uint32_t> levels_below(std::string_view name, std::string_view root) {
  if (!name.starts_with(root)) return std::nullopt;
  name.remove_prefix(root.size());
  if (!name.empty() && name.front() != '/') return std::nullopt;
  return static_cast<std::uint32_t>(std::ranges::count(name, '/'));
}

/// One response METADATA with the entries that are there, and NIL for those that were asked for and are not.
class Told {
 public:
  Told(Context& context, std::string_view mailbox) : context_(context), mailbox_(mailbox) {}

  void add(const Entry& entry, const std::string* value) {
    if (!words_.empty()) words_ += ' ';
    append_astring(words_, std::string(entry.shared ? kShared : kPrivate) + entry.name);
    words_ += ' ';
    if (value == nullptr)
      words_ += "NIL";
    else if (value->contains('\0'))
      append_literal8(words_, *value);
    else
      append_string(words_, *value, context_.enabled.utf8);
  }

  void append() const {
    if (words_.empty()) return;
    auto& out = context_.output.text();
    out += "* METADATA ";
    append_mailbox_name(out, mailbox_, context_.enabled.utf8);
    out.append(" (").append(words_).append(")\r\n");
  }

 private:
  Context& context_;
  const std::string_view mailbox_;
  std::string words_;
};

struct Wish {
  std::vector<Entry> entries;
  std::uint32_t depth = 0;
  std::optional<std::uint32_t> max_size;
};

/// Each once, however often it is asked for: a client could else have memory without end filled with its values. Gives
/// the octets of the longest value that was too long to be told; 0 if none was.
std::size_t tell(Told& told, const Wish& wish, const std::vector<store::Annotation>& annotations) {
  std::size_t longest = 0;
  std::vector<bool> was_told(annotations.size());
  for (const auto& entry : wish.entries) {
    bool there = false;
    for (std::size_t n = 0; n < annotations.size(); ++n) {
      const auto& annotation = annotations[n];
      const auto levels = levels_below(annotation.entry, entry.name);
      if (annotation.user.empty() != entry.shared || !levels || *levels > wish.depth) continue;
      there = there || *levels == 0;
      if (was_told[n]) continue;
      was_told[n] = true;
      if (wish.max_size && annotation.value.size() > *wish.max_size)
        longest = std::max(longest, annotation.value.size());
      else
        told.add({entry.shared, annotation.entry}, &annotation.value);
    }
    if (!there && !entry.name.empty() && wish.depth == 0) told.add(entry, nullptr);
  }
  return longest;
}

std::expected<std::vector<Entry>, Reply> to_entries(const std::vector<std::string>& texts) {
  std::vector<Entry> entries;
  for (const auto& text : texts) {
    auto entry = to_entry(text);
    if (!entry) return std::unexpected(Reply::bad("No such entry is possible"));
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Reply not_set(const store::StoreError& error) {
  return error.code == store::ErrorCode::kCannot ? Reply::no("Too many entries", "METADATA TOOMANY") : failure(error);
}

}  // namespace

Answer get_metadata(Context& context, const GetMetadata& command) {
  auto entries = to_entries(command.entries);
  if (!entries) co_return entries.error();
  const auto subject = co_await find_subject(context, command.mailbox);
  if (!subject) co_return subject.error();
  auto asked = command.mailbox.empty()
                   ? store::server_annotations(context.store(), context.namespaces(), context.account)
                   : store::annotations_of(context.store(), subject->own, subject->special_use, context.account);
  const auto annotations = co_await std::move(asked);
  if (!annotations) co_return failure(annotations.error());
  Told told(context, command.mailbox);
  const auto longest = tell(told, {*std::move(entries), command.depth, command.max_size}, *annotations);
  told.append();
  if (longest == 0) co_return Reply::ok("Told");
  co_return Reply::ok("Some are longer", fmt::format("METADATA LONGENTRIES {}", longest));
}

Answer set_metadata(Context& context, const SetMetadata& command) {
  const auto subject = co_await find_subject(context, command.mailbox);
  if (!subject) co_return subject.error();
  std::vector<store::AnnotationChange> changes;
  std::vector<store::AnnotationChange> for_all;  // where these are kept elsewhere
  for (const auto& [text, value] : command.entries) {
    auto entry = to_entry(text);
    if (!entry || entry->name.empty()) co_return Reply::bad("No such entry is possible");
    // It must be one that there is, and is given when the mailbox is made.
    if (!command.mailbox.empty() && is_special_use(*entry))
      co_return Reply::no("The use of a mailbox cannot be changed", "CANNOT");
    if (entry->shared && !(subject->may_set_all && subject->of_all)) co_return not_permitted();
    if (value && value->size() > kMaxValue)
      co_return Reply::no("The value is too long", fmt::format("METADATA MAXSIZE {}", kMaxValue));
    if (is_broken_filter(command.mailbox, *entry, value)) co_return Reply::no("The filter is no search criterion");
    auto& place = entry->shared && *subject->of_all != subject->own ? for_all : changes;
    place.push_back({entry->shared ? "" : context.account, std::move(entry->name), value});
  }
  if (!for_all.empty()) {
    const auto done = co_await context.store().annotate(*subject->of_all, std::move(for_all));
    if (!done) co_return not_set(done.error());
  }
  const auto done = co_await context.store().annotate(subject->own, std::move(changes));
  co_return done ? Reply::ok("Set") : not_set(done.error());
}

async::Task<std::optional<Reply>> append_metadata(Context& context, const store::MailboxInfo& mailbox,
                                                  const std::vector<std::string>& entries) {
  auto wanted = to_entries(entries);
  if (!wanted) co_return wanted.error();
  const auto annotations =
      co_await store::annotations_of(context.store(), mailbox.ref, mailbox.special_use, context.account);
  if (!annotations) co_return failure(annotations.error());
  Told told(context, mailbox.name);
  (void)tell(told, {*std::move(wanted), 0, std::nullopt}, *annotations);
  told.append();
  co_return std::nullopt;
}

}  // namespace quartet::imapd
