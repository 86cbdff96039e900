// Annotations of mailboxes and of the server: RFC 5464, with LIST: RFC 9590. Those of the server are each user's own.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "imapd/access.h"
#include "imapd/commands.h"
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

/// What annotations belong to, and what the client may do with it.
struct Subject {
  store::MailboxRef ref;
  store::Rights rights = store::Rights::all();
};

async::Task<std::expected<Subject, Reply>> find_subject(Context& context, const std::string& mailbox) {
  if (!mailbox.empty()) {
    const auto found = co_await locate(context, mailbox, "r");
    if (!found) co_return std::unexpected(found.error());
    co_return Subject{found->info.ref, found->rights};
  }
  const auto inbox = co_await context.store().find(context.account, "INBOX");
  if (!inbox) co_return std::unexpected(failure(inbox.error()));
  co_return Subject{{inbox->ref.shard, inbox->ref.account, 0}};
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

/// Octets of the longest value that was too long to be told; 0 if none was.
std::size_t tell(Told& told, const Wish& wish, const std::vector<store::Annotation>& annotations) {
  std::size_t longest = 0;
  for (const auto& entry : wish.entries) {
    bool there = false;
    for (const auto& annotation : annotations) {
      const auto levels = levels_below(annotation.entry, entry.name);
      if (annotation.user.empty() != entry.shared || !levels || *levels > wish.depth) continue;
      there = there || *levels == 0;
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

}  // namespace

Answer get_metadata(Context& context, const GetMetadata& command) {
  auto entries = to_entries(command.entries);
  if (!entries) co_return entries.error();
  const auto subject = co_await find_subject(context, command.mailbox);
  if (!subject) co_return subject.error();
  const auto annotations = co_await context.store().annotations(subject->ref, context.account);
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
  for (const auto& [text, value] : command.entries) {
    auto entry = to_entry(text);
    if (!entry || entry->name.empty()) co_return Reply::bad("No such entry is possible");
    // What all see of a mailbox is changed by who may change its flags; of the server, by nobody here.
    if (entry->shared && (command.mailbox.empty() || !subject->rights.has("w"))) co_return not_permitted();
    if (value && value->size() > kMaxValue)
      co_return Reply::no("The value is too long", fmt::format("METADATA MAXSIZE {}", kMaxValue));
    changes.push_back({entry->shared ? "" : context.account, std::move(entry->name), value});
  }
  const auto done = co_await context.store().annotate(subject->ref, std::move(changes));
  if (done) co_return Reply::ok("Set");
  if (done.error().code == store::ErrorCode::kCannot) co_return Reply::no("Too many entries", "METADATA TOOMANY");
  co_return failure(done.error());
}

async::Task<std::optional<Reply>> append_metadata(Context& context, const store::MailboxInfo& mailbox,
                                                  const std::vector<std::string>& entries) {
  auto wanted = to_entries(entries);
  if (!wanted) co_return wanted.error();
  const auto annotations = co_await context.store().annotations(mailbox.ref, context.account);
  if (!annotations) co_return failure(annotations.error());
  Told told(context, mailbox.name);
  (void)tell(told, {*std::move(wanted), 0, std::nullopt}, *annotations);
  told.append();
  co_return std::nullopt;
}

}  // namespace quartet::imapd
