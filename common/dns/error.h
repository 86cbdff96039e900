// Why a look-up gave nothing, and whether asking again later may help.
#pragma once
#include <string>

namespace quartet::dns {

enum class Code {
  kNoSuchDomain,  // permanent: NXDOMAIN
  kNoData,        // permanent: the name exists without such records
  kBadName,       // permanent: not a domain name
  kNullMx,        // permanent: the domain takes no mail (RFC 7505); 5.1.10
  kLoopsBack,     // permanent: the best MX host is this very host; 5.4.6
  kNoAddress,     // permanent: none of the MX hosts has an address; 5.4.4
  kCnameLoop,     // permanent: aliases in a circle, or too many of them
  kServerFailed,  // transient: SERVFAIL, REFUSED or garbage from every server
  kTimedOut,      // transient: no server answered in time
  kNetwork,       // transient: no server could be reached
  kScarce,        // transient: this host has no descriptor or memory left to ask with
  kCancelled,     // transient: the task group is stopping
};

struct Error {
  Code code = Code::kServerFailed;
  std::string detail;      // for logs and notices, e.g. "MX b.example: no such domain"
  bool authentic = false;  // the denial itself is DNSSEC-validated (AD); DANE needs to know
  bool permanent() const { return code < Code::kServerFailed; }
};

const char* to_string(Code code);

}  // namespace quartet::dns
