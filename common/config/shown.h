// Settings as text for people, without what is secret.
#pragma once
#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <string_view>

namespace quartet::config {

enum class Lines { kOne, kMany };

/// A setting of `message` by its name ("sending.dns"; "": all of them), as a configuration file has it; "" if it is not
/// written there. What the schema calls hidden is "(secret)". nullopt if the schema has no such setting; a list has no
/// settings of its own.
std::optional<std::string> shown(const google::protobuf::Message& message, std::string_view setting, Lines lines);

/// All of it, secrets included, as a text that load_into() makes the same message of.
std::string written(const google::protobuf::Message& message);

}  // namespace quartet::config
