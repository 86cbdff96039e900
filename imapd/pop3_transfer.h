// What RETR and TOP send of a large message, read as the client takes it.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "common/async/task.h"
#include "common/mime/section.h"
#include "common/store/open_message.h"
#include "imapd/output.h"

namespace quartet::imapd {

/// With its dots stuffed, and the end mark. `headers`: where mime::downgrade_header() is to be asked, in the order of
/// the message. `lines`: of TOP. The error is of what could not be read: the client then has a part of the message,
/// without an end.
async::Task<store::Result<void>> transfer(Output& output, store::OpenMessage message,
                                          std::vector<mime::ByteRange> headers, std::optional<std::uint32_t> lines);

}  // namespace quartet::imapd
