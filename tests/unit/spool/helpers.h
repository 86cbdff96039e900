// What the spool's tests share: a directory that goes away, calls that wait, a picture of the whole queue as text.
#pragma once
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "common/async/loop.h"
#include "common/spool/hand_off.h"
#include "common/spool/spool.h"
#include "tests/support/temporary_directory.h"

namespace quartet::spool::test {

using quartet::test::TemporaryDirectory;

/// What is on disk at this moment, as a crash of the owner would leave it. The owner is at rest.
class CrashCopy {
 public:
  explicit CrashCopy(const std::filesystem::path& from) {
    // The spool's own threads go on: when one of them takes a file away meanwhile, the picture is taken anew.
    std::error_code error;
    for (int tries = 0; tries < 100; ++tries) {
      error.clear();
      copy(from, error);
      if (!error) return;
    }
    throw std::filesystem::filesystem_error("no picture of the spool", from, error);
  }
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  void copy(const std::filesystem::path& from, std::error_code& error) {
    for (const auto& old : std::filesystem::directory_iterator(directory_.path())) std::filesystem::remove_all(old);
    for (std::filesystem::recursive_directory_iterator entry(from, error), end; !error && entry != end;
         entry.increment(error)) {
      const auto to = directory_.path() / entry->path().lexically_relative(from);
      if (entry->is_directory(error)) std::filesystem::create_directories(to, error);
      if (entry->is_regular_file(error)) std::filesystem::copy_file(entry->path(), to, error);  // not the socket
      if (error) return;
    }
  }

  TemporaryDirectory directory_;
};

inline Options options_for(const std::filesystem::path& directory) {
  Options options;
  options.directory = directory;
  options.segment_size = 64u << 10;
  options.large_body = 16u << 10;
  options.poll_interval = std::chrono::milliseconds(20);
  return options;
}

inline std::unique_ptr<Spool> open_spool(Options options) {
  auto spool = Spool::open(std::move(options));
  INFO((spool ? std::string() : spool.error().detail));
  REQUIRE(spool.has_value());
  return std::move(*spool);
}

inline std::unique_ptr<Spool> open_spool(const std::filesystem::path& directory) {
  return open_spool(options_for(directory));
}

inline NewMessage message_to(std::vector<std::string> addresses, std::string body = "Subject: x\r\n\r\ntext\r\n",
                             std::string from = "sender@a.test") {
  NewMessage message;
  message.envelope.reverse_path = std::move(from);
  for (auto& address : addresses) message.recipients.push_back({std::move(address), kNotifyDefault, {}});
  message.body.push_back(std::move(body));
  return message;
}

/// The disk takes no sync from begin() to end().
class Stall {
 public:
  std::function<int(journal::FileOperation, const std::string&)> hook() {
    return [this](journal::FileOperation operation, const std::string&) {
      if (operation == journal::FileOperation::kSync && on_) wait_.wait();
      return 0;
    };
  }
  void begin() { on_ = true; }
  void end() {
    on_ = false;
    go_.set_value();
  }

 private:
  std::promise<void> go_;
  std::shared_future<void> wait_ = go_.get_future().share();
  std::atomic<bool> on_ = false;
};

/// Works for Spool and HandOff.
template <typename S>
std::expected<MessageId, SpoolError> try_enqueue(S& spool, NewMessage message) {
  auto promise = std::make_shared<std::promise<std::expected<MessageId, SpoolError>>>();
  auto result = promise->get_future();
  spool.submit(std::move(message), [promise](auto value) { promise->set_value(std::move(value)); });
  return result.get();
}

template <typename S>
MessageId enqueue(S& spool, NewMessage message) {
  const auto id = try_enqueue(spool, std::move(message));
  INFO((id ? std::string() : id.error().detail));
  REQUIRE(id.has_value());
  return *id;
}

/// One for all: short-lived loops take and close descriptors out of ThreadSanitizer's sight, which then sees races.
inline async::Loop& loop() {
  static async::Loop one;
  return one;
}

inline std::expected<void, SpoolError> record(Spool& spool, std::vector<Outcome> outcomes,
                                              std::vector<NewMessage> messages = {}) {
  return loop().block_on(spool.record_durably(std::move(outcomes), std::move(messages)));
}

inline std::expected<void, SpoolError> sync(Spool& spool) { return loop().block_on(spool.sync()); }

/// The body, or "error: ...".
inline std::string body_of(Spool& spool, MessageId id) {
  const auto body = loop().block_on(spool.body(id));
  return body ? **body : "error: " + body.error().detail;
}

inline Outcome outcome_of(const Claim& claim, Result result) { return {claim.id(), result, {}, {}, true, false}; }

inline Outcome deferral_of(const Claim& claim, WallTime next, std::string text = "try later") {
  return {claim.id(), Result::kDeferred, {451, "4.3.0", std::move(text), "mx.b.test"}, next, true, false};
}

inline std::vector<Claim> claim_all(Spool& spool, std::size_t max = 1'000'000) {
  return spool.claim_due(wall_now() + std::chrono::hours(1'000), max);
}

/// Everything the queue says of its recipients, in order; active ones as what they are after a crash.
inline std::vector<std::string> picture(const Spool& spool) {
  std::vector<std::string> lines;
  spool.visit({}, [&](const Entry& entry) {
    const auto message = spool.find(entry.id.message);
    auto state = entry.state;
    if (state == State::kActive) state = entry.attempts != 0 ? State::kDeferred : State::kQueued;
    lines.push_back(entry.id.message.to_string() + "." + std::to_string(entry.id.ordinal) + " " + entry.reverse_path +
                    " " + entry.address + " state " + std::to_string(static_cast<int>(state)) + " due " +
                    to_rfc3339(entry.next_attempt) + " attempts " + std::to_string(entry.attempts) + " last " +
                    std::to_string(entry.last.code) + " " + entry.last.enhanced + " " + entry.last.text + " " +
                    entry.last.host + " size " + std::to_string(entry.size) + " trace " + entry.trace_id + " bounce " +
                    std::to_string(entry.bounce) + " via " + entry.next_hop);
    if (!message) return true;  // gone meanwhile
    lines.back() += " of " + std::to_string(message->recipients) + " priority " +
                    std::to_string(message->envelope.priority) + (message->envelope.require_tls ? " tls" : "");
    for (const auto& [key, value] : message->envelope.attributes) lines.back() += " " + key + "=" + value;
    return true;
  });
  return lines;
}

/// Waits for what another thread is to bring about.
template <typename F>
bool before_long(F condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace quartet::spool::test
