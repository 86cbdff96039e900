#include "common/service/reload.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

namespace quartet::service {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

constexpr std::string_view kAtStart[] = {"agent.control", "agent.metrics", "agent.threads", "agent.user"};

bool equal(const Message& before, const Message& after, const FieldDescriptor& field) {
  MessageDifferencer differencer;
  return differencer.CompareWithFields(before, after, {&field}, {&field});
}

bool in_both(const Message& before, const Message& after, const FieldDescriptor& field) {
  return !field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         before.GetReflection()->HasField(before, &field) && after.GetReflection()->HasField(after, &field);
}

void add_differences(const Message& before, const Message& after, const std::string& above,
                     std::vector<std::string>& out) {
  const auto& type = *before.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (equal(before, after, field)) continue;
    const auto name = above + std::string(field.name());
    if (in_both(before, after, field))
      add_differences(before.GetReflection()->GetMessage(before, &field),
                      after.GetReflection()->GetMessage(after, &field), name + ".", out);
    else
      out.push_back(name);
  }
}

/// "agent.control" stands for "agent.control.socket", and is meant if all of "agent" has come or gone.
bool touches(std::string_view setting, std::string_view listed) {
  const auto within = [](std::string_view part, std::string_view whole) {
    return part.starts_with(whole) && (part.size() == whole.size() || part[whole.size()] == '.');
  };
  return within(setting, listed) || within(listed, setting);
}

}  // namespace

std::vector<std::string> differences(const Message& before, const Message& after) {
  std::vector<std::string> out;
  add_differences(before, after, "", out);
  return out;
}

Reloaded compare(const Message& started, const Message& before, const Message& after,
                 std::span<const std::string_view> at_start) {
  const auto waits = [&at_start](const std::string& name) {
    const auto listed = [&name](std::string_view setting) { return touches(name, setting); };
    return std::ranges::any_of(kAtStart, listed) || std::ranges::any_of(at_start, listed);
  };
  Reloaded out;
  out.changed = differences(before, after);
  std::erase_if(out.changed, waits);
  out.ignored = differences(started, after);
  std::erase_if(out.ignored, [&waits](const std::string& name) { return !waits(name); });
  return out;
}

}  // namespace quartet::service
