// The site that scripts are checked and tried for: that of an mda, of its configuration file, or none in particular.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/sieve/run.h"
#include "common/sieve_site/lists.h"
#include "ctl/command.h"
#include "quartet/config/v1/mda.pb.h"

namespace quartet::ctl {

struct ScriptSite {
  explicit ScriptSite(std::vector<sieve_site::Lists::Source> sources) : lists(std::move(sources)) {}
  config::v1::Sieve config;
  std::shared_ptr<const sieve::Verdicts> verdicts;  // null: nothing is known of filters
  sieve_site::Lists lists;
  sieve::CompileOptions compile_options;
  sieve::RunLimits limits;
};

/// By --config; else of the agent, if there is one; and --list. The error is an exit code: why is said.
std::expected<std::unique_ptr<ScriptSite>, int> script_site(const Invocation& invocation);

/// "--config FILE" and "--list NAME=FILE", for the table of commands.
std::vector<Option> script_site_options();

}  // namespace quartet::ctl
