// How the calls of a Router find their store, and what they do when an account is on its way. For router*.cpp only.
#pragma once
#include <algorithm>
#include <chrono>

#include "common/store/router.h"

namespace quartet::store {

/// An error that ends by itself when an account has arrived.
inline bool is_passing(ErrorCode code) { return code == ErrorCode::kMoving || code == ErrorCode::kMoved; }

/// How long a call waits for the end of a move: not as long as a fence can last, and not too long for its own caller.
class Router::Patience {
 public:
  bool goes_on(ErrorCode code) {
    // Without waiting only so often: an account that is never where it is said to be is a fault.
    if (code == ErrorCode::kMoved && ++turns_ > kTurns) return false;
    return std::chrono::steady_clock::now() < end_;
  }

 private:
  static constexpr int kTurns = 10;
  const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int turns_ = 0;
};

/// `call` may be made several times.
template <typename T, typename Call>
Store::Async<T> Router::by_account(std::string account, Call call) {
  for (Patience patience;;) {
    const auto home = co_await locate(account);
    if (!home && home.error().code != ErrorCode::kMoving) co_return std::unexpected(home.error());
    auto result = home ? co_await call(at(*home)) : Result<T>(std::unexpected(home.error()));
    if (result || !is_passing(result.error().code)) co_return result;
    forget(account);
    if (!patience.goes_on(result.error().code)) co_return result;
    if (result.error().code == ErrorCode::kMoving) co_await wait_for_move(home.value_or(0), account);
  }
}

template <typename T, typename Call>
Store::Async<T> Router::by_mailbox(MailboxRef mailbox, Call call) {
  Engine* const engine = owner(mailbox);
  if (engine == nullptr) co_return no_mailbox();
  for (Patience patience;;) {
    auto result = co_await call(*engine);
    if (result) co_return result;
    if (result.error().code == ErrorCode::kNoMailbox)
      co_return std::unexpected(co_await why_missing(*engine, mailbox, std::move(result.error())));
    if (result.error().code != ErrorCode::kMoving || !patience.goes_on(ErrorCode::kMoving)) co_return result;
    const auto row = co_await engine->row_of(mailbox);
    if (!row || !*row) co_return result;
    const auto home = std::ranges::find_if(homes_, [engine](const Home& each) { return each.engine.get() == engine; });
    co_await wait_for_move(static_cast<std::size_t>(home - homes_.begin()), (*row)->name);
  }
}

}  // namespace quartet::store
