#include "common/mime/maildir.h"

#include <algorithm>

namespace quartet::mime {
namespace {

constexpr std::string_view kInfo = ":2,";

}  // namespace

std::string maildir_base_name(WallTime time, std::string_view unique, std::string_view host, std::size_t size) {
  std::string name = std::to_string(to_micros(time) / 1'000'000);
  name.append(".").append(unique).append(".").append(host);
  std::ranges::replace(name, '/', '_');
  std::ranges::replace(name, ':', '_');
  return name + ",S=" + std::to_string(size);
}

MaildirName parse_maildir_name(std::string_view file) {
  const auto info = file.find(kInfo);
  if (info == std::string_view::npos) return {file.substr(0, file.find(':')), {}};
  const auto letters = file.substr(info + kInfo.size());
  return {file.substr(0, info), letters.substr(0, letters.find(','))};  // some write more, behind a comma
}

std::string maildir_name(std::string_view base, std::string letters) {
  std::ranges::sort(letters);
  letters.erase(std::ranges::unique(letters).begin(), letters.end());
  return std::string(base).append(kInfo).append(letters);
}

}  // namespace quartet::mime
