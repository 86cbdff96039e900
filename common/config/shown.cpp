#include "common/config/shown.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>

#include <memory>
#include <utility>
#include <vector>

#include "quartet/config/v1/options.pb.h"

namespace quartet::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr const char* kSecret = "(secret)";

void hide(Message& message, const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  if (!field.is_repeated()) return reflection->SetString(&message, &field, kSecret);
  for (int i = 0; i < reflection->FieldSize(message, &field); ++i)
    reflection->SetRepeatedString(&message, &field, i, kSecret);
}

void hide_secrets(Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->options().GetExtension(v1::hidden)) {
      hide(message, *field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) hide_secrets(*reflection->MutableMessage(&message, field));
      for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i)
        hide_secrets(*reflection->MutableRepeatedMessage(&message, field, i));
    }
  }
}

/// "sending" and "dns.server" of "sending.dns.server".
std::pair<std::string, std::string_view> split(std::string_view setting) {
  const auto dot = setting.find('.');
  if (dot == std::string_view::npos) return {std::string(setting), {}};
  return {std::string(setting.substr(0, dot)), setting.substr(dot + 1)};
}

bool exists(const google::protobuf::Descriptor& type, std::string_view setting) {
  const auto [name, rest] = split(setting);
  const auto* field = type.FindFieldByName(name);
  if (field == nullptr || !setting.contains('.')) return field != nullptr;
  return !field->is_repeated() && field->message_type() != nullptr && exists(*field->message_type(), rest);
}

/// Clears all but `setting`, which exists.
void keep_only(Message& message, std::string_view setting) {
  const auto [name, rest] = split(setting);
  const auto* kept = message.GetDescriptor()->FindFieldByName(name);
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field != kept) reflection->ClearField(&message, field);
  }
  if (rest.empty() || !reflection->HasField(message, kept)) return;
  auto& within = *reflection->MutableMessage(&message, kept);
  keep_only(within, rest);
  fields.clear();
  within.GetReflection()->ListFields(within, &fields);
  if (fields.empty()) reflection->ClearField(&message, kept);
}

}  // namespace

std::optional<std::string> shown(const Message& message, std::string_view setting, Lines lines) {
  if (!setting.empty() && !exists(*message.GetDescriptor(), setting)) return std::nullopt;
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  if (!setting.empty()) keep_only(*copy, setting);
  hide_secrets(*copy);
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(lines == Lines::kOne);
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(*copy, &text);
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string written(const Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(message, &text);
  // It stands for itself, not for a variable of the environment.
  for (auto at = text.find("${"); at != std::string::npos; at = text.find("${", at)) text.replace(at, 1, "\\044");
  return text;
}

}  // namespace quartet::config
