#include "mta/check_spool.h"

#include <fmt/format.h>

#include <cstdio>

#include "common/spool/spool.h"
#include "mta/settings.h"

namespace quartet::mta {
namespace {

std::string checkpoint_state(const spool::CheckReport& report) {
  if (!report.checkpoint_found) return "none";
  return report.checkpoint_valid ? "valid" : "damaged; the next start reads the whole log instead";
}

}  // namespace

int check_spool(const std::string& path) {
  const auto settings = load_settings(path);
  if (!settings) {
    for (const auto& error : settings.error()) fmt::print(stderr, "{}\n", config::to_string(error));
    return 2;
  }
  const auto& directory = (*settings)->config.spool();
  const auto report = spool::check(directory);
  if (!report) {
    fmt::print(stderr, "{}: {}\n", directory, report.error().detail);
    return 1;
  }
  fmt::print("{}\n", directory);
  fmt::print("  in use      {}\n", report->in_use ? "yes: the numbers are of a moment" : "no");
  fmt::print("  messages    {}\n  recipients  {}\n", report->messages, report->recipients);
  fmt::print("  segments    {}\n  records     {}\n  bytes       {}\n", report->segments, report->records,
             report->bytes);
  fmt::print("  torn bytes  {} (written last, never acknowledged)\n", report->torn_bytes);
  fmt::print("  checkpoint  {}\n", checkpoint_state(*report));
  for (const auto& damage : report->damage)
    fmt::print("  damage      segment {:016x} at {}, {} bytes: {}\n", damage.segment, damage.offset, damage.length,
               damage.what);
  for (const auto& id : report->unreadable_bodies) fmt::print("  no body     {}\n", id.to_string());
  fmt::print("  {}\n", report->healthy() ? "healthy" : "NOT healthy");
  return report->healthy() ? 0 : 1;
}

}  // namespace quartet::mta
