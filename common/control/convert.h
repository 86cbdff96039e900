// Between the words of the control plane and those of the spool.
#pragma once
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "common/log/log.h"
#include "common/spool/events.h"
#include "common/spool/query.h"
#include "quartet/control/v1/common.pb.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

/// No condition is given; `all` is none.
bool has_no_condition(const v1::Selector& selector);

/// Ages count back from `now`. The error says which field makes no sense.
std::expected<spool::Filter, std::string> to_filter(const v1::Selector& selector, WallTime now);

/// What a watch can be narrowed by; an error names the first condition that an event cannot be held against.
std::expected<spool::Filter, std::string> to_event_filter(const v1::Selector& selector);
bool matches(const spool::Filter& filter, const spool::Event& event);

/// Valid UTF-8, as protobuf's strings must be: what is not becomes U+FFFD. At most `limit` octets.
std::string utf8(std::string_view text, std::size_t limit = std::string_view::npos);

void set(google::protobuf::Timestamp& to, WallTime time);
void set(google::protobuf::Duration& to, std::chrono::microseconds duration);
/// A time to live above 0; nullopt: it is no such time, or longer than `longest`.
std::optional<std::chrono::microseconds> time_to_live(const google::protobuf::Duration& duration,
                                                      std::chrono::hours longest);
void fill(v1::QueueEntry& to, const spool::Entry& entry, std::size_t text_limit = std::string_view::npos);
void fill(v1::QueueEvent& to, const spool::Event& event);
void fill(v1::Reply& to, const spool::Reply& reply, std::size_t text_limit = std::string_view::npos);
void fill(v1::Counts& to, const spool::Counts& counts);
void fill(v1::ShapeQueueResponse::Group& to, const spool::Shape::Group& group);
void fill(v1::GetMessageResponse& to, const spool::Message& message);

/// nullopt: none is named.
std::optional<log::Level> level_of(v1::LogLevel level);

}  // namespace quartet::control
