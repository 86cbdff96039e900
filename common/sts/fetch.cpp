#include "common/sts/fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "common/base/ascii.h"

namespace quartet::sts {
namespace {

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using List = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

struct Body {
  std::string text;
  std::size_t most;
};

std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<Body*>(into);
  if (body.text.size() + size * count > body.most) return 0;  // curl gives up
  body.text.append(bytes, size * count);
  return size * count;
}

/// "host:443:192.0.2.1,[2001:db8::1]"
std::string resolution(const std::string& host, const std::vector<std::string>& addresses, std::uint16_t port) {
  auto out = fmt::format("{}:{}:", host, port);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const bool v6 = addresses[i].contains(':');
    out += fmt::format("{}{}{}{}", i == 0 ? "" : ",", v6 ? "[" : "", addresses[i], v6 ? "]" : "");
  }
  return out;
}

void configure(CURL* curl, const std::string& url, curl_slist* resolve, const FetchOptions& options, Body& body) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // whatever the environment says
  curl_easy_setopt(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "Quartet");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
}

/// RFC 8461 section 3.3: anything but a 200 is a failure, and the type guards against pages made by users.
std::expected<void, std::string> check(CURL* curl) {
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  if (code != 200) return std::unexpected(fmt::format("the server answered {}", code));
  const char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  const std::string_view media = type == nullptr ? "" : type;
  const auto kind = media.substr(0, media.find_first_of("; \t"));
  if (!ascii::iequals(kind, "text/plain")) return std::unexpected(fmt::format("the type is \"{}\"", media));
  return {};
}

}  // namespace

std::expected<std::string, std::string> fetch(const std::string& domain, const std::vector<std::string>& addresses,
                                              const FetchOptions& options) {
  static const auto initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Handle curl(initialised == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!curl) return std::unexpected("libcurl does not start");
  const auto host = "mta-sts." + domain;
  const List resolve(curl_slist_append(nullptr, resolution(host, addresses, options.port).c_str()),
                     curl_slist_free_all);
  const auto port = options.port == 443 ? std::string() : fmt::format(":{}", options.port);
  Body body{{}, options.most};
  configure(curl.get(), fmt::format("https://{}{}/.well-known/mta-sts.txt", host, port), resolve.get(), options, body);
  const auto code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return std::unexpected(curl_easy_strerror(code));
  if (const auto good = check(curl.get()); !good) return std::unexpected(good.error());
  return std::move(body.text);
}

}  // namespace quartet::sts
