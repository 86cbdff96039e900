#include "ctl/queue_text.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "ctl/json.h"
#include "ctl/table.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

WallTime to_time(const google::protobuf::Timestamp& time) {
  return from_micros(time.seconds() * 1'000'000 + time.nanos() / 1000);
}

std::string between(WallTime from, WallTime to) {
  return format_duration(std::chrono::duration_cast<std::chrono::seconds>(to - from));
}

std::string path(const std::string& address) { return "<" + plain(address) + ">"; }

std::string reply_text(const v1::Reply& reply) {
  std::string out;
  const auto add = [&](const std::string& word) {
    if (!word.empty()) out += (out.empty() ? "" : " ") + word;
  };
  if (reply.code() != 0) add(std::to_string(reply.code()));
  add(plain(reply.enhanced()));
  add(plain(reply.text()));
  if (!reply.host().empty()) add("(" + plain(reply.host()) + ")");
  return out;
}

std::string next_text(const v1::QueueEntry& entry, WallTime now) {
  if (entry.state() == v1::STATE_ACTIVE || entry.state() == v1::STATE_HELD) return "-";
  const auto due = to_time(entry.next_attempt());
  return due <= now ? "now" : between(now, due);
}

}  // namespace

std::string entries_text(const google::protobuf::RepeatedPtrField<v1::QueueEntry>& entries, WallTime now) {
  Table table({{"ID"},
               {"STATE"},
               {"AGE", true},
               {"SIZE", true},
               {"TRIES", true},
               {"NEXT", true},
               {"SENDER"},
               {"RECIPIENT"},
               {"LAST REPLY"}});
  for (const auto& entry : entries) {
    const auto state = entry.bounce() ? "bouncing" : name_of(*v1::State_descriptor(), entry.state());
    const auto way = entry.next_hop().empty() ? "" : " via " + plain(entry.next_hop());
    table.add({fmt::format("{}.{}", entry.message_id(), entry.ordinal()), state,
               between(to_time(entry.received()), now), format_size(entry.size()), std::to_string(entry.attempts()),
               next_text(entry, now), path(entry.sender()), plain(entry.recipient()) + way, reply_text(entry.last())});
  }
  return table.text();
}

std::string message_text(const v1::GetMessageResponse& message, WallTime now) {
  std::string out;
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<12}{}\n", name, value);
  };
  line("id", message.id());
  line("sender", path(message.sender()));
  line("received",
       fmt::format("{} ({} ago)", to_rfc3339(to_time(message.received())), between(to_time(message.received()), now)));
  line("size", fmt::format("{} octets", message.size()));
  line("recipients", fmt::format("{} of {} not done", message.recipient_size(), message.accepted_recipients()));
  line("body", message.body());
  line("options",
       fmt::format("{}{}{}", message.smtputf8() ? "SMTPUTF8 " : "", message.require_tls() ? "REQUIRETLS" : "",
                   message.tls_optional() ? "TLS-Required: No" : ""));
  line("priority", message.priority() == 0 ? "" : std::to_string(message.priority()));
  line("ret", message.ret());
  line("envid", plain(message.envid()));
  line("login", plain(message.auth_id()));
  line("client", plain(message.client()));
  line("trace", plain(message.trace_id()));
  return out + "\n" + entries_text(message.recipient(), now);
}

std::string event_text(const v1::QueueEvent& event) {
  auto out = fmt::format("{}  {:<11}  {}.{}  {} -> {}", to_rfc3339(to_time(event.time())),
                         name_of(*v1::QueueEvent::Kind_descriptor(), event.kind()), event.message_id(), event.ordinal(),
                         path(event.sender()), path(event.recipient()));
  if (event.has_reply()) out += "  " + reply_text(event.reply());
  return out;
}

std::string counts_text(const v1::Counts& counts) {
  return fmt::format("{} messages, {}; recipients: {} queued, {} active, {} deferred, {} held", counts.messages(),
                     format_size(counts.body_bytes()), counts.queued(), counts.active(), counts.deferred(),
                     counts.held());
}

}  // namespace quartet::ctl
