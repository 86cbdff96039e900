#include "common/dns/error.h"

namespace quartet::dns {

const char* to_string(Code code) {
  switch (code) {
    case Code::kNoSuchDomain:
      return "no such domain";
    case Code::kNoData:
      return "no such record";
    case Code::kBadName:
      return "not a domain name";
    case Code::kNullMx:
      return "domain accepts no mail";
    case Code::kLoopsBack:
      return "mail loops back to myself";
    case Code::kNoAddress:
      return "no mail host has an address";
    case Code::kCnameLoop:
      return "too many aliases";
    case Code::kServerFailed:
      return "name server failure";
    case Code::kTimedOut:
      return "name server did not answer";
    case Code::kNetwork:
      return "name server out of reach";
    case Code::kScarce:
      return "this host cannot ask";
    case Code::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

}  // namespace quartet::dns
