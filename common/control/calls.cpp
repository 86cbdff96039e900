#include "common/control/calls.h"

#include <algorithm>

namespace quartet::control {
namespace {

/// In which the caller of a stream can take its last response and the status.
constexpr std::chrono::milliseconds kForStreams{1000};

}  // namespace

grpc::Status stopping() { return {grpc::StatusCode::UNAVAILABLE, "the agent is stopping"}; }

bool Calls::enter(Kind kind) {
  const std::lock_guard lock(mutex_);
  if (closing_) return false;
  ++running_[static_cast<std::size_t>(kind)];
  return true;
}

void Calls::leave(Kind kind) {
  const std::lock_guard lock(mutex_);
  // Under the lock: once close() sees zero, this object may go.
  if (--running_[static_cast<std::size_t>(kind)] == 0) idle_.notify_all();
}

void Calls::add(const std::shared_ptr<Stream>& stream) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(streams_, [](const auto& known) { return known.expired(); });
    streams_.push_back(stream);
    if (!closing_) return;
  }
  stream->end(stopping());
}

std::vector<std::shared_ptr<Stream>> Calls::streams() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Stream>> alive;
  for (const auto& known : streams_)
    if (auto stream = known.lock()) alive.push_back(std::move(stream));
  return alive;
}

void Calls::tick() {
  for (const auto& stream : streams()) stream->tick();
}

void Calls::close(std::chrono::milliseconds grace) {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  for (const auto& stream : streams()) stream->end(stopping());
  std::unique_lock lock(mutex_);
  const auto none = [this](Kind kind) { return running_[static_cast<std::size_t>(kind)] == 0; };
  const auto begun = std::chrono::steady_clock::now();
  idle_.wait_until(lock, begun + std::min(grace, kForStreams), [&] { return none(Kind::kStream); });
  idle_.wait_until(lock, begun + grace, [&] { return none(Kind::kAnswer); });
}

}  // namespace quartet::control
