#include "mda/copies.h"

#include <algorithm>

#include "common/base/gather.h"
#include "common/mime/trace.h"

namespace quartet::mda {
namespace {

/// What is put in front. A message without a header would begin with a line that is no field, right behind ours.
std::string front(std::string_view message, const mime::Header& header, std::string_view delivered_to,
                  std::string_view received) {
  std::string out;
  if (!delivered_to.empty()) out += "Delivered-To: " + std::string(delivered_to) + "\r\n";
  out += received;
  if (header.fields().empty() && !header.terminated() && !message.empty()) out += "\r\n";
  return out;
}

}  // namespace

std::string mailbox_copy(std::string_view message, const mime::Header& header, std::string_view reverse_path,
                         std::string_view delivered_to, std::string_view received) {
  auto out = mime::return_path_field(reverse_path) + front(message, header, delivered_to, received);
  set_aside(out, out.size() + message.size());
  // A line of an mbox in front would end the header behind our fields.
  auto skip = header.separator_size();
  for (const auto piece : mime::without_field(message, header, "Return-Path")) {
    const auto skipped = std::min(skip, piece.size());
    out += piece.substr(skipped);
    skip -= skipped;
  }
  return out;
}

std::vector<std::string> forwarded_copy(std::string_view message, const mime::Header& header,
                                        std::string_view delivered_to, std::string_view received) {
  return {front(message, header, delivered_to, received), std::string(message.substr(header.separator_size()))};
}

}  // namespace quartet::mda
