// A user's script at delivery: it is run, and what it says is carried out.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/directory/directory.h"
#include "common/mime/header.h"
#include "common/sieve/run.h"
#include "common/sieve_site/lists.h"
#include "mda/deliver.h"
#include "mda/scripts.h"

namespace quartet::mda {

/// Shared by all deliveries. Any thread.
class Filters {
 public:
  struct Options {
    std::string directory;  // of the users' scripts
    std::string global;     // of scripts that all may include; empty: none
    sieve::RunLimits limits;
    std::shared_ptr<const sieve::Verdicts> verdicts{};  // null: none
    std::vector<sieve_site::Lists::Source> lists{};
    std::function<directory::DirectoryPtr()> accounts;
  };
  explicit Filters(Options options)
      : options_(std::move(options)),
        lists_(options_.lists),
        scripts_(options_.directory, options_.global, sieve_site::compile_options(options_.verdicts.get(), lists_)) {}

  const Options& options() const { return options_; }
  Scripts& scripts() { return scripts_; }
  sieve_site::Lists& lists() { return lists_; }

 private:
  const Options options_;
  sieve_site::Lists lists_;
  Scripts scripts_;
};

/// One account that is to get a message.
struct Filtering {
  std::string account;                        // login
  std::string recipient;                      // forward-path that led here
  std::uint8_t notify = 0;                    // as the sender asked about that recipient
  std::string orcpt{};                        // "" if absent
  std::optional<std::string> forwarded_from;  // the sender of what goes outside, if it is another
  std::string mailbox = "INBOX";              // where what is kept goes
  bool alone = true;  // a refusal refuses nobody else: no recipient has other places beside this account
};

/// The reply when all is done that the account's script wants; nullopt: nothing but to deliver the message as it came,
/// for there is no script, or it keeps it, or it cannot be read (which is logged). Parameters outlive the call.
async::Task<std::optional<smtp::Reply>> filter(const Services& services, const Incoming& incoming,
                                               const mime::Header& header, Filtering filtering);

/// What came of a script for one account; see carry_out.cpp. Parameters outlive the call.
async::Task<smtp::Reply> carry_out(const Services& services, const Incoming& incoming, const mime::Header& header,
                                   const Filtering& filtering, const sieve::Outcome& outcome);

}  // namespace quartet::mda
