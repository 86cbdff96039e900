// The tests of RFC 5228 section 5 and of extensions.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/base/ascii.h"
#include "common/sieve/compiler.h"
#include "common/sieve/dates.h"
#include "common/sieve/regex.h"

namespace quartet::sieve {
namespace {

// To compile all of a script is to take a second or so: what one costs, in instructions, beside its own.
constexpr std::uint64_t kOfOneRegex = 100;
constexpr std::uint64_t kMostOfRegexes = 1'000'000;

/// Fields that hold addresses: RFC 5228 section 5.1 lets a site say which.
constexpr std::array<std::string_view, 21> kAddressFields = {"from",
                                                             "to",
                                                             "cc",
                                                             "bcc",
                                                             "sender",
                                                             "reply-to",
                                                             "resent-from",
                                                             "resent-to",
                                                             "resent-cc",
                                                             "resent-bcc",
                                                             "resent-sender",
                                                             "resent-reply-to",
                                                             "return-path",
                                                             "delivered-to",
                                                             "x-original-to",
                                                             "envelope-to",
                                                             "errors-to",
                                                             "mail-followup-to",
                                                             "mail-reply-to",
                                                             "return-receipt-to",
                                                             "disposition-notification-to"};

std::optional<Relation> relation_of(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kNames = {"gt", "ge", "lt", "le", "eq", "ne"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Relation>(found - kNames.begin());
}

}  // namespace

void Compiler::test(const TestNode& node) {
  const bool several = node.name == "allof" || node.name == "anyof";
  const bool one = node.name == "not";
  Arguments arguments(node.arguments, node.name, node.at, report_);
  if (!several && !one && !node.tests.empty()) fault(node.tests[0].at, fmt::format("{} takes no test", node.name));
  if (several) {
    all_or_any(node, node.name == "allof" ? Op::kJumpUnless : Op::kJumpIf);
  } else if (one) {
    if (node.tests.size() != 1)
      fault(node.at, "not needs one test");
    else if (node.test_list)
      fault(node.tests[0].at, "not needs a test without parentheses");
    else
      test(node.tests[0]);
    emit(Op::kNot, node.at);
  } else if (!leaf_test(node, arguments) && !extended_test(node, arguments)) {
    return fault(node.at, fmt::format("unknown test \"{}\"", node.name));
  }
  arguments.finish();
}

/// The truth is settled as soon as a jump is taken.
void Compiler::all_or_any(const TestNode& node, Op leave) {
  if (!node.test_list) fault(node.at, fmt::format("{} needs tests in parentheses", node.name));
  std::vector<std::size_t> ends;
  for (const auto& inner : node.tests) {
    const auto before = mark();
    test(inner);
    defer(before, inner.at);
    if (&inner != &node.tests.back()) ends.push_back(emit(leave, inner.at));
  }
  for (const auto end : ends) land(end);
}

bool Compiler::leaf_test(const TestNode& node, Arguments& arguments) {
  if (node.name == "address")
    address_test(arguments);
  else if (node.name == "header")
    header_test(arguments);
  else if (node.name == "exists")
    exists_test(arguments);
  else if (node.name == "size")
    size_test(arguments);
  else if (node.name == "envelope")
    envelope_test(arguments);
  else if (node.name == "true" || node.name == "false")
    add(ConstantTest{node.name == "true"}, node.at);
  else
    return false;
  return true;
}

bool Compiler::extended_test(const TestNode& node, Arguments& arguments) {
  if (node.name == "body") {
    body_test(arguments);
  } else if (node.name == "date" || node.name == "currentdate") {
    date_test(arguments, node.name == "currentdate");
  } else if (node.name == "hasflag") {
    has_flag_test(arguments);
  } else if (node.name == "string") {
    string_test(arguments);
  } else if (node.name == "environment") {
    environment_test(arguments);
  } else if (node.name == "mailboxexists") {
    need(Extension::kMailbox, node.at, node.name);
    add(MailboxExistsTest{texts(arguments.strings("names"))}, node.at);
  } else if (node.name == "metadata" || node.name == "servermetadata") {
    metadata_test(arguments, node.name == "servermetadata");
  } else if (node.name == "metadataexists" || node.name == "servermetadataexists") {
    metadata_exists_test(arguments, node.name == "servermetadataexists");
  } else if (node.name == "specialuse_exists") {
    special_use_test(arguments);
  } else if (node.name == "valid_notify_method") {
    need(Extension::kEnotify, node.at, node.name);
    add(ValidNotifyMethodTest{texts(arguments.strings("URIs"))}, node.at);
  } else if (node.name == "notify_method_capability") {
    notify_capability_test(arguments);
  } else if (node.name == "duplicate") {
    duplicate_test(arguments);
  } else if (node.name == "spamtest" || node.name == "virustest") {
    verdict_test(arguments, node.name == "virustest");
  } else if (node.name == "valid_ext_list") {
    valid_list_test(arguments);
  } else if (node.name == "ihave") {
    ihave_test(arguments);
  } else {
    return false;
  }
  return true;
}

Match Compiler::match(Arguments& arguments) {
  Match out;
  const auto* value = arguments.tag_string("value");
  const auto* count = arguments.tag_string("count");
  const auto* plain = arguments.one_of({"is", "contains", "matches", "regex", "list"});
  if ((value != nullptr) + (count != nullptr) + (plain != nullptr) > 1)
    fault(arguments.at(), fmt::format("{} has two match types", arguments.what()));
  if (const auto* relation = value != nullptr ? value : count) {
    need(Extension::kRelational, relation->at, value != nullptr ? ":value" : ":count");
    out.type = value != nullptr ? Match::Type::kValue : Match::Type::kCount;
    const auto found = relation_of(ascii::lower(relation->text));
    if (!found) fault(relation->at, "expected \"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\"");
    out.relation = found.value_or(Relation::kEq);
  } else if (plain != nullptr && plain->tag != "is") {
    out.type = plain->tag == "contains"  ? Match::Type::kContains
               : plain->tag == "matches" ? Match::Type::kMatches
               : plain->tag == "regex"   ? Match::Type::kRegex
                                         : Match::Type::kList;
    if (out.type == Match::Type::kRegex) need(Extension::kRegex, plain->at, ":regex");
    if (out.type == Match::Type::kList) need(Extension::kExtlists, plain->at, ":list");
  }
  out.comparator = comparator(arguments, plain);
  return out;
}

Comparator Compiler::comparator(Arguments& arguments, const Argument* plain) {
  const auto* name = arguments.tag_string("comparator");
  if (name == nullptr) return Comparator::kAsciiCasemap;
  // RFC 6134 section 2.2.
  if (plain != nullptr && plain->tag == "list") fault(name->at, "\":list\" takes no comparator");
  if (name->text == "i;octet") return Comparator::kOctet;
  if (name->text == "i;ascii-numeric") {
    need(Extension::kAsciiNumeric, name->at, "\"i;ascii-numeric\"");
    // RFC 4790 section 9.1: it has no substrings.
    if (plain != nullptr && plain->tag != "is" && plain->tag != "list")
      fault(name->at, fmt::format("\"i;ascii-numeric\" cannot be used with \":{}\"", plain->tag));
    return Comparator::kAsciiNumeric;
  }
  if (name->text == "i;unicode-casemap") {
    need(Extension::kUnicodeCasemap, name->at, "\"i;unicode-casemap\"");
    return Comparator::kUnicodeCasemap;
  }
  if (name->text != "i;ascii-casemap") fault(name->at, fmt::format("there is no comparator \"{}\" here", name->text));
  return Comparator::kAsciiCasemap;
}

Texts Compiler::keys(Arguments& arguments, const Match& match, std::string_view name) {
  const auto& nodes = arguments.strings(name);
  auto out = texts(nodes);
  for (std::size_t i = 0; match.type == Match::Type::kRegex && regexes_ <= kMostOfRegexes && i < nodes.size(); ++i) {
    if (!out[i].constant()) continue;
    const Regex regex(out[i].literal(), match.comparator);
    if (const auto wrong = regex.fault(); !wrong.empty())
      fault(nodes[i].at, fmt::format("not a regular expression: {}", wrong));
    regexes_ += kOfOneRegex + regex.size();
    if (regexes_ > kMostOfRegexes) fault(nodes[i].at, "too many regular expressions, or too large ones");
  }
  for (std::size_t i = 0; match.type == Match::Type::kList && i < nodes.size(); ++i) list_name(nodes[i], out[i]);
  return out;
}

void Compiler::list_name(const StringNode& node, const Text& text) {
  if (!text.constant()) return;
  const auto name = canonical_list_name(text.literal());
  if (!name) return fault(node.at, fmt::format("\"{}\" is no name of a list, which is a URI", node.text));
  if (!options_.lists || *name == kDefaultAddressBook || asked_lists_.contains(*name)) return;
  if (!options_.lists->contains(*name)) fault(node.at, fmt::format("there is no list \"{}\" here", node.text));
}

AddressPart Compiler::address_part(Arguments& arguments) {
  const auto* part = arguments.one_of({"all", "localpart", "domain", "user", "detail"});
  if (part == nullptr || part->tag == "all") return AddressPart::kAll;
  if (part->tag == "localpart") return AddressPart::kLocalpart;
  if (part->tag == "domain") return AddressPart::kDomain;
  need(Extension::kSubaddress, part->at, ":" + part->tag);
  return part->tag == "user" ? AddressPart::kUser : AddressPart::kDetail;
}

Index Compiler::index(Arguments& arguments, Extension extension) {
  Index out;
  const auto number = arguments.tag_number("index");
  const auto* last = arguments.tag("last");
  if (number) {
    need(extension, arguments.at(), ":index");
    if (*number == 0) fault(arguments.at(), ":index counts from 1");
    out.number = *number;
  }
  if (last != nullptr) {
    if (!number) fault(last->at, "\":last\" needs \":index\"");
    out.last = true;
  }
  return out;
}

MimeOptions Compiler::mime(Arguments& arguments, bool parts) {
  MimeOptions out;
  const auto* tag = arguments.tag("mime");
  const auto* any = arguments.tag("anychild");
  if (tag != nullptr) need(Extension::kMime, tag->at, ":mime");
  if (any != nullptr && tag == nullptr) fault(any->at, "\":anychild\" needs \":mime\"");
  out.mime = tag != nullptr;
  out.any_child = any != nullptr;
  if (!parts) return out;
  const auto* params = arguments.tag_strings("param");
  const auto* what = arguments.one_of({"type", "subtype", "contenttype"});
  if ((params != nullptr || what != nullptr) && tag == nullptr)
    fault(arguments.at(), "\":type\", \":subtype\", \":contenttype\" and \":param\" need \":mime\"");
  if (params != nullptr) {
    if (what != nullptr) fault(what->at, fmt::format("\":param\" and \":{}\" exclude each other", what->tag));
    out.what = MimeOptions::What::kParam;
    out.params = texts(*params);
  } else if (what != nullptr) {
    out.what = what->tag == "type"      ? MimeOptions::What::kType
               : what->tag == "subtype" ? MimeOptions::What::kSubtype
                                        : MimeOptions::What::kContentType;
  }
  return out;
}

void Compiler::address_test(Arguments& arguments) {
  AddressTest out;
  out.match = match(arguments);
  out.part = address_part(arguments);
  out.index = index(arguments, Extension::kIndex);
  out.mime = mime(arguments, false);
  const auto& headers = arguments.strings("header names");
  out.headers = texts(headers);
  out.keys = keys(arguments, out.match, "keys");
  for (std::size_t i = 0; i < headers.size(); ++i) {
    // What is no name at all fits no field, which is no error in a test (RFC 5228 section 2.4.2.2).
    if (!out.headers[i].constant() || !is_field_name(out.headers[i].literal())) continue;
    if (std::ranges::count(kAddressFields, ascii::lower(out.headers[i].literal())) == 0)
      fault(headers[i].at, fmt::format("\"{}\" is no field with addresses", headers[i].text));
  }
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::envelope_test(Arguments& arguments) {
  need(Extension::kEnvelope, arguments.at(), "envelope");
  EnvelopeTest out;
  out.match = match(arguments);
  out.part = address_part(arguments);
  const auto& parts = arguments.strings("envelope parts");
  out.parts = texts(parts);
  out.keys = keys(arguments, out.match, "keys");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto name = ascii::lower(out.parts[i].literal());
    if (out.parts[i].constant() && name != "from" && name != "to")
      fault(parts[i].at, fmt::format("there is no envelope part \"{}\" here", parts[i].text));
  }
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::header_test(Arguments& arguments) {
  HeaderTest out;
  out.match = match(arguments);
  out.index = index(arguments, Extension::kIndex);
  out.mime = mime(arguments, true);
  out.headers = texts(arguments.strings("header names"));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::exists_test(Arguments& arguments) {
  ExistsTest out;
  out.mime = mime(arguments, false);
  out.headers = texts(arguments.strings("header names"));
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::size_test(Arguments& arguments) {
  const auto* way = arguments.one_of({"over", "under"});
  if (way == nullptr) fault(arguments.at(), "size needs \":over\" or \":under\"");
  add(SizeTest{way != nullptr && way->tag == "over", arguments.number("limit")}, arguments.at());
}

void Compiler::body_test(Arguments& arguments) {
  need(Extension::kBody, arguments.at(), "body");
  BodyTest out;
  out.match = match(arguments);
  const auto* types = arguments.tag_strings("content");
  const auto* other = arguments.one_of({"raw", "text"});
  if (types != nullptr && other != nullptr)
    fault(other->at, fmt::format("\":content\" and \":{}\" exclude each other", other->tag));
  if (types != nullptr) {
    out.transform = BodyTest::Transform::kContent;
    out.types = texts(*types);
  } else if (other != nullptr && other->tag == "raw") {
    out.transform = BodyTest::Transform::kRaw;
  }
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::date_test(Arguments& arguments, bool current) {
  need(Extension::kDate, arguments.at(), arguments.what());
  DateTest out;
  out.current = current;
  out.match = match(arguments);
  if (!current) out.index = index(arguments, Extension::kIndex);
  const auto* original = current ? nullptr : arguments.tag("originalzone");
  if (const auto* zone = arguments.tag_string("zone")) {
    if (original != nullptr) fault(original->at, "\":zone\" and \":originalzone\" exclude each other");
    out.zone = DateTest::Zone::kFixed;
    out.fixed_zone = text(*zone);
    if (out.fixed_zone.constant() && !parse_zone(out.fixed_zone.literal()))
      fault(zone->at, fmt::format("\"{}\" is no time zone", zone->text));
  } else if (original != nullptr) {
    out.zone = DateTest::Zone::kOriginal;
  }
  if (!current) out.header = text(arguments.string("header name"));
  const auto& part = arguments.string("date part");
  out.part = text(part);
  static constexpr std::array<std::string_view, 13> kParts = {"year",  "month",  "day",    "date", "julian",
                                                              "hour",  "minute", "second", "time", "iso8601",
                                                              "std11", "zone",   "weekday"};
  if (out.part.constant() && std::ranges::count(kParts, ascii::lower(out.part.literal())) == 0)
    fault(part.at, fmt::format("\"{}\" is no part of a date", part.text));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::has_flag_test(Arguments& arguments) {
  need(Extension::kImap4flags, arguments.at(), "hasflag");
  HasFlagTest out;
  out.match = match(arguments);
  if (arguments.left() > 1) {
    need(Extension::kVariables, arguments.at(), "a list of variables in hasflag");
    for (const auto& name : arguments.strings("variables")) out.variables.push_back(variable(name));
  }
  out.keys = keys(arguments, out.match, "flags");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::string_test(Arguments& arguments) {
  need(Extension::kVariables, arguments.at(), "string");
  StringTest out;
  out.match = match(arguments);
  out.sources = texts(arguments.strings("sources"));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::environment_test(Arguments& arguments) {
  need(Extension::kEnvironment, arguments.at(), "environment");
  EnvironmentTest out;
  out.match = match(arguments);
  out.name = text(arguments.string("name"));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::metadata_test(Arguments& arguments, bool server) {
  need(server ? Extension::kServerMetadata : Extension::kMboxMetadata, arguments.at(), arguments.what());
  MetadataTest out;
  out.match = match(arguments);
  if (!server) out.mailbox = text(arguments.string("mailbox"));
  out.annotation = text(arguments.string("annotation"));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::metadata_exists_test(Arguments& arguments, bool server) {
  need(server ? Extension::kServerMetadata : Extension::kMboxMetadata, arguments.at(), arguments.what());
  MetadataExistsTest out;
  if (!server) out.mailbox = text(arguments.string("mailbox"));
  out.annotations = texts(arguments.strings("annotations"));
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::special_use_test(Arguments& arguments) {
  need(Extension::kSpecialUse, arguments.at(), "specialuse_exists");
  SpecialUseExistsTest out;
  if (arguments.left() > 1) out.mailbox = text(arguments.string("mailbox"));
  out.attributes = texts(arguments.strings("attributes"));
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::notify_capability_test(Arguments& arguments) {
  need(Extension::kEnotify, arguments.at(), "notify_method_capability");
  NotifyCapabilityTest out;
  out.match = match(arguments);
  out.uri = text(arguments.string("URI"));
  out.capability = text(arguments.string("capability"));
  out.keys = keys(arguments, out.match, "keys");
  add(TestSpec(std::move(out)), arguments.at());
}

void Compiler::duplicate_test(Arguments& arguments) {
  need(Extension::kDuplicate, arguments.at(), "duplicate");
  DuplicateTest out;
  out.handle = maybe_text(arguments.tag_string("handle"));
  out.header = maybe_text(arguments.tag_string("header"));
  out.unique_id = maybe_text(arguments.tag_string("uniqueid"));
  if (out.header && out.unique_id) fault(arguments.at(), "\":header\" and \":uniqueid\" exclude each other");
  const auto seconds = arguments.tag_number("seconds");
  out.seconds = within(seconds.value_or(options_.duplicate_seconds_default), 0, options_.duplicate_seconds_most);
  out.last = arguments.tag("last") != nullptr;
  add(TestSpec(std::move(out)), arguments.at());
}

/// RFC 5235 section 3: "spamtestplus" has all of "spamtest".
void Compiler::verdict_test(Arguments& arguments, bool virus) {
  VerdictTest out;
  out.virus = virus;
  if (virus)
    need(Extension::kVirustest, arguments.at(), "virustest");
  else if (!has(Extension::kSpamtestplus))
    need(Extension::kSpamtest, arguments.at(), "spamtest");
  if (const auto* percent = virus ? nullptr : arguments.tag("percent")) {
    need(Extension::kSpamtestplus, percent->at, ":percent");
    out.percent = true;
  }
  out.match = match(arguments);
  const auto& value = arguments.string("value");
  out.value = text(value);
  if (out.match.type == Match::Type::kList) list_name(value, out.value);
  add(TestSpec(std::move(out)), arguments.at());
}

/// RFC 6134 section 2.7: a script that has asked for a list knows what to do without it.
void Compiler::valid_list_test(Arguments& arguments) {
  need(Extension::kExtlists, arguments.at(), "valid_ext_list");
  auto names = texts(arguments.strings("names"));
  for (const auto& name : names) {
    if (auto asked = name.constant() ? canonical_list_name(name.literal()) : std::nullopt)
      asked_lists_.insert(*std::move(asked));
  }
  add(ValidListTest{std::move(names)}, arguments.at());
}

/// RFC 5463 section 4: what is there counts as asked for from here on; what is not is no error unless it is executed.
void Compiler::ihave_test(Arguments& arguments) {
  need(Extension::kIhave, arguments.at(), "ihave");
  bool all = true;
  for (const auto& name : arguments.strings("capabilities")) all = use(name.text) && all;
  deferring_ = deferring_ || !all;
  add(ConstantTest{all}, arguments.at());
}

}  // namespace quartet::sieve
