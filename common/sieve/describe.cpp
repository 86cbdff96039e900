#include <fmt/format.h>

#include "common/sieve/interpreter.h"
#include "common/sieve/run.h"

namespace quartet::sieve {
namespace {

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + '"';
}

std::string with(std::string out, const Flags& flags, const Edited& message) {
  if (!flags.empty()) out += " :flags " + quote(join_flags(flags));
  if (message != nullptr) out += " (header edited)";
  return out;
}

struct Describe {
  std::string operator()(const Keep& keep) const { return with("keep", keep.flags, keep.message); }
  std::string operator()(const FileInto& file) const {
    std::string out = "fileinto ";
    if (file.create) out += ":create ";
    if (!file.special_use.empty()) out += ":specialuse " + quote(file.special_use) + " ";
    return with(out + quote(file.mailbox), file.flags, file.message);
  }
  std::string operator()(const Redirect& redirect) const {
    return with("redirect " + quote(redirect.address), {}, redirect.message);
  }
  std::string operator()(const Reject& reject) const {
    return (reject.at_protocol ? "ereject " : "reject ") + quote(reject.reason);
  }
  std::string operator()(const Vacation& vacation) const {
    return fmt::format("vacation to {} at most every {} s, subject {}: {}", vacation.to, vacation.seconds,
                       quote(vacation.subject), quote(vacation.reason));
  }
  std::string operator()(const Notify& notify) const {
    return fmt::format("notify {}: {}", fmt::join(notify.to.recipients, ", "), quote(notify.message));
  }
};

}  // namespace

std::string to_string(const Action& action) { return std::visit(Describe{}, action); }

}  // namespace quartet::sieve
