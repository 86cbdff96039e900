#include "common/sasl/exchange.h"

#include "common/base/encoding.h"

namespace quartet::sasl {
namespace {

std::optional<Challenge> encoded(std::optional<Challenge> challenge) {
  if (challenge) challenge->text = base64_encode(challenge->text);
  return challenge;
}

}  // namespace

Exchange::Outcome Exchange::begin(std::optional<std::string_view> initial) {
  if (!initial) return step(std::nullopt);
  if (*initial == "=") return step("");
  const auto response = base64_decode(*initial);
  if (!response) return Malformed{"not base64"};
  return step(*response);
}

Exchange::Outcome Exchange::on_line(std::string_view line) {
  if (line == "*") return Cancelled{};
  const auto response = base64_decode(line);
  if (!response) return Malformed{"not base64"};
  return step(*response);
}

std::optional<Challenge> Exchange::accepted() { return encoded(server_->accepted()); }

std::optional<Challenge> Exchange::refused() { return encoded(server_->refused()); }

Exchange::Outcome Exchange::step(std::optional<std::string_view> response) {
  auto step = server_->step(response);
  if (auto* challenge = std::get_if<Challenge>(&step)) return Challenge{base64_encode(challenge->text)};
  if (auto* claim = std::get_if<Claim>(&step)) return std::move(*claim);
  return std::get<Malformed>(std::move(step));
}

}  // namespace quartet::sasl
