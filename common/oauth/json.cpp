#include "common/oauth/json.h"

#include <google/protobuf/util/json_util.h>

#include "common/base/encoding.h"

namespace quartet::oauth {

std::optional<Object> parse_object(std::string_view json) {
  Object out;
  const auto status = google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &out);
  if (!status.ok()) return std::nullopt;
  return out;
}

const std::string& text_of(const Object& object, const std::string& name) {
  static const std::string none;
  const auto* const value = member_of(object, name);
  return value != nullptr && value->has_string_value() ? value->string_value() : none;
}

const google::protobuf::Value* member_of(const Object& object, const std::string& name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? nullptr : &found->second;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string usual(text);
  for (char& c : usual) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  usual.append((4 - usual.size() % 4) % 4, '=');
  return base64_decode(usual);
}

}  // namespace quartet::oauth
