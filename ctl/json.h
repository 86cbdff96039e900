// Messages of the control plane as JSON for scripts. Other than protobuf's own mapping: names as in the .proto files,
// 64-bit integers as numbers, enumerators in lower case without their prefix, durations as seconds, and every field is
// there, save messages and optional ones that are not set.
#pragma once
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include <expected>
#include <string>
#include <string_view>

namespace quartet::ctl {

std::string to_json(const google::protobuf::Message& message);
std::string json_string(std::string_view text);
/// What to_json() made, into an empty message; fields that this program does not know are left out. Durations are not
/// read. The error is a text for people.
std::expected<void, std::string> from_json(std::string_view json, google::protobuf::Message& message);

/// "active" of STATE_ACTIVE in enum State.
std::string enum_name(const google::protobuf::EnumValueDescriptor& value);
/// The same of a value; its number if this program does not know it.
std::string name_of(const google::protobuf::EnumDescriptor& type, int value);
/// In UTC.
std::string time_text(const google::protobuf::Timestamp& time);

}  // namespace quartet::ctl
