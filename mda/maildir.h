// Delivery to a Maildir: a file a message, written in tmp/, moved into new/ when it is whole and on disk. No locks.
#pragma once
#include <string>
#include <string_view>

#include "common/base/files.h"

namespace quartet::mda {

/// Returns when the message and its name are on disk. Makes the Maildir (0700) if it is missing, not what is above it.
/// `host` is part of the name. Any thread; blocks.
FileResult<void> deliver_maildir(const std::string& path, std::string_view message, std::string_view host);

}  // namespace quartet::mda
