// Header fields that mail programs show in lists, kept as they are written beside a message, so that BODY[HEADER.FIELDS
// (...)] (RFC 9051 section 6.4.5.1) of them needs none of its bytes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/header.h"

namespace quartet::mime {

/// One bit for each name that is kept.
using KeptFields = std::uint64_t;

/// Empty if one of the names is not among those that are kept: the message itself must then be read.
std::optional<KeptFields> kept_fields(const std::vector<std::string>& names);

/// The fields of the header that are kept, in its order; "" if they are longer than is worth keeping.
std::string encode_kept_fields(const Header& header);

/// Appends what select_fields() gives for the names behind `wanted`. False: `blob` is not of encode_kept_fields(), or
/// is damaged; `out` is then as it was.
bool append_kept_fields(std::string& out, std::string_view blob, KeptFields wanted);

}  // namespace quartet::mime
