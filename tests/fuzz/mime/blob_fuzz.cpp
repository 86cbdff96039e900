// What a store kept of a message may be damaged: it is refused, or keeps to its bounds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/mime/digest.h"
#include "common/mime/kept_fields.h"
#include "common/mime/structure.h"

using namespace quartet::mime;

namespace {
void check_bounds(const Part& part, std::size_t begin, std::size_t end) {
  QUARTET_CHECK(part.header_offset >= begin && part.body_offset >= part.header_offset);
  QUARTET_CHECK(part.body_offset <= end && part.body_size <= end - part.body_offset);
  for (const Part& child : part.children) check_bounds(child, part.body_offset, part.body_offset + part.body_size);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view blob(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kMessageSize = 5000;
  if (const auto root = decode_parts(blob, kMessageSize)) {
    check_bounds(*root, 0, kMessageSize);
    QUARTET_CHECK(decode_parts(encode_parts(*root), kMessageSize).has_value());
  }
  std::string fields = "before";
  if (append_kept_fields(fields, blob, ~KeptFields{}))
    QUARTET_CHECK(fields.size() <= size + 8);
  else
    QUARTET_CHECK(fields == "before");
  if (const auto kept = kept_fields_of(blob)) QUARTET_CHECK(kept->size() < size);
  if (const auto headers = decode_headers(blob)) QUARTET_CHECK(headers->subject.size() <= size);
  return 0;
}
