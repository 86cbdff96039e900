// A list that was read and is written again is read as the same, and its domains are what DNS could have.
#include <algorithm>

#include "common/base/check.h"
#include "common/smtp/atrn.h"
#include "common/smtp/command_parser.h"
#include "common/smtp/path.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto domains = parse_atrn(fuzz::as_text(data, size));
  if (!domains) return 0;
  for (auto each = domains->begin(); each != domains->end(); ++each) {
    QUARTET_CHECK(is_domain(*each, false) && each->contains('.'));
    QUARTET_CHECK(std::find(std::next(each), domains->end(), *each) == domains->end());
  }
  CommandParser parser(1U << 20U);
  parser.feed(atrn_command(*domains));
  const auto command = parser.next();
  QUARTET_CHECK(command.has_value() && command->has_value() && (*command)->verb == Verb::kAtrn);
  QUARTET_CHECK(parse_atrn((*command)->argument) == domains);
  return 0;
}
