// A store, files to transfer, and quartet-transfer as a function.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "ctl/transfer/flags.h"
#include "ctl/transfer/run.h"
#include "tests/unit/store/helpers.h"

namespace quartet::transfer::test {

inline const std::string kAccount = "ann@a.test";

inline void write_file(const std::filesystem::path& path, std::string_view text, std::int64_t seconds = 0) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  if (seconds == 0) return;
  const timespec times[] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Site {
  quartet::test::TemporaryDirectory directory;

  std::filesystem::path store_path() const { return directory.path() / "store"; }
  std::filesystem::path path(const std::string& name) const { return directory.path() / name; }

  Site() { open(); }

  std::unique_ptr<store::Store> open() const {
    store::Options options;
    options.directory = store_path().string();
    options.shards = 2;
    options.gc_interval = std::chrono::seconds(0);
    return store::must_open(std::move(options));
  }

  int run(std::vector<std::string> words, const std::string& account = kAccount) {
    words.insert(words.end(), {"--account", account});
    std::ostringstream out_stream, err_stream;
    const int code = transfer::run(words, store_path().string(), out_stream, err_stream);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }

  /// "1700000000 FS work|Subject: x..." for each message of a mailbox, in order.
  std::vector<std::string> messages(const std::string& mailbox, const std::string& account = kAccount) const {
    const auto store = open();
    async::Loop loop;
    const auto info = loop.block_on(store->find(account, mailbox));
    if (!info) return {"no mailbox " + mailbox};
    const auto snapshot = loop.block_on(store->snapshot(info->ref));
    REQUIRE(snapshot);
    std::vector<std::string> seen;
    for (std::size_t n = 0; n < (*snapshot)->size(); ++n) {
      const auto& entry = (**snapshot)[n];
      const auto bytes = loop.block_on(store->read(info->ref, entry.object));
      REQUIRE(bytes);
      seen.push_back(std::to_string(entry.internaldate / 1'000'000) + " " +
                     to_text(flags_of(entry.flags, (*snapshot)->keywords())) + "|" + **bytes);
    }
    return seen;
  }

  /// Names of mailboxes, with a '+' behind those that are subscribed to.
  std::vector<std::string> mailboxes(const std::string& account = kAccount) const {
    const auto store = open();
    async::Loop loop;
    const auto list = loop.block_on(store->list(account));
    REQUIRE(list);
    std::vector<std::string> names;
    for (const auto& mailbox : *list)
      if (mailbox.exists && !mailbox.noselect) names.push_back(mailbox.name + (mailbox.subscribed ? "+" : ""));
    return names;
  }

  std::string out, err;
};

}  // namespace quartet::transfer::test
