// A queued message with all that its queue knows of it, as GetMessage gives it and ImportMessage takes it.
#pragma once
#include <expected>
#include <span>
#include <string>

#include "common/spool/message.h"
#include "common/spool/restore.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

/// Recipients of one message as they were when they were claimed; without the content.
v1::GetMessageResponse to_archive(std::span<const spool::Claim> claims);

/// NOTIFY of RFC 3461: "SUCCESS,DELAY"; empty: it was absent.
std::string notify_text(std::uint8_t notify);

/// Without the body. The error names the field that makes no sense.
std::expected<spool::RestoredMessage, std::string> from_archive(const v1::GetMessageResponse& archive);

}  // namespace quartet::control
