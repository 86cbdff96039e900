#include "ctl/json.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/base/time.h"

namespace quartet::ctl {
namespace {

using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Timestamp;

void append_message(std::string& out, const Message& message);

void append_submessage(std::string& out, const Message& message) {
  if (message.GetDescriptor() == Timestamp::descriptor()) {
    out += '"' + time_text(static_cast<const Timestamp&>(message)) + '"';
  } else if (message.GetDescriptor() == Duration::descriptor()) {
    const auto& duration = static_cast<const Duration&>(message);
    out += fmt::format("{:.3f}", static_cast<double>(duration.seconds()) + duration.nanos() / 1e9);
  } else {
    append_message(out, message);
  }
}

/// The value of a single field, or element `index` of a repeated one.
void append_value(std::string& out, const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  const bool repeated = field.is_repeated();
  const auto get = [&](auto single, auto element) {
    return repeated ? (reflection.*element)(message, &field, index) : (reflection.*single)(message, &field);
  };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      out += std::to_string(get(&R::GetInt32, &R::GetRepeatedInt32));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      out += std::to_string(get(&R::GetInt64, &R::GetRepeatedInt64));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      out += std::to_string(get(&R::GetUInt32, &R::GetRepeatedUInt32));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      out += std::to_string(get(&R::GetUInt64, &R::GetRepeatedUInt64));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      out += fmt::format("{}", get(&R::GetDouble, &R::GetRepeatedDouble));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      out += fmt::format("{}", get(&R::GetFloat, &R::GetRepeatedFloat));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      out += get(&R::GetBool, &R::GetRepeatedBool) ? "true" : "false";
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      out += json_string(enum_name(*get(&R::GetEnum, &R::GetRepeatedEnum)));
      break;
    case FieldDescriptor::CPPTYPE_STRING: {
      const auto text = get(&R::GetString, &R::GetRepeatedString);
      out += json_string(field.type() == FieldDescriptor::TYPE_BYTES ? base64_encode(text) : text);
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      append_submessage(out, repeated ? reflection.GetRepeatedMessage(message, &field, index)
                                      : reflection.GetMessage(message, &field));
      break;
  }
}

void append_field(std::string& out, const Message& message, const FieldDescriptor& field) {
  out += json_string(field.name()) + ':';
  if (!field.is_repeated()) return append_value(out, message, field, 0);
  out += '[';
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    if (i != 0) out += ',';
    append_value(out, message, field, i);
  }
  out += ']';
}

void append_message(std::string& out, const Message& message) {
  const auto& descriptor = *message.GetDescriptor();
  out += '{';
  bool first = true;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto& field = *descriptor.field(i);
    if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) continue;
    if (!first) out += ',';
    first = false;
    append_field(out, message, field);
  }
  out += '}';
}

/// Enumerators get their whole names, as protobuf's own mapping has them.
void name_enumerators(google::protobuf::Struct& object, const google::protobuf::Descriptor& type);

void name_enumerators(google::protobuf::Value& value, const FieldDescriptor& field) {
  if (value.has_list_value()) {
    for (auto& element : *value.mutable_list_value()->mutable_values()) name_enumerators(element, field);
  } else if (value.has_struct_value() && field.message_type() != nullptr) {
    name_enumerators(*value.mutable_struct_value(), *field.message_type());
  } else if (field.enum_type() != nullptr) {
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const auto& known = *field.enum_type()->value(i);
      if (value.string_value() == enum_name(known)) return value.set_string_value(known.name());
    }
  }
}

void name_enumerators(google::protobuf::Struct& object, const google::protobuf::Descriptor& type) {
  for (auto& [name, value] : *object.mutable_fields())
    if (const auto* field = type.FindFieldByName(name)) name_enumerators(value, *field);
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string enum_name(const google::protobuf::EnumValueDescriptor& value) {
  // The prefix is the name of the type: KIND_ for Kind.
  const auto prefix = ascii::upper(value.type()->name()) + "_";
  std::string_view name = value.name();
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return ascii::lower(name);
}

std::string name_of(const google::protobuf::EnumDescriptor& type, int value) {
  const auto* known = type.FindValueByNumber(value);
  return known == nullptr ? std::to_string(value) : enum_name(*known);
}

std::string time_text(const Timestamp& time) {
  return to_rfc3339(from_micros(time.seconds() * 1'000'000 + time.nanos() / 1000));
}

std::expected<void, std::string> from_json(std::string_view json, Message& message) {
  namespace util = google::protobuf::util;
  const auto failed = [](const auto& status) {
    return std::unexpected("not our JSON: " + std::string(status.message()));
  };
  google::protobuf::Struct object;
  if (const auto parsed = util::JsonStringToMessage(std::string(json), &object); !parsed.ok()) return failed(parsed);
  name_enumerators(object, *message.GetDescriptor());
  std::string renamed;
  if (const auto written = util::MessageToJsonString(object, &renamed); !written.ok()) return failed(written);
  util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (const auto read = util::JsonStringToMessage(renamed, &message, options); !read.ok()) return failed(read);
  return {};
}

std::string to_json(const Message& message) {
  std::string out;
  append_message(out, message);
  return out;
}

}  // namespace quartet::ctl
