// The lists that scripts may look up (RFC 6134): files of the site, and of accounts. They are read when they have
// changed.
#pragma once
#include <cstdint>
#include <expected>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "common/sieve/compile.h"
#include "common/sieve/external_list.h"
#include "common/sieve/verdict.h"
#include "common/sieve_site/faults.h"
#include "quartet/config/v1/mda.pb.h"

namespace quartet::sieve_site {

/// What does not touch files is quick, the rest blocks. Any thread.
class Lists {
 public:
  struct Source {
    std::string name;  // canonical
    std::string file;  // {user} and {domain} stand for those of an account
    bool of_account() const;
  };
  explicit Lists(std::vector<Source> sources) : sources_(std::move(sources)) {}

  bool empty() const { return sources_.empty(); }
  sieve::ListNames names() const;
  /// The list of that canonical name as it is for an account; null if there is none. An error says which file cannot be
  /// read, and why.
  std::expected<sieve::ExternalListPtr, std::string> find(const std::string& name, const std::string& login);

 private:
  struct Version {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified = 0, changed = 0;  // nanoseconds
    bool operator==(const Version&) const = default;
  };
  struct Entry {
    Version version;
    sieve::ExternalListPtr list;
  };
  std::expected<sieve::ExternalListPtr, std::string> read(const std::string& path, bool may_be_missing);

  const std::vector<Source> sources_;
  std::mutex mutex_;
  std::map<std::string, Entry> known_;  // by path
  std::uint64_t octets_ = 0;            // read since `known_` was empty
};

/// Those of a configuration.
std::vector<Lists::Source> list_sources(const Report& report, const config::v1::Sieve& sieve);
/// The files that all accounts share have to be there.
void check_lists(const Report& report, const config::v1::Sieve& sieve);

/// For scripts at a site that has these; `verdicts` may be null.
sieve::CompileOptions compile_options(const sieve::Verdicts* verdicts, const Lists& lists);

}  // namespace quartet::sieve_site
