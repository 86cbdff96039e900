// The extensions of RFC 5228 that are there: capability strings of `require`, ManageSieve's SIEVE capability.
#pragma once
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quartet::sieve {

enum class Extension : std::uint8_t {
  kAsciiNumeric,      // RFC 4790 section 9.1
  kUnicodeCasemap,    // RFC 5051
  kBody,              // RFC 5173
  kCopy,              // RFC 3894
  kDate,              // RFC 5260
  kDuplicate,         // RFC 7352
  kEditheader,        // RFC 5293
  kEncodedCharacter,  // RFC 5228 section 2.4.2.4
  kEnotify,           // RFC 5435, RFC 5436
  kEnvelope,          // RFC 5228 section 5.4
  kEnvironment,       // RFC 5183
  kEreject,           // RFC 5429
  kExtlists,          // RFC 6134
  kExtracttext,       // RFC 5703
  kFileinto,          // RFC 5228 section 4.1
  kForeverypart,      // RFC 5703
  kIhave,             // RFC 5463
  kImap4flags,        // RFC 5232
  kInclude,           // RFC 6609
  kIndex,             // RFC 5260
  kMailbox,           // RFC 5490
  kMboxMetadata,      // RFC 5490
  kMime,              // RFC 5703
  kRegex,             // draft-ietf-sieve-regex
  kReject,            // RFC 5429
  kRelational,        // RFC 5231
  kServerMetadata,    // RFC 5490
  kSpamtest,          // RFC 5235
  kSpamtestplus,      // RFC 5235
  kSpecialUse,        // RFC 8579
  kSubaddress,        // RFC 5233
  kVacation,          // RFC 5230
  kVacationSeconds,   // RFC 6131
  kVariables,         // RFC 5229
  kVirustest,         // RFC 5235
  kCount,
};
using Extensions = std::bitset<static_cast<std::size_t>(Extension::kCount)>;

std::string_view to_string(Extension extension);
std::optional<Extension> find_extension(std::string_view name);
/// All but those of `without`, separated by one space.
std::string capability_text(const Extensions& without = {});

}  // namespace quartet::sieve
