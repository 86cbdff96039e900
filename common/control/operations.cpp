#include "common/control/operations.h"

#include <ranges>

#include "common/base/id.h"
#include "common/control/convert.h"

namespace quartet::control {

v1::Operation OperationRecord::get() const {
  const std::lock_guard lock(mutex_);
  return operation_;
}

bool OperationRecord::cancel(std::string_view who, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  if (operation_.state() != v1::Operation::STATE_RUNNING) return false;
  if (cancelled_.exchange(true)) return true;
  operation_.set_error("cancelled by " + utf8(who));
  if (!reason.empty()) operation_.mutable_error()->append(": ").append(utf8(reason));
  ++version_;
  return true;
}

Operations::Operations(const std::filesystem::path& directory) : log_(directory) {
  auto kept = log_.load();
  if (kept.size() > kKept) kept.erase(kept.begin(), kept.end() - static_cast<std::ptrdiff_t>(kKept));
  for (auto& one : kept) {
    if (one.state() == v1::Operation::STATE_RUNNING) {
      one.set_state(v1::Operation::STATE_INTERRUPTED);
      one.set_error("the agent ended before it did");
    }
    records_.push_back(std::make_shared<OperationRecord>(one));
  }
  log_.replace(kept);
}

std::shared_ptr<OperationRecord> Operations::begin(v1::Operation operation) {
  operation.set_state(v1::Operation::STATE_RUNNING);
  set(*operation.mutable_started(), wall_now());
  std::shared_ptr<OperationRecord> record;
  {
    const std::lock_guard lock(mutex_);
    operation.set_id(Id::make().to_string());  // under the mutex: the list is in the order of ids
    record = std::make_shared<OperationRecord>(operation);
    records_.push_back(record);
    forget_oldest();
  }
  save(operation);
  return record;
}

/// Those that go on stay, however many.
void Operations::forget_oldest() {
  for (auto it = records_.begin(); records_.size() > kKept && it != records_.end();)
    it = (*it)->get().state() == v1::Operation::STATE_RUNNING ? it + 1 : records_.erase(it);
}

void Operations::end(OperationRecord& record, v1::Operation::State state, std::string_view error) {
  record.update([&](v1::Operation& operation) {
    operation.set_state(state);
    set(*operation.mutable_ended(), wall_now());
    if (state != v1::Operation::STATE_DONE) operation.set_failed(operation.matched() - operation.done());
    if (state == v1::Operation::STATE_DONE) {
      operation.clear_error();
    } else if (operation.error().empty()) {
      operation.set_error(utf8(error));
    }
  });
  save(record.get());
}

void Operations::save(const v1::Operation& operation) {
  const std::lock_guard saving(saving_);
  if (log_.appended() < 4 * kKept) return log_.append(operation);
  std::vector<v1::Operation> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& record : records_) all.push_back(record->get());
  }
  log_.replace(all);
}

std::shared_ptr<OperationRecord> Operations::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(records_, [&](const auto& record) { return record->get().id() == id; });
  return found == records_.end() ? nullptr : *found;
}

std::vector<v1::Operation> Operations::list(bool running, std::string_view before, std::size_t most) const {
  std::vector<v1::Operation> out;
  const std::lock_guard lock(mutex_);
  for (const auto& record : records_ | std::views::reverse) {
    if (out.size() == most) break;
    auto operation = record->get();
    if (!before.empty() && operation.id() >= before) continue;
    if (running && operation.state() != v1::Operation::STATE_RUNNING) continue;
    out.push_back(std::move(operation));
  }
  return out;
}

}  // namespace quartet::control
