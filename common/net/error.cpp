#include "common/net/error.h"

namespace quartet::net {
namespace {

const char* text_of(IoCode code) {
  switch (code) {
    case IoCode::kEndOfStream:
      return "the peer closed the connection";
    case IoCode::kTimedOut:
      return "timed out";
    case IoCode::kCancelled:
      return "cancelled";
    case IoCode::kReset:
      return "connection lost";
    case IoCode::kRefused:
      return "connection refused";
    case IoCode::kUnreachable:
      return "host or network unreachable";
    case IoCode::kInUse:
      return "address in use";
    case IoCode::kDenied:
      return "permission denied";
    case IoCode::kTls:
      return "tls";
    case IoCode::kTooLong:
      return "too long";
    case IoCode::kScarce:
      return "this host is short of something";
    case IoCode::kSystem:
      break;
  }
  return "system error";
}

}  // namespace

std::string to_string(const IoError& error) {
  std::string text = text_of(error.code);
  if (!error.detail.empty()) text += ": " + error.detail;
  return text;
}

}  // namespace quartet::net
