#include "imapd/changes.h"

#include <utility>

namespace quartet::imapd {

async::Task<store::Result<void>> tell_changes(Context& context, Selected::Refresh how) {
  auto& selected = *context.selected;
  const auto refreshed = co_await selected.refresh(std::move(how), context.output.text());
  if (!refreshed) co_return refreshed;
  // Behind the EXISTS and FETCH that they follow from (RFC 5267 section 4.3.3, RFC 5465 section 5.1).
  co_await selected.contexts().tell(context);
  co_return store::Result<void>();
}

}  // namespace quartet::imapd
