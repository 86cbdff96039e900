#include "ctl/selector.h"

#include "common/base/ascii.h"
#include "common/base/duration.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

constexpr Option kAll{"all", "", "everything in the queue"};
constexpr Option kId{"id", "ID", "a message, or MESSAGE.N for one recipient of it; may be repeated"};
constexpr Option kRecipient{"recipient", "ADDRESS", "to this address"};
constexpr Option kRecipientDomain{"recipient-domain", "DOMAIN",
                                  "to this domain, or .DOMAIN for all below it; may be repeated"};
constexpr Option kSender{"sender", "ADDRESS", "from this reverse-path; \"\" is the null sender"};
constexpr Option kSenderDomain{"sender-domain", "DOMAIN", "from this domain"};
constexpr Option kState{"state", "STATE", "queued, active, deferred or held; may be repeated",
                        "queued active deferred held"};
constexpr Option kOlderThan{"older-than", "AGE", "accepted at least so long ago, such as 2h or 1d12h"};
constexpr Option kNewerThan{"newer-than", "AGE", "accepted less than so long ago"};
constexpr Option kLastCode{"last-code", "CODE", "whose last reply had this code, such as 452"};
constexpr Option kTrace{"trace", "TRACE", "with this trace id"};
constexpr Option kWhere{"where", "TEXT",
                        "conditions as text, such as 'rcpt.domain=x.org and age>2h and last.code=452'"};

template <typename T>
std::optional<T> number(const Arguments& arguments, std::string_view option, T most, std::string& error) {
  const auto text = arguments.value(option);
  if (!text) return std::nullopt;
  const auto value = ascii::to_number<T>(*text);
  if (!value || *value > most) error = "--" + std::string(option) + ": expected a number up to " + std::to_string(most);
  return value;
}

bool read_age(const Arguments& arguments, std::string_view option, google::protobuf::Duration& (*place)(v1::Selector&),
              v1::Selector& selector, std::string& error) {
  const auto text = arguments.value(option);
  if (!text) return true;
  const auto age = parse_duration(*text);
  if (!age) {
    error = "--" + std::string(option) + ": expected an age such as 90s, 2h or 1d12h";
    return false;
  }
  auto& duration = place(selector);
  duration.set_seconds(age->count() / 1000);
  duration.set_nanos(static_cast<std::int32_t>(age->count() % 1000 * 1'000'000));
  return true;
}

bool read_states(const Arguments& arguments, v1::Selector& selector, std::string& error) {
  for (const auto& name : arguments.values("state")) {
    v1::State state = v1::STATE_UNSPECIFIED;
    if (!v1::State_Parse("STATE_" + ascii::upper(name), &state) || state == v1::STATE_UNSPECIFIED) {
      error = "--state: expected queued, active, deferred or held";
      return false;
    }
    selector.add_state(state);
  }
  return true;
}

}  // namespace

std::vector<Option> selector_options() {
  return {kAll,   kId,        kRecipient, kRecipientDomain, kSender, kSenderDomain,
          kState, kOlderThan, kNewerThan, kLastCode,        kTrace,  kWhere};
}

std::vector<Option> event_selector_options() {
  return {kId, kRecipient, kRecipientDomain, kSender, kSenderDomain, kLastCode, kTrace, kWhere};
}

std::expected<v1::Selector, std::string> read_selector(const Arguments& arguments) {
  v1::Selector selector;
  std::string error;
  selector.set_all(arguments.has("all"));
  for (const auto& id : arguments.values("id")) selector.add_id(id);
  for (const auto& id : arguments.operands()) selector.add_id(id);
  if (const auto text = arguments.value("recipient")) selector.set_recipient(*text);
  for (const auto& domain : arguments.values("recipient-domain")) selector.add_recipient_domain(domain);
  if (const auto text = arguments.value("sender")) selector.set_sender(*text == "<>" ? "" : *text);
  if (const auto text = arguments.value("sender-domain")) selector.set_sender_domain(*text);
  if (const auto text = arguments.value("trace")) selector.set_trace_id(*text);
  if (const auto text = arguments.value("where")) {
    if (text->empty()) error = "--where: expected conditions";
    selector.set_text(*text);
  }
  if (const auto code = number<std::uint32_t>(arguments, "last-code", 999, error)) selector.set_last_code(*code);
  read_states(arguments, selector, error);
  read_age(arguments, "older-than", [](v1::Selector& s) -> auto& { return *s.mutable_older_than(); }, selector, error);
  read_age(arguments, "newer-than", [](v1::Selector& s) -> auto& { return *s.mutable_newer_than(); }, selector, error);
  if (!error.empty()) return std::unexpected(std::move(error));
  if (selector.all()) {
    v1::Selector rest = selector;
    rest.clear_all();
    if (rest.ByteSizeLong() != 0) return std::unexpected("--all leaves no room for other conditions");
  }
  return selector;
}

bool says_which(const v1::Selector& selector) { return selector.ByteSizeLong() != 0; }

}  // namespace quartet::ctl
