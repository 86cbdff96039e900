// What `link` and `upstream` have in common: lists, and requests that are followed to their end.
#pragma once
#include <google/protobuf/repeated_field.h>

#include <ostream>
#include <string>

#include "ctl/calls.h"
#include "ctl/command.h"
#include "ctl/json.h"
#include "ctl/values.h"

namespace quartet::ctl {

/// One JSON array with a line for each message.
template <typename Message>
void print_json(std::ostream& out, const google::protobuf::RepeatedPtrField<Message>& messages) {
  out << '[';
  for (int i = 0; i < messages.size(); ++i) out << (i == 0 ? "" : ",\n ") << to_json(messages[i]);
  out << "]\n";
}

inline std::string joined(const google::protobuf::RepeatedPtrField<std::string>& domains) {
  std::string out;
  for (const auto& domain : domains) out += (out.empty() ? "" : " ") + plain(domain);
  return out;
}

/// Takes --follow into the request; false if it is no duration.
template <typename Request>
bool take_follow(const Invocation& invocation, Request& request) {
  return take_duration(invocation, "follow", [&request] { return request.mutable_follow(); });
}
inline constexpr const char* kBadFollow = "--follow: expected a duration such as 30s or 10m, or 0s";

/// Prints what comes, each at once: as JSON, or after `name` as text_of() says it. The last one is left in `response`.
template <typename Stream, typename Response>
void print_stream(const Invocation& invocation, Stream& stream, const std::string& name,
                  std::string (*text_of)(const Response&), Response& response) {
  while (stream.Read(&response)) {
    if (invocation.json)
      invocation.out << to_json(response) << '\n';
    else
      invocation.out << plain(name) << ": " << text_of(response) << '\n';
    invocation.out.flush();
  }
}

}  // namespace quartet::ctl
