#include "msa/completion.h"

#include "common/mime/trace.h"

namespace quartet::msa {

std::string missing_fields(const mime::Header& header, const std::string& hostname, WallTime now) {
  std::string out;
  if (header.find("Date") == nullptr) out += "Date: " + to_rfc5322(now) + "\r\n";
  if (header.find("Message-ID") == nullptr) out += "Message-ID: " + mime::new_message_id(hostname) + "\r\n";
  return out;
}

}  // namespace quartet::msa
