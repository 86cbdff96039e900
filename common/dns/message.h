// DNS messages as plain values: what the codec makes of packets and the cache keeps. No ldns type shows here.
#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace quartet::dns {

enum class Type : std::uint16_t {
  kA = 1,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kTlsa = 52,
};

/// "MX", "AAAA", ...
const char* to_string(Type type);

/// RFC 1035 section 4.1.1; other values may appear.
enum class ResponseCode : std::uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchDomain = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // RFC 6891 section 6.1.3; stands for every extended code
};

struct Question {
  std::string name;  // as Record::name
  Type type = Type::kA;
  friend bool operator==(const Question&, const Question&) = default;
};

struct Mx {
  std::uint16_t preference = 0;
  std::string exchange;  // a name; "." for a null MX (RFC 7505)
  friend bool operator==(const Mx&, const Mx&) = default;
};

/// RFC 6698 section 2.1.
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching_type = 0;
  std::string data;  // bytes, not hex
  friend bool operator==(const Tlsa&, const Tlsa&) = default;
};

struct Soa {
  std::uint32_t minimum = 0;  // the TTL of negative answers (RFC 2308 section 4)
  friend bool operator==(const Soa&, const Soa&) = default;
};

/// One resource record of class IN. Names are in lower case, in presentation form (odd bytes as \DDD) and without the
/// final dot; the root is ".".
struct Record {
  std::string name;
  Type type = Type::kA;
  std::uint32_t ttl = 0;  // seconds, at most 2^31-1 (RFC 2181 section 8)
  /// A, AAAA: the address as text; CNAME, PTR: a name; TXT: its strings joined (as RFC 7208 section 3.3 does).
  std::variant<std::string, Mx, Tlsa, Soa> data;
  friend bool operator==(const Record&, const Record&) = default;
};

/// A response. Records of types not in Type are left out.
struct Message {
  std::uint16_t id = 0;
  ResponseCode code = ResponseCode::kNoError;
  bool truncated = false;      // TC
  bool authoritative = false;  // AA
  bool authentic = false;      // AD
  bool referral = false;       // no answer but name servers to ask: the server does not recurse
  bool has_question = false;   // some servers leave it out of error responses
  Question question;
  std::vector<Record> answers;
  std::vector<Record> authority;  // only the SOA of a negative answer is of use
};

}  // namespace quartet::dns
