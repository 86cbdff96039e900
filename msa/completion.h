// What a submission server adds to a message that lacks it (RFC 6409 section 8).
#pragma once
#include <string>

#include "common/base/time.h"
#include "common/mime/header.h"

namespace quartet::msa {

/// Date and Message-ID, each with its CRLF, as far as `header` has none.
std::string missing_fields(const mime::Header& header, const std::string& hostname, WallTime now);

}  // namespace quartet::msa
