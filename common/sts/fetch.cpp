#include "common/sts/fetch.h"

#include <fmt/format.h>

#include "common/base/ascii.h"

namespace quartet::sts {

std::expected<std::string, Failure> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                          const FetchOptions& options) {
  const https::Url url{"mta-sts." + domain, options.port, "/.well-known/mta-sts.txt"};
  auto response = https::get(url, addresses, options.https);
  if (!response) {
    const auto kind = response.error().bad_certificate ? Failure::Kind::kCertificate : Failure::Kind::kFetch;
    return std::unexpected(Failure{kind, std::move(response.error().text)});
  }
  // Anything but a 200 is a failure, and the type guards against pages made by users.
  if (response->status != 200)
    return std::unexpected(Failure{.text = fmt::format("the server answered {}", response->status)});
  if (!ascii::iequals(response->type, "text/plain"))
    return std::unexpected(Failure{.text = fmt::format("the type is \"{}\"", response->type)});
  return std::move(response->body);
}

}  // namespace quartet::sts
