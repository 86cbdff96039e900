// Messages with UTF-8 in header fields (RFC 6532) for readers that do not know of it.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/section.h"
#include "common/mime/structure.h"

namespace quartet::mime {

/// The message with header fields in ASCII, those of its parts too, as RFC 6857 wants them: text in encoded words,
/// parameters by RFC 2231, addresses that ASCII cannot write as the names of empty groups, and what may hold neither in
/// a "Downgraded-" field. What is signed stays as it is, and so do headers that are no UTF-8, which nobody can read by
/// a standard. nullopt: there is nothing to change.
std::optional<std::string> downgrade(std::string_view message);

/// The same for who has not the whole message in memory: where headers are that may have to change, in their order, and
/// what takes the place of one. nullopt: it stays.
std::vector<ByteRange> headers_to_downgrade(const Part& root);
std::optional<std::string> downgrade_header(std::string_view header);

}  // namespace quartet::mime
