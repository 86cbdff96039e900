// What reading the configuration again has changed, for the log and for whoever asked for it.
#pragma once
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

}  // namespace quartet::service
