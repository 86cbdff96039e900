#include "common/sts/fetch.h"

#include <fmt/format.h>

#include "common/base/ascii.h"

namespace quartet::sts {

std::expected<std::string, std::string> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                              const FetchOptions& options) {
  const https::Url url{"mta-sts." + domain, options.port, "/.well-known/mta-sts.txt"};
  auto response = https::get(url, addresses, options.https);
  if (!response) return std::unexpected(std::move(response.error()));
  // Anything but a 200 is a failure, and the type guards against pages made by users.
  if (response->status != 200) return std::unexpected(fmt::format("the server answered {}", response->status));
  if (!ascii::iequals(response->type, "text/plain"))
    return std::unexpected(fmt::format("the type is \"{}\"", response->type));
  return std::move(response->body);
}

}  // namespace quartet::sts
