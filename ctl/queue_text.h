// Queue entries, messages and events for people.
#pragma once
#include <string>

#include "common/base/time.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::ctl {

/// A table, ages counted back from `now`.
std::string entries_text(const google::protobuf::RepeatedPtrField<control::v1::QueueEntry>& entries, WallTime now);
/// Name and value pairs, then the recipients.
std::string message_text(const control::v1::GetMessageResponse& message, WallTime now);
/// One line without its end.
std::string event_text(const control::v1::QueueEvent& event);
std::string counts_text(const control::v1::Counts& counts);

}  // namespace quartet::ctl
