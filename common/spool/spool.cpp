#include "common/spool/spool.h"

#include "common/async/wait.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {

Spool::Spool(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Spool::~Spool() { impl_->close(); }

std::expected<std::unique_ptr<Spool>, SpoolError> Spool::open(Options options) {
  auto impl = std::make_shared<Impl>(std::move(options));
  if (const auto ok = impl->open(); !ok) return std::unexpected(ok.error());
  return std::unique_ptr<Spool>(new Spool(std::move(impl)));
}

void Spool::close() { impl_->close(); }
const OpenReport& Spool::open_report() const { return impl_->open_report(); }
const std::filesystem::path& Spool::directory() const { return impl_->directory(); }

void Spool::submit(NewMessage message, Accepted completion) {
  impl_->submit(std::move(message), std::move(completion));
}

async::Task<std::expected<MessageId, SpoolError>> Spool::enqueue(NewMessage message) {
  using Result = std::expected<MessageId, SpoolError>;
  auto result = co_await async::from_callback<Result>([&](async::Completion<Result> completion) {
    impl_->submit(std::move(message),
                  [completion = std::move(completion)](Result value) mutable { completion(std::move(value)); });
  });
  co_return result;
}

void Spool::restore(RestoredMessage message, Accepted completion) {
  impl_->restore(std::move(message), std::move(completion));
}

std::optional<WallTime> Spool::next_due() const { return impl_->next_due(); }
std::vector<Claim> Spool::claim_due(WallTime now, std::size_t max) { return impl_->claim_due(now, max); }
std::vector<Claim> Spool::claim(const Filter& filter, std::size_t max) { return impl_->claim(filter, max); }
void Spool::unclaim(std::span<const RecipientId> recipients, WallTime due) { impl_->unclaim(recipients, due); }
void Spool::on_change(std::function<void()> callback) { impl_->on_change(std::move(callback)); }

void Spool::record(std::vector<Outcome> outcomes, Recorded completion) {
  impl_->record(std::move(outcomes), std::move(completion));
}

void Spool::record(std::vector<Outcome> outcomes, std::vector<NewMessage> messages, Recorded completion) {
  impl_->record(std::move(outcomes), std::move(messages), std::move(completion));
}

async::Task<std::expected<void, SpoolError>> Spool::record_durably(std::vector<Outcome> outcomes,
                                                                   std::vector<NewMessage> messages) {
  using Result = std::expected<void, SpoolError>;
  auto result = co_await async::from_callback<Result>([&](async::Completion<Result> completion) {
    auto recorded = [completion = std::move(completion)](Result value) mutable { completion(std::move(value)); };
    if (messages.empty()) {
      impl_->record(std::move(outcomes), std::move(recorded));
    } else {
      impl_->record(std::move(outcomes), std::move(messages), std::move(recorded));
    }
  });
  co_return result;
}

Spool::Body Spool::cached_body(MessageId id) const { return impl_->cached_body(id); }
async::Task<std::expected<Spool::Body, SpoolError>> Spool::body(MessageId id) { return impl_->body(id); }

std::shared_ptr<const Message> Spool::find(MessageId id) const { return impl_->find(id); }
std::vector<Entry> Spool::recipients(MessageId id) const { return impl_->recipients(id); }

std::expected<Page, SpoolError> Spool::list(const Filter& filter, std::size_t limit, std::string_view token) const {
  return impl_->list(filter, limit, token);
}

std::uint64_t Spool::count(const Filter& filter) const { return impl_->count(filter); }

void Spool::visit(const Filter& filter, const std::function<bool(const Entry&)>& visitor) const {
  impl_->visit(filter, visitor);
}

Counts Spool::counts() const { return impl_->counts(); }
std::vector<DomainCount> Spool::domains(std::size_t limit) const { return impl_->domains(limit); }

Shape Spool::shape(const Filter& filter, Shape::By by, std::size_t limit, WallTime now) const {
  return impl_->shape(filter, by, limit, now);
}

Affected Spool::hold(const Filter& filter, std::string reason) {
  return change(filter, {.verb = Verb::kHold, .reason = std::move(reason)});
}

Affected Spool::release(const Filter& filter) { return change(filter, {.verb = Verb::kRelease}); }
Affected Spool::retry_now(const Filter& filter) { return change(filter, {.verb = Verb::kRetry}); }

Affected Spool::reschedule(const Filter& filter, WallTime due) {
  return change(filter, {.verb = Verb::kReschedule, .due = due});
}

Affected Spool::drop(const Filter& filter, std::string reason) {
  return change(filter, {.verb = Verb::kDrop, .reason = std::move(reason)});
}

Affected Spool::change(const Filter& filter, const Order& order) {
  return impl_->change(filter, impl_->matching(filter), order);
}

std::vector<RecipientId> Spool::matching(const Filter& filter) const { return impl_->matching(filter); }

Affected Spool::change(const Filter& filter, std::span<const RecipientId> recipients, const Order& order) {
  return impl_->change(filter, recipients, order);
}

Affected Spool::foresee(const Filter& filter, const Order& order) const { return impl_->foresee(filter, order); }

void Spool::edit(MessageId id, Edit edit, EditDone completion) { impl_->edit(id, edit, std::move(completion)); }
Edited Spool::foresee(MessageId id, const Edit& edit) const { return impl_->foresee(id, edit); }
async::Task<std::expected<void, SpoolError>> Spool::sync() {
  using Result = std::expected<void, SpoolError>;
  auto result = co_await async::from_callback<Result>([&](async::Completion<Result> completion) {
    impl_->sync([completion = std::move(completion)](Result value) mutable { completion(std::move(value)); });
  });
  co_return result;
}

std::shared_ptr<Subscription> Spool::subscribe(std::size_t capacity) { return impl_->subscribe(capacity); }
std::optional<SpoolError> Spool::fault() const { return impl_->fault(); }
Spool::Stats Spool::stats() const { return impl_->stats(); }
std::expected<void, SpoolError> Spool::tidy() { return impl_->tidy(); }

}  // namespace quartet::spool
