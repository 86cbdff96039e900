#include "common/https/request.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/https/call.h"

namespace quartet::https {
namespace {

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using List = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

constexpr std::string_view kScheme = "https://";

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

/// "host:443:192.0.2.1,[2001:db8::1]"; null without addresses: then the system knows.
List resolution(const Url& url, const std::vector<std::string>* addresses_given) {
  if (addresses_given == nullptr) return {nullptr, curl_slist_free_all};
  const auto& addresses = *addresses_given;
  auto out = fmt::format("{}:{}:", url.host, url.port);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const bool v6 = addresses[i].contains(':');
    out += fmt::format("{}{}{}{}", i == 0 ? "" : ",", v6 ? "[" : "", addresses[i], v6 ? "]" : "");
  }
  return {curl_slist_append(nullptr, out.c_str()), curl_slist_free_all};
}

/// application/x-www-form-urlencoded.
std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (ascii::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '*')
      out += c;
    else if (c == ' ')
      out += '+';
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string text_of(const Url& url) {
  const auto port = url.port == 443 ? std::string() : fmt::format(":{}", url.port);
  return fmt::format("{}{}{}{}", kScheme, url.host, port, url.path);
}

void configure(CURL* curl, const std::string& url, curl_slist* resolve, const Options& options, Body& body) {
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

void configure_post(CURL* curl, curl_slist* header, std::string_view content) {
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, header);
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(content.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, content.data());
}

/// The body is sent by POST if there is a header.
std::expected<Response, Error> perform(const Url& url, const List& resolve, const List& header,
                                       std::string_view content, const Options& options) {
  static const auto initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Handle curl(initialised == CURLE_OK ? curl_easy_init() : nullptr, curl_easy_cleanup);
  if (!curl) return std::unexpected(Error{"libcurl does not start"});
  Body body{{}, options.most};
  configure(curl.get(), text_of(url), resolve.get(), options, body);
  if (header) configure_post(curl.get(), header.get(), content);
  const auto code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return std::unexpected(Error{curl_easy_strerror(code), code == CURLE_PEER_FAILED_VERIFICATION});
  Response response;
  response.body = std::move(body.text);
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &response.status);
  const char* type = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &type);
  const std::string_view media = type == nullptr ? "" : type;
  response.type = media.substr(0, media.find_first_of("; \t"));
  return response;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  if (!ascii::istarts_with(text, kScheme)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  const auto plain = [](char c) {
    return c > ' ' && c < 127 && c != '#' && c != '"' && c != '<' && c != '>' && c != '\\';
  };
  if (!std::ranges::all_of(text, plain)) return std::nullopt;
  const auto end = std::min(text.find_first_of("/?"), text.size());
  auto host = text.substr(0, end);
  const auto path = text.substr(end);
  Url url;
  if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    const auto port = ascii::to_number<std::uint16_t>(host.substr(colon + 1));
    if (!port || *port == 0) return std::nullopt;
    url.port = *port;
    host = host.substr(0, colon);
  }
  const auto in_name = [](char c) { return ascii::is_alnum(c) || c == '-' || c == '.' || c == '_'; };
  if (host.empty() || !std::ranges::all_of(host, in_name)) return std::nullopt;
  url.host = ascii::lower(host);
  url.path = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
  return url;
}

std::expected<Response, Error> get(const Url& url, const std::vector<std::string>& addresses, const Options& options) {
  return perform(url, resolution(url, &addresses), List(nullptr, curl_slist_free_all), {}, options);
}

std::expected<Response, Error> post(const Url& url, const std::vector<std::string>& addresses, std::string_view type,
                                    std::string_view body, const Options& options) {
  const List header(curl_slist_append(nullptr, fmt::format("Content-Type: {}", type).c_str()), curl_slist_free_all);
  if (!header) return std::unexpected(Error{"no memory"});
  return perform(url, resolution(url, &addresses), header, body, options);
}

std::expected<Response, Error> call(const Call& call, const Options& options) {
  const auto resolve = resolution(call.url, nullptr);
  if (call.form.empty()) return perform(call.url, resolve, List(nullptr, curl_slist_free_all), {}, options);
  std::string body;
  for (const auto& [name, value] : call.form)
    body += (body.empty() ? "" : "&") + form_encoded(name) + "=" + form_encoded(value);
  List header(curl_slist_append(nullptr, "Content-Type: application/x-www-form-urlencoded"), curl_slist_free_all);
  if (!call.user.empty()) {
    const auto proof = base64_encode(form_encoded(call.user) + ":" + form_encoded(call.password));
    auto* const longer = curl_slist_append(header.get(), ("Authorization: Basic " + proof).c_str());
    if (longer == nullptr) return std::unexpected(Error{"no memory"});
  }
  return perform(call.url, resolve, header, body, options);
}

}  // namespace quartet::https
