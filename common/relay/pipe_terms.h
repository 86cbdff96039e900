// What a program on a pipe is told, and what its end means: placeholders, the form of the message, sysexits. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/relay/local_hop.h"
#include "common/smtp/reply.h"

namespace quartet::relay {

struct PipeValues {
  std::string_view sender;     // empty: the null sender, which {sender} calls MAILER-DAEMON
  std::string_view recipient;  // local@domain
  std::string_view message_id;
  std::string_view trace_id;
  std::size_t size = 0;
};

/// Puts in {sender}, {recipient}, {user} and {domain} (the parts of the recipient), {id}, {trace} and {size}; all other
/// text, braces as well, stays.
std::string expand(std::string_view text, const PipeValues& values);

/// The first word in braces that is none of these; nullopt: there is none.
std::optional<std::string> unknown_placeholder(std::string_view text);

/// An argument that begins with a placeholder must not become an option of the program: the placeholder whose value
/// begins with '-', nullopt if all is well.
std::optional<std::string> as_option(const PipeCommand& command, const PipeValues& values);

/// As the program wants it.
std::string piped_message(const PipeCommand& command, const PipeValues& values, std::string_view message, WallTime now);

/// What the end of the program means for the recipient. Exit code 0 delivers. 65 (EX_DATAERR), 67 (EX_NOUSER), 68
/// (EX_NOHOST), 69 (EX_UNAVAILABLE), 76 (EX_PROTOCOL) and 77 (EX_NOPERM) are for good; all else is tried again, for it
/// may be our own fault. If the output begins with "4.x.y " or "5.x.y ", that counts in place of the code.
smtp::Reply reply_to_end(int exit_code, int signal, bool timed_out, std::string_view output);

}  // namespace quartet::relay
