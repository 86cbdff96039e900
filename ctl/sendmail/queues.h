// mailq and sendmail -q: the queues behind the control planes of this host's agents.
#pragma once
#include <google/protobuf/repeated_field.h>

#include <iosfwd>
#include <string>
#include <vector>

#include "ctl/sendmail/settings.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::sendmail {

/// Messages with their recipients as mailq prints them: "*" behind the id of one under delivery, "!" of one that is
/// held. The entries of one message follow each other.
std::string mailq_text(const std::vector<control::v1::QueueEntry>& entries);

/// All queues in one list. EX_OK, EX_UNAVAILABLE if an agent cannot be asked, EX_CONFIG if none is known.
int list_queues(const Settings& settings, std::ostream& out, std::ostream& err);

/// Makes all mail due that is not held; the same codes.
int retry_queues(const Settings& settings, std::ostream& err);

}  // namespace quartet::sendmail
