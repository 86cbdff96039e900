// JSON objects as authorization servers write them, by protobuf's reader.
#pragma once
#include <google/protobuf/struct.pb.h>

#include <optional>
#include <string>
#include <string_view>

namespace quartet::oauth {

using Object = google::protobuf::Struct;

/// nullopt for anything but an object.
std::optional<Object> parse_object(std::string_view json);

/// A member that is a string; "" if it is none.
const std::string& text_of(const Object& object, const std::string& name);
/// Null if there is no such member.
const google::protobuf::Value* member_of(const Object& object, const std::string& name);

/// RFC 7515 section 2: base64url without padding. nullopt for anything else.
std::optional<std::string> base64url_decode(std::string_view text);

}  // namespace quartet::oauth
