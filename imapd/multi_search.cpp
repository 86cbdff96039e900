// ESEARCH, which looks for messages in several mailboxes (RFC 7377).
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/known_mailboxes.h"
#include "imapd/mailbox_filter.h"
#include "imapd/proto/writer.h"
#include "imapd/search_result.h"
#include "imapd/search_terms.h"
#include "imapd/search_update.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMostMailboxes = 10'000;

struct Source {
  std::string name;
  store::MailboxRef ref;
};
using Sources = std::vector<Source>;

void add(Sources& sources, const std::string& name, store::MailboxRef ref) {
  if (std::ranges::find(sources, ref, &Source::ref) == sources.end()) sources.push_back({name, ref});
}

/// What the selected mailbox is called now: it may have been renamed since.
async::Task<std::string> name_of_selected(Context& context) {
  const auto& selected = *context.selected;
  const auto same = co_await locate(context, selected.info().name, "r");
  if (same && same->info.ref == selected.ref()) co_return selected.info().name;
  const auto known = co_await known_mailboxes(context);
  if (!known) co_return selected.info().name;
  for (const auto& mailbox : *known)
    if (mailbox.info.exists && mailbox.info.ref == selected.ref()) co_return mailbox.info.name;
  co_return selected.info().name;
}

/// Mailboxes that were named need not be listed to the client, it is enough that it may read them.
async::Task<void> add_named(Context& context, const MailboxFilter& filter, Sources& sources) {
  if (filter.kind != MailboxFilter::Kind::kMailboxes) co_return;
  for (const auto& name : filter.mailboxes) {
    const auto found = co_await locate(context, name, "r");
    if (found) add(sources, found->info.name, found->info.ref);
  }
}

/// Those that the filters mean and the client may read, each once.
async::Task<std::expected<Sources, Reply>> find_sources(Context& context, const std::vector<MailboxFilter>& filters) {
  Sources sources;
  std::vector<FilterMatcher> matchers(filters.begin(), filters.end());
  const bool selected = filters.empty() || std::ranges::any_of(matchers, &FilterMatcher::matches_selected);
  if (selected && !context.selected) co_return std::unexpected(Reply::bad("Select a mailbox first"));
  if (selected) {
    const auto name = co_await name_of_selected(context);
    add(sources, name, context.selected->ref());
  }
  if (std::ranges::all_of(matchers, &FilterMatcher::matches_selected)) co_return sources;
  const auto known = co_await known_mailboxes(context);
  if (!known) co_return std::unexpected(failure(known.error()));
  for (const auto& mailbox : *known) {
    const bool meant = std::ranges::any_of(matchers, [&](const FilterMatcher& m) { return m.matches(mailbox); });
    if (meant && mailbox.info.exists && !mailbox.info.noselect && mailbox.rights.has("r"))
      add(sources, mailbox.info.name, mailbox.info.ref);
    if (sources.size() > kMostMailboxes) co_return std::unexpected(Reply::no("Too many mailboxes", "LIMIT"));
  }
  for (const auto& filter : filters) co_await add_named(context, filter, sources);
  co_return sources;
}

bool is_selected(const Context& context, store::MailboxRef ref) {
  return context.selected && context.selected->ref() == ref;
}

/// nullopt: it is gone, which is no error among many.
async::Task<std::expected<std::optional<Searched>, Reply>> look_at(Context& context, store::MailboxRef ref) {
  if (is_selected(context, ref)) co_return searched(*context.selected);
  auto view = co_await context.store().snapshot(ref);
  if (!view && view.error().code == store::ErrorCode::kNoMailbox) co_return std::nullopt;
  if (!view) co_return std::unexpected(failure(view.error()));
  Searched mailbox{.view = *std::move(view)};
  // They are the newest ones.
  const auto& seen = *mailbox.view;
  const auto recent = std::min<std::size_t>(seen.head().recent, seen.size());
  if (recent > 0) mailbox.recent.push_back({seen[seen.size() - recent].uid, seen[seen.size() - 1].uid});
  co_return mailbox;
}

std::string place_of(const Context& context, const Source& source, const store::Snapshot& view) {
  std::string place = " MAILBOX ";
  append_mailbox_name(place, source.name, context.enabled.utf8);
  fmt::format_to(std::back_inserter(place), " UIDVALIDITY {}", view.uidvalidity());
  return place;
}

async::Task<std::optional<Reply>> search_one(Context& context, const ResultOptions& options, const SearchTerms& terms,
                                             const std::string& tag, const Source& source, bool alone) {
  const auto mailbox = co_await look_at(context, source.ref);
  if (!mailbox) co_return mailbox.error();
  if (!*mailbox) co_return std::nullopt;
  const auto found =
      co_await find_matching(context, **mailbox, terms.key, {.scores = terms.scores, .tells_progress = alone});
  if (!found) co_return found.error();
  auto place = place_of(context, source, *(*mailbox)->view);
  tell_results(context, options,
               {.mailbox = **mailbox,
                .found = *found,
                .name = "SEARCH",
                .tag = tag,
                .place = place,
                .uid = true,
                .modseq = terms.modseq});
  if (options.update && is_selected(context, source.ref))
    keep_updated(context, {.tag = tag,
                           .place = std::move(place),
                           .uid = true,
                           .key = frozen(terms.key, **mailbox),
                           .items = options.update_items,
                           .uids = uids_at(*(*mailbox)->view, found->positions)});
  co_await context.output.drain();
  co_return std::nullopt;
}

/// What must not be asked of several mailboxes (RFC 7377 section 2.2).
std::optional<Reply> refusal(Context& context, const MultiSearch& command, const std::string& tag) {
  const auto only_selected = std::ranges::all_of(
      command.sources, [](const MailboxFilter& source) { return source.kind == MailboxFilter::Kind::kSelected; });
  const auto& options = command.search.results;
  if (options.save && !only_selected) return Reply::bad("SAVE is for the selected mailbox alone");
  if (options.update && !context.selected) return Reply::bad("UPDATE is for a selected mailbox");
  return options.update ? refuse_update(context, tag) : std::nullopt;
}

}  // namespace

Answer multi_search(Context& context, const MultiSearch& command, const std::string& tag) {
  const auto& options = command.search.results;
  if (const auto refused = refusal(context, command, tag)) co_return *refused;
  const auto sources = co_await find_sources(context, command.sources);
  if (!sources) co_return sources.error();
  const auto terms = co_await search_terms(context, {command.search.key, command.search.charset, options.relevancy});
  if (!terms) co_return terms.error();
  const bool alone = sources->size() == 1;
  for (std::size_t n = 0; n < sources->size(); ++n) {
    // Among many, mailboxes are what is counted.
    if (!alone) context.progress = {n, sources->size()};
    const auto failed = co_await search_one(context, options, *terms, tag, (*sources)[n], alone);
    if (failed) co_return *failed;
  }
  co_return Reply::ok("Searched");
}

}  // namespace quartet::imapd
