// What reading the configuration again has changed, for the log and for whoever asked for it.
#pragma once
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace google::protobuf {
class Message;
}

namespace quartet::service {

/// Files that the configuration names (certificates, the directory) are read again as well, whether they have changed
/// or not; they are not listed.
struct Reloaded {
  std::vector<config::Error> faults{};  // then everything is as it was
  std::vector<std::string> changed{};   // settings that count from now on: "sending.mta_sts", "transport"
  std::vector<std::string> ignored{};   // settings that are others than at the start and take effect at the next one
};

/// The settings in which two configurations of one type differ, by their names: those of a message within by its own
/// ("sending.dns.server"), a list as a whole.
std::vector<std::string> differences(const google::protobuf::Message& before, const google::protobuf::Message& after);

/// `started` is what the agent was started with, `before` what counted until now. `at_start` names settings that only a
/// start takes over, or messages of which that is true as a whole; what all agents have in common of these is added.
Reloaded compare(const google::protobuf::Message& started, const google::protobuf::Message& before,
                 const google::protobuf::Message& after, std::span<const std::string_view> at_start);

/// What a reload would do.
struct Preview {
  Reloaded reloaded;
  /// What the agent was started with, what counts now, what was read; the latter is null with faults.
  std::shared_ptr<const google::protobuf::Message> started, now, next;
};

/// `at_start` gives for the settings that were read what compare() wants.
template <typename Settings, typename AtStart>
Preview preview(const std::shared_ptr<const Settings>& started, const std::shared_ptr<const Settings>& now,
                std::expected<std::shared_ptr<const Settings>, std::vector<config::Error>> read, AtStart at_start) {
  Preview out{{}, {started, &started->config}, {now, &now->config}, nullptr};
  if (!read) {
    out.reloaded.faults = std::move(read.error());
  } else {
    out.reloaded = compare(started->config, now->config, (*read)->config, at_start(**read));
    out.next = {*read, &(*read)->config};
  }
  return out;
}

}  // namespace quartet::service
