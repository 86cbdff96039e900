#include "common/control/selector_text.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/duration.h"

namespace quartet::control {
namespace {

using google::protobuf::util::TimeUtil;

struct Value {
  std::string text;
  std::size_t column = 0;
};

struct Term {
  std::string name;
  std::string compare;  // "=", "<", "<=", ">" or ">="
  std::vector<Value> values;
  std::size_t column = 0;
};

/// The words and signs of the text, from the left.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t column() const { return at_ + 1; }
  bool at_end() {
    while (at_ < text_.size() && ascii::is_space(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  std::string_view name() {
    const auto begin = at_;
    while (at_ < text_.size() && (ascii::is_alpha(text_[at_]) || text_[at_] == '.')) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::string_view compare() {
    for (const std::string_view sign : {"<=", ">=", "<", ">", "="}) {
      if (!text_.substr(at_).starts_with(sign)) continue;
      at_ += sign.size();
      return sign;
    }
    return {};
  }
  bool comma() {
    if (at_end() || text_[at_] != ',') return false;
    ++at_;
    return true;
  }
  /// A word, or anything between quotation marks; in these a backslash takes the next octet as it is.
  std::expected<std::string, SelectorError> value() {
    const auto begin = column();
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        out += text_[at_];
      }
      if (at_ == text_.size()) return std::unexpected(SelectorError{begin, "no closing quotation mark"});
      ++at_;
      return out;
    }
    while (at_ < text_.size() && !ascii::is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '"')
      out += text_[at_++];
    if (out.empty()) return std::unexpected(SelectorError{begin, "expected a value"});
    return out;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::expected<Term, SelectorError> read_term(Scanner& scanner) {
  Term term;
  scanner.at_end();
  term.column = scanner.column();
  term.name = scanner.name();
  if (term.name.empty()) return std::unexpected(SelectorError{term.column, "expected a condition such as age>2h"});
  scanner.at_end();
  term.compare = scanner.compare();
  if (term.compare.empty()) return std::unexpected(SelectorError{scanner.column(), "expected =, <, <=, > or >="});
  do {
    scanner.at_end();
    const auto column = scanner.column();
    auto value = scanner.value();
    if (!value) return std::unexpected(std::move(value.error()));
    term.values.push_back({std::move(*value), column});
  } while (scanner.comma());
  return term;
}

/// Puts one term after another into a selector. Each function returns what is wrong; empty: nothing.
class Builder {
 public:
  explicit Builder(WallTime now) : now_(now) {}

  std::optional<SelectorError> add(const Term& term) {
    const bool many = term.name == "id" || term.name == "rcpt.domain" || term.name == "state";
    if (!many && term.values.size() > 1) return SelectorError{term.values[1].column, term.name + ": only one value"};
    for (const auto& value : term.values) {
      if (auto why = put(term, value.text); !why.empty())
        return SelectorError{why == kUnknown || why == kCompare || why == kTwice ? term.column : value.column,
                             term.name + ": " + why};
      going_on_ = true;
    }
    going_on_ = false;
    return std::nullopt;
  }
  v1::Selector take() { return std::move(selector_); }

 private:
  static constexpr std::string_view kUnknown = "no such condition", kTwice = "given twice",
                                    kCompare = "cannot be compared like this";

  std::string put(const Term& term, const std::string& value) {
    const auto& name = term.name;
    if (name == "age" || name == "next") return name == "age" ? age(term, value) : next(term, value);
    if (name == "attempts") return attempts(term, value);
    const bool known = name == "rcpt" || name == "rcpt.domain" || name == "sender" || name == "sender.domain" ||
                       name == "state" || name == "last.code" || name == "auth" || name == "trace" || name == "rule" ||
                       name == "id";
    if (!known) return std::string(kUnknown);
    if (term.compare != "=") return std::string(kCompare);
    if (name == "last.code") return last_code(value);
    if (name == "state") return state(value);
    if (name == "id") return many(selector_.id_size(), [&] { selector_.add_id(value); });
    if (name == "rcpt.domain")
      return many(selector_.recipient_domain_size(), [&] { selector_.add_recipient_domain(value); });
    if (name == "rcpt") return once(selector_.has_recipient(), [&] { selector_.set_recipient(value); });
    if (name == "sender")
      return once(selector_.has_sender(), [&] { selector_.set_sender(value == "<>" ? "" : value); });
    if (name == "sender.domain")
      return once(selector_.has_sender_domain(), [&] { selector_.set_sender_domain(value); });
    if (name == "auth") return once(selector_.has_auth_id(), [&] { selector_.set_auth_id(value); });
    if (name == "rule") return once(selector_.has_rule(), [&] { selector_.set_rule(value); });
    return once(selector_.has_trace_id(), [&] { selector_.set_trace_id(value); });
  }

  template <typename Set>
  static std::string once(bool there, Set set) {
    if (there) return std::string(kTwice);
    set();
    return {};
  }
  /// Several values belong to one term: two terms would both have to hold.
  template <typename Add>
  std::string many(int there, Add add) {
    return once(there != 0 && !going_on_, add);
  }

  std::string state(const std::string& value) {
    v1::State state = v1::STATE_UNSPECIFIED;
    if (!v1::State_Parse("STATE_" + ascii::upper(value), &state) || state == v1::STATE_UNSPECIFIED)
      return "expected queued, active, deferred or held";
    return many(selector_.state_size(), [&] { selector_.add_state(state); });
  }
  std::string last_code(const std::string& value) {
    const auto code = ascii::to_number<std::uint32_t>(value);
    if (!code || *code > 999) return "expected a reply code up to 999";
    return once(selector_.has_last_code(), [&] { selector_.set_last_code(*code); });
  }
  std::string attempts(const Term& term, const std::string& value) {
    if (term.compare != ">=" && term.compare != ">") return std::string(kCompare);
    const auto number = ascii::to_number<std::uint32_t>(value);
    if (!number || *number > 65'534) return "expected a number up to 65534";
    return once(selector_.has_attempts_from(),
                [&] { selector_.set_attempts_from(*number + (term.compare == ">" ? 1 : 0)); });
  }
  /// The spool's clock has microseconds: one of them is between > and >=.
  std::string age(const Term& term, const std::string& value) {
    if (term.compare == "=") return std::string(kCompare);
    const auto length = parse_duration(value);
    if (!length) return "expected an age such as 90s, 2h or 1d12h";
    const bool older = term.compare.starts_with('>');
    return once(older ? selector_.has_older_than() : selector_.has_newer_than(), [&] {
      auto& age = older ? *selector_.mutable_older_than() : *selector_.mutable_newer_than();
      const int more = term.compare == ">" || term.compare == "<=" ? 1 : 0;
      age = TimeUtil::MicrosecondsToDuration(std::chrono::microseconds(*length).count() + more);
    });
  }
  std::string next(const Term& term, const std::string& value) {
    if (term.compare == "=") return std::string(kCompare);
    google::protobuf::Timestamp time;
    if (const auto length = parse_duration(value)) {
      time = TimeUtil::MicrosecondsToTimestamp(to_micros(now_ + *length));
    } else if (!TimeUtil::FromString(value, &time)) {
      return "expected a time such as 2026-11-26T12:00:00Z, or one from now such as 2h";
    }
    if (term.compare == ">" || term.compare == "<=")
      time = TimeUtil::MicrosecondsToTimestamp(TimeUtil::TimestampToMicroseconds(time) + 1);
    const bool from = term.compare.starts_with('>');
    return once(from ? selector_.has_next_attempt_from() : selector_.has_next_attempt_before(), [&] {
      (from ? *selector_.mutable_next_attempt_from() : *selector_.mutable_next_attempt_before()) = time;
    });
  }

  WallTime now_;
  bool going_on_ = false;  // behind a comma
  v1::Selector selector_;
};

}  // namespace

std::expected<v1::Selector, SelectorError> parse_selector(std::string_view text, WallTime now) {
  Scanner scanner(text);
  Builder builder(now);
  for (;;) {
    const auto term = read_term(scanner);
    if (!term) return std::unexpected(term.error());
    if (auto error = builder.add(*term)) return std::unexpected(std::move(*error));
    if (scanner.at_end()) return builder.take();
    const auto column = scanner.column();
    if (!ascii::iequals(scanner.name(), "and")) return std::unexpected(SelectorError{column, "expected `and`"});
  }
}

std::expected<void, std::string> expand_text(v1::Selector& selector, WallTime now) {
  if (selector.text().empty()) return {};
  const auto parsed = parse_selector(selector.text(), now);
  if (!parsed)
    return std::unexpected("text: column " + std::to_string(parsed.error().column) + ": " + parsed.error().text);
  selector.clear_text();
  const auto& reflection = *v1::Selector::GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields, given;
  reflection.ListFields(*parsed, &fields);
  reflection.ListFields(selector, &given);
  for (const auto* field : fields)
    for (const auto* other : given)
      if (field == other) return std::unexpected(std::string(field->name()) + ": given in the text too");
  selector.MergeFrom(*parsed);
  return {};
}

}  // namespace quartet::control
