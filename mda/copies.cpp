#include "mda/copies.h"

#include "common/mime/trace.h"

namespace quartet::mda {
namespace {

/// What is put in front. A message without a header would begin with a line that is no field, right behind ours.
std::string front(std::string_view message, const mime::Header& header, std::string_view delivered_to,
                  std::string_view received) {
  std::string out;
  if (!delivered_to.empty()) out += "Delivered-To: " + std::string(delivered_to) + "\r\n";
  out += received;
  if (header.size() == 0 && !message.empty()) out += "\r\n";
  return out;
}

}  // namespace

std::string mailbox_copy(std::string_view message, const mime::Header& header, std::string_view reverse_path,
                         std::string_view delivered_to, std::string_view received) {
  auto out = mime::return_path_field(reverse_path) + front(message, header, delivered_to, received);
  out.reserve(out.size() + message.size());
  for (const auto piece : mime::without_field(message, header, "Return-Path")) out += piece;
  return out;
}

std::vector<std::string> forwarded_copy(std::string_view message, const mime::Header& header,
                                        std::string_view delivered_to, std::string_view received) {
  return {front(message, header, delivered_to, received), std::string(message)};
}

}  // namespace quartet::mda
