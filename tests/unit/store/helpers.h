// A store in a directory of its own, and short ways to use it from a test.
#pragma once
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/async/loop.h"
#include "common/store/store.h"
#include "tests/support/postgres.h"
#include "tests/support/temporary_directory.h"

namespace quartet::store {

using Directory = quartet::test::TemporaryDirectory;

inline Options test_options(const Directory& directory, std::size_t shards = 4) {
  Options options;
  options.directory = directory.path().string();
  options.postgres = quartet::test::postgres_for(directory.path());
  options.shards = shards;
  options.reader_threads = 2;
  options.gc_interval = std::chrono::seconds(0);
  options.release_after = std::chrono::seconds(0);
  return options;
}

inline std::unique_ptr<Store> must_open(Options options) {
  auto store = open_store(std::move(options));
  if (!store) FAIL(store.error().detail);
  return std::move(*store);
}

/// A store, a loop, and calls that wait.
struct Fixture {
  Directory directory;
  std::unique_ptr<Store> store;
  async::Loop loop;

  explicit Fixture(std::function<void(Options&)> change = {}) {
    Options options = test_options(directory);
    if (change) change(options);
    store = must_open(std::move(options));
  }

  template <typename T>
  T run(async::Task<T> task) {
    return loop.block_on(std::move(task));
  }

  /// The value; a failure of the test if there is none.
  template <typename T>
  T must(async::Task<Result<T>> task) {
    auto result = run(std::move(task));
    if (!result) FAIL(to_string(result.error().code) << ": " << result.error().detail);
    return std::move(*result);
  }
  void must(async::Task<Result<void>> task) {
    auto result = run(std::move(task));
    if (!result) FAIL(to_string(result.error().code) << ": " << result.error().detail);
  }
  template <typename T>
  ErrorCode error(async::Task<Result<T>> task) {
    auto result = run(std::move(task));
    REQUIRE_FALSE(result.has_value());
    return result.error().code;
  }

  /// And not in PostgreSQL.
  bool is_in_files() const { return quartet::test::postgres_for(directory.path()).empty(); }

  MailboxRef inbox(const std::string& account = "ann@a.test") { return must(store->find(account, "INBOX")).ref; }

  Stored deliver(const std::string& text, const std::string& account = "ann@a.test", std::uint64_t flags = 0) {
    std::vector<DeliveryTarget> targets(1);
    targets[0].account = account;
    targets[0].flags = flags;
    auto results = run(store->deliver(targets, std::make_shared<const std::string>(text), wall_now()));
    REQUIRE(results.size() == 1);
    if (!results[0]) FAIL(to_string(results[0].error().code) << ": " << results[0].error().detail);
    return *results[0];
  }
};

/// Turns one bit of the first place where `text` is in a file below `directory`.
inline bool damage(const std::filesystem::path& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    const auto at = all.find(text);
    if (at == std::string::npos) continue;
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(text[0] ^ 1));
    return true;
  }
  return false;
}

inline std::string message(const std::string& subject) {
  return "From: Bob <bob@b.test>\r\nTo: ann@a.test\r\nSubject: " + subject + "\r\nMessage-ID: <" + subject +
         "@b.test>\r\n\r\nText of " + subject + ".\r\n";
}

inline std::vector<std::uint32_t> uids_of(const Snapshot& snapshot) {
  std::vector<std::uint32_t> uids;
  for (std::size_t n = 0; n < snapshot.size(); ++n) uids.push_back(snapshot[n].uid);
  return uids;
}

}  // namespace quartet::store
