// The Sieve scripts of users as files: DIRECTORY/DOMAIN/USER/NAME.sieve (see script_names.h), and there the symbolic
// link `active` to the one that runs. Names are as script_name() makes them. People may edit them, too: a script counts
// as it is found at a delivery. All of it blocks. Any thread.
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/files.h"
#include "common/base/time.h"
#include "common/sieve/compile.h"

namespace quartet::mda {

/// The directory of an account's files; nullopt for a login that cannot be part of a path.
std::optional<std::string> user_directory(std::string_view directory, std::string_view login);

class Scripts {
 public:
  /// `global` may be empty: then there are no scripts for all users.
  Scripts(std::string directory, std::string global, const sieve::CompileOptions& options = {})
      : directory_(std::move(directory)), global_(std::move(global)), compile_options_(options) {}

  const std::string& directory() const { return directory_; }
  const sieve::CompileOptions& compile_options() const { return compile_options_; }
  /// The name of the script that runs for this account; nullopt if there is none.
  FileResult<std::optional<std::string>> active(const std::string& login) const;
  /// False: ask active(). True: it was asked a moment ago, so that the answer is still in the kernel's memory, and it
  /// is now that there is none. This does not block.
  bool has_none(const std::string& login) const;
  /// nullopt: there is no such script.
  FileResult<std::optional<std::string>> read(const std::string& login, const std::string& name) const;

  /// In alphabetical order.
  FileResult<std::vector<std::string>> list(const std::string& login) const;
  /// On disk when it returns, whole or not at all. `login` and `name` can be parts of a path.
  FileResult<void> put(const std::string& login, const std::string& name, std::string_view text) const;
  FileResult<void> remove(const std::string& login, const std::string& name) const;
  /// The active one stays active. `to` does not exist.
  FileResult<void> rename(const std::string& login, const std::string& from, const std::string& to) const;
  /// All files of the user, those of SieveMemory too.
  FileResult<void> erase(const std::string& login) const;
  /// An empty name: none is active from now on.
  FileResult<void> activate(const std::string& login, const std::string& name) const;

  struct Fault {
    std::string text;
    bool of_file = false;  // it could not be read: nothing that its author could mend, or should read of
  };
  using Compiled = std::expected<sieve::ProgramPtr, Fault>;
  /// Compiled, from memory if the file has not changed; null if there is none.
  Compiled compile(const std::string& login, const std::string& name);
  Compiled compile_global(const std::string& name);

 private:
  struct Version {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed = 0;  // nanoseconds
    bool operator==(const Version&) const = default;
  };
  struct Entry {
    Version version;
    Compiled compiled;
  };
  Compiled compile_file(const std::string& path);
  FileResult<std::string> writable(const std::string& login) const;
  std::optional<std::string> path_of(const std::string& login, const std::string& name) const;

  const std::string directory_;
  const std::string global_;
  const sieve::CompileOptions compile_options_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> compiled_;                      // by path
  mutable std::unordered_map<std::string, SteadyTime> asked_;  // when active() was, by login
};

}  // namespace quartet::mda
