// Tests of RFC 5228 section 5 and of extensions.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/address.h"
#include "common/mime/charset.h"
#include "common/mime/content.h"
#include "common/mime/date.h"
#include "common/mime/encoded_word.h"
#include "common/mime/html_text.h"
#include "common/sieve/dates.h"
#include "common/sieve/interpreter.h"
#include "common/sieve/mailto.h"

namespace quartet::sieve {
namespace {

/// What a question to the World costs, in octets compared: one about mailboxes, and one that leads to a file.
constexpr std::uint64_t kQuestion = 10'000;
constexpr std::uint64_t kLookUp = 1'000'000;

/// nullopt: there is no such part of this address, which is not the same as an empty one (RFC 5233 section 4).
std::optional<std::string> address_part(AddressPart part, const std::string& local, const std::string& domain,
                                        std::string_view separator) {
  switch (part) {
    case AddressPart::kAll:
      return domain.empty() ? local : local + "@" + domain;
    case AddressPart::kLocalpart:
      return local;
    case AddressPart::kDomain:
      return domain;
    case AddressPart::kUser:
    case AddressPart::kDetail:
      break;
  }
  const auto at = separator.empty() ? std::string::npos : local.find(separator);
  if (part == AddressPart::kUser) return local.substr(0, at);
  if (at == std::string::npos) return std::nullopt;
  return local.substr(at + separator.size());
}

template <typename T>
void pick(std::vector<T>& values, const Index& index) {
  if (index.number == 0) return;
  if (index.number > values.size()) return values.clear();
  const auto at = index.last ? values.size() - index.number : index.number - 1;
  values = {values[at]};
}

bool has_type(const mime::Part& part, const std::string& wanted) {
  if (wanted.empty()) return true;
  const auto slash = wanted.find('/');
  if (slash == std::string::npos) return ascii::iequals(part.type.type, wanted);
  return part.type.is(std::string_view(wanted).substr(0, slash), std::string_view(wanted).substr(slash + 1));
}

/// What is before the first part, without the delimiter that ends it: the line end in front belongs to that, too (RFC
/// 2046 section 5.1.1).
std::string_view prologue(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto end = text.rfind("\r\n");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

/// What is behind the last part, without the delimiter that it begins with; without any if the message ends too early.
std::string_view epilogue(std::string_view text) {
  const auto delimiter = text.find("--");
  const auto end = delimiter == std::string_view::npos ? delimiter : text.find('\n', delimiter);
  return end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
}

/// RFC 5232 section 2: a string with spaces in it is as good as a list, and an empty one is not there.
std::vector<std::string> words_of(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const auto& text : texts) {
    for (const auto word : ascii::split(text, ' ')) {
      if (!word.empty()) out.emplace_back(word);
    }
  }
  return out;
}

}  // namespace

bool Interpreter::any_fits(const Match& match, const Texts& keys, const std::vector<std::string>& values,
                           bool quietly) {
  return any_fits(match, this->values(keys), values, quietly);
}

bool Interpreter::any_fits(const Match& match, std::vector<std::string> keys, const std::vector<std::string>& values,
                           bool quietly) {
  if (match.type == Match::Type::kList) return any_listed(keys, values, quietly);
  Matcher matcher(match, std::move(keys), budget_);
  if (!matcher.fault().empty()) {
    fail(matcher.fault());
    return false;
  }
  if (matcher.by_count()) return matcher.counts(values.size());
  const bool captures = !quietly && (match.type == Match::Type::kMatches || match.type == Match::Type::kRegex);
  return std::ranges::any_of(
      values, [&](const auto& value) { return matcher.fits(value, captures ? &frame().matched : nullptr); });
}

std::vector<std::string_view> Interpreter::fields(const MimeOptions& mime, const std::string& name) {
  if (!budget_.spend(letter_.field_count() * 10)) return {};
  if (!mime.mime) return letter_.fields(name);
  const auto& root = part() == nullptr ? letter_.structure() : *part();
  // Each part costs a look at its header; that of the message was looked at before.
  if (part() != nullptr && !budget_.spend(root.body_offset - root.header_offset)) return {};
  auto out = letter_.fields(root, name);
  if (!mime.any_child) return out;
  std::vector<const mime::Part*> parts;
  add_descendants(root, parts);
  for (const auto* child : parts) {
    if (!budget_.spend(child->body_offset - child->header_offset)) break;
    const auto more = letter_.fields(*child, name);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

/// RFC 5260 section 6: with several names the fields of all are counted, in the order of the names.
std::vector<Interpreter::Field> Interpreter::fields(const MimeOptions& mime, const std::vector<std::string>& names,
                                                    const Index& index) {
  std::vector<Field> out;
  for (const auto& name : names) {
    for (const auto value : fields(mime, name)) out.push_back({name, value});
  }
  pick(out, index);
  return out;
}

bool Interpreter::test(const AddressTest& spec) {
  std::vector<std::string> found;
  for (const auto& field : fields(spec.mime, values(spec.headers), spec.index)) {
    if (!budget_.spend(field.value.size())) return false;
    for (const auto& address : mime::parse_addresses(field.value)) {
      if (address.kind != mime::Address::Kind::kMailbox || address.local.empty()) continue;
      // What is no address as a whole has no parts either (RFC 5228 section 2.7.4).
      if (spec.part == AddressPart::kAll)
        found.push_back(address.address());
      else if (address.domain.empty())
        continue;
      else if (auto text = address_part(spec.part, address.local, address.domain, input_.separator))
        found.push_back(*std::move(text));
    }
  }
  return any_fits(spec.match, spec.keys, found);
}

bool Interpreter::test(const EnvelopeTest& spec) {
  std::vector<std::string> found;
  for (const auto& name : values(spec.parts)) {
    if (!ascii::iequals(name, "from") && !ascii::iequals(name, "to")) {
      fail(fmt::format("there is no envelope part \"{}\" here", name));
      return false;
    }
    // Parsed, as a local part may be in quotes.
    const auto address = mime::parse_addresses(ascii::iequals(name, "from") ? input_.from : input_.to, 1);
    // The null reverse-path is an empty string for every part (RFC 5228 section 5.4).
    if (address.empty())
      found.emplace_back();
    else if (spec.part == AddressPart::kAll)
      found.push_back(address[0].address());
    else if (auto text = address_part(spec.part, address[0].local, address[0].domain, input_.separator))
      found.push_back(*std::move(text));
  }
  return any_fits(spec.match, spec.keys, found);
}

std::vector<std::string> Interpreter::mime_values(const MimeOptions& mime, const std::string& name,
                                                  std::string_view value) {
  using What = MimeOptions::What;
  if (mime.what == What::kField) return {mime::decode_words(value)};
  const bool type = ascii::iequals(name, "Content-Type");
  const auto content = type ? mime::parse_content_type(value) : mime::parse_disposition(value);
  if (mime.what == What::kType) return {ascii::lower(content.type)};
  if (mime.what == What::kSubtype) return {ascii::lower(content.subtype)};
  if (mime.what == What::kContentType)
    return {ascii::lower(content.subtype.empty() ? content.type : content.type + "/" + content.subtype)};
  std::vector<std::string> out;
  for (const auto& param : values(mime.params)) {
    const auto found =
        std::ranges::find_if(content.parameters, [&](const auto& one) { return ascii::iequals(one.name, param); });
    if (found != content.parameters.end()) out.push_back(found->value);
  }
  return out;
}

bool Interpreter::test(const HeaderTest& spec) {
  std::vector<std::string> found;
  for (const auto& field : fields(spec.mime, values(spec.headers), spec.index)) {
    if (!budget_.spend(field.value.size())) return false;
    std::ranges::move(mime_values(spec.mime, field.name, field.value), std::back_inserter(found));
  }
  return any_fits(spec.match, spec.keys, found);
}

bool Interpreter::test(const ExistsTest& spec) {
  return std::ranges::all_of(values(spec.headers), [&](const auto& name) { return !fields(spec.mime, name).empty(); });
}

bool Interpreter::test(const SizeTest& spec) {
  return spec.over ? letter_.size() > spec.limit : letter_.size() < spec.limit;
}

/// RFC 5173 section 5.2: of a multipart the text around its parts, of a message its header.
void Interpreter::add_content(const mime::Part& part, const std::vector<std::string>& types,
                              std::vector<std::string>& out) {
  const auto bytes = letter_.bytes();
  if (std::ranges::any_of(types, [&](const auto& type) { return has_type(part, type); })) {
    if (!budget_.spend(part.body_size)) return;
    if (part.kind == mime::Part::Kind::kLeaf) {
      out.push_back(part.is_text() ? text_of(part, bytes) : mime::decode(part.encoding, part.body(bytes)));
    } else if (part.kind == mime::Part::Kind::kMessage) {
      out.emplace_back(part.children[0].header(bytes));
    } else {
      const auto& first = part.children.front();
      const auto& last = part.children.back();
      const auto end = last.body_offset + last.body_size;
      out.emplace_back(prologue(bytes.substr(part.body_offset, first.header_offset - part.body_offset)));
      out.emplace_back(epilogue(bytes.substr(end, part.body_offset + part.body_size - end)));
    }
  }
  for (const auto& child : part.children) add_content(child, types, out);
}

void Interpreter::add_readable(const mime::Part& part, std::vector<std::string>& out) {
  if (part.kind == mime::Part::Kind::kLeaf && part.is_text()) {
    if (!budget_.spend(part.body_size)) return;
    auto text = text_of(part, letter_.bytes());
    out.push_back(part.type.is("text", "html") ? mime::html_text(text) : std::move(text));
  }
  for (const auto& child : part.children) add_readable(child, out);
}

bool Interpreter::test(const BodyTest& spec) {
  std::vector<std::string> found;
  switch (spec.transform) {
    case BodyTest::Transform::kRaw:
      found.emplace_back(letter_.body());
      break;
    case BodyTest::Transform::kContent:
      add_content(letter_.structure(), values(spec.types), found);
      break;
    case BodyTest::Transform::kText:
      add_readable(letter_.structure(), found);
      break;
  }
  // RFC 5173 section 6: a body sets no match variables.
  return any_fits(spec.match, spec.keys, found, true);
}

bool Interpreter::test(const DateTest& spec) {
  std::int64_t seconds = to_micros(input_.now) / 1'000'000;
  std::int32_t zone = 0;
  if (!spec.current) {
    const auto found = fields({}, {value(spec.header)}, spec.index);
    // RFC 5260 section 4: the first that is there; in Received the date comes after the last semicolon.
    auto text = found.empty() ? std::string() : mime::unfold(found.front().value);
    if (const auto semicolon = text.rfind(';'); semicolon != std::string::npos) text.erase(0, semicolon + 1);
    const auto date = found.empty() ? std::nullopt : mime::parse_date(text);
    if (!date) return any_fits(spec.match, spec.keys, {});
    seconds = date->seconds;
    zone = date->zone;
  }
  if (spec.zone == DateTest::Zone::kFixed) {
    const auto fixed = parse_zone(value(spec.fixed_zone));
    if (!fixed) {
      fail(fmt::format("\"{}\" is no time zone", value(spec.fixed_zone)));
      return false;
    }
    zone = *fixed;
  } else if (spec.zone == DateTest::Zone::kLocal) {
    zone = world_.zone(seconds);
  }
  const auto part = date_part(value(spec.part), seconds, zone);
  if (!part) {
    fail(fmt::format("\"{}\" is no part of a date", value(spec.part)));
    return false;
  }
  return any_fits(spec.match, spec.keys, {*part});
}

bool Interpreter::test(const HasFlagTest& spec) {
  std::vector<std::string> found = flags_;
  if (!spec.variables.empty()) {
    found.clear();
    for (const auto& variable : spec.variables)
      std::ranges::move(split_flags({get(variable)}), std::back_inserter(found));
  }
  auto keys = values(spec.keys);
  const bool whole = spec.match.type == Match::Type::kRegex || spec.match.type == Match::Type::kList;
  return any_fits(spec.match, whole ? std::move(keys) : words_of(keys), found);
}

/// RFC 5229 section 5: with :count, sources that are not empty count.
bool Interpreter::test(const StringTest& spec) {
  auto found = values(spec.sources);
  if (spec.match.type == Match::Type::kCount) std::erase(found, "");
  return any_fits(spec.match, spec.keys, found);
}

bool Interpreter::test(const EnvironmentTest& spec) {
  const auto item = input_.environment.find(ascii::lower(value(spec.name)));
  // RFC 5183 section 4: not even :count finds something.
  if (item == input_.environment.end()) return false;
  return any_fits(spec.match, spec.keys, {item->second});
}

bool Interpreter::test(const MailboxExistsTest& spec) {
  return std::ranges::all_of(values(spec.names),
                             [&](const auto& name) { return budget_.spend(kQuestion) && world_.mailbox_exists(name); });
}

std::optional<std::string> Interpreter::annotation(const std::optional<Text>& mailbox, const std::string& name) {
  if (!budget_.spend(kQuestion)) return std::nullopt;
  return world_.annotation(mailbox ? std::optional(value(*mailbox)) : std::nullopt, name);
}

/// RFC 5490 section 3.3: what is not there matches nothing, not even "".
bool Interpreter::test(const MetadataTest& spec) {
  const auto found = annotation(spec.mailbox, value(spec.annotation));
  return found && any_fits(spec.match, spec.keys, {*found});
}

bool Interpreter::test(const MetadataExistsTest& spec) {
  return std::ranges::all_of(values(spec.annotations),
                             [&](const auto& name) { return annotation(spec.mailbox, name).has_value(); });
}

bool Interpreter::test(const SpecialUseExistsTest& spec) {
  return std::ranges::all_of(values(spec.attributes), [&](const auto& attribute) {
    if (!budget_.spend(kQuestion)) return false;
    if (spec.mailbox) return world_.has_special_use(value(*spec.mailbox), attribute);
    return world_.special_use(attribute).has_value();
  });
}

bool Interpreter::test(const ValidNotifyMethodTest& spec) {
  return std::ranges::all_of(values(spec.uris), [](const auto& uri) { return parse_mailto(uri).has_value(); });
}

/// RFC 5436 section 2.2: whether somebody reads mail just now is not known.
bool Interpreter::test(const NotifyCapabilityTest& spec) {
  // RFC 5435 section 5: of anything else nothing is found, not even by :count.
  if (!parse_mailto(value(spec.uri)) || !ascii::iequals(value(spec.capability), "online")) return false;
  return any_fits(spec.match, spec.keys, {"maybe"});
}

bool Interpreter::test(const DuplicateTest& spec) {
  // RFC 7352 section 3: for no time at all nothing is a duplicate, and without a field there is nothing to compare.
  if (spec.seconds == 0) return false;
  std::string id;
  if (spec.unique_id) {
    id = value(*spec.unique_id);
  } else {
    const auto fields = letter_.fields(spec.header ? value(*spec.header) : "Message-ID");
    if (fields.empty()) return false;
    id = mime::decode_words(fields.front());
  }
  const auto handle = spec.handle ? value(*spec.handle) : std::string();
  const auto key = fmt::format("duplicate\n{}\n{}", handle, id);
  if (!budget_.spend(kLookUp)) return false;
  const bool seen = world_.seen(key);
  // RFC 7352 section 3: time counts from the first one, with :last from the latest.
  const bool known = std::ranges::count(out_.remember, key, &Remember::key) != 0;
  if ((!seen || spec.last) && !known) out_.remember.push_back({key, spec.seconds});
  return seen;
}

/// RFC 5235 section 3: the value of what is untested is "0"; by :count there is none.
bool Interpreter::test(const VerdictTest& spec) {
  static const std::optional<Verdict> kNone;
  const auto& verdict = input_.verdicts == nullptr ? kNone
                        : spec.virus               ? input_.verdicts->virus
                                                   : input_.verdicts->spam;
  std::optional<double> share;
  if (verdict) {
    // The filter nearest to us writes above the others.
    const auto fields = letter_.fields(verdict->header());
    if (!fields.empty() && budget_.spend(fields.front().size())) share = verdict->share(mime::unfold(fields.front()));
  }
  if (!share && spec.match.type == Match::Type::kCount) return any_fits(spec.match, Texts{spec.value}, {});
  unsigned value = 0;
  if (share) value = spec.percent ? static_cast<unsigned>(*share * 100 + 1e-6) : verdict->value_of(*share);
  return any_fits(spec.match, Texts{spec.value}, {std::to_string(value)});
}

}  // namespace quartet::sieve
