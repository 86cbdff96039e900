#include "imapd/search_update.h"

#include <fmt/format.h>

#include "imapd/commands.h"

namespace quartet::imapd {

std::optional<Reply> refuse_update(Context& context, const std::string& tag) {
  if (!context.selected->contexts().has(tag)) return std::nullopt;
  return Reply::bad("A result with this tag is kept up to date already");
}

void keep_updated(Context& context, SearchContext result) {
  const auto tag = result.tag;
  if (context.selected->contexts().add(std::move(result))) return;
  context.output.line(fmt::format("* NO [NOUPDATE \"{}\"] Too many results are kept up to date", tag));
}

Reply cancel_update(Context& context, const CancelUpdate& command) {
  bool all = true;
  for (const auto& tag : command.tags) all = context.selected->contexts().cancel(tag) && all;
  return all ? Reply::ok("No further updates") : Reply::bad("No result with this tag is kept up to date");
}

}  // namespace quartet::imapd
