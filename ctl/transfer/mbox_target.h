// Export to mbox files, with the fields Status, X-Status and X-Keywords.
#pragma once
#include <memory>
#include <string>

#include "ctl/transfer/line_file.h"
#include "ctl/transfer/target.h"

namespace quartet::transfer {

/// `path` is a directory, with a file for each mailbox and ".sbd" directories for those below, as Thunderbird has them;
/// if `single`, it is the file of the one mailbox. `state` is the path of a file that says how far each was written, so
/// that a later run goes on from there; without one ("") no file may be there yet.
Outcome<std::unique_ptr<Target>> make_mbox(std::string path, bool single, const std::string& state,
                                           const std::string& account);

/// A message as its part of the file.
std::string mbox_part(const Outgoing& message);

}  // namespace quartet::transfer
