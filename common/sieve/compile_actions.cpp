// The actions of RFC 5228 section 4 and of extensions.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/sieve/address.h"
#include "common/sieve/compiler.h"
#include "common/sieve/mailto.h"

namespace quartet::sieve {

bool Compiler::action(const CommandNode& node, Arguments& arguments) {
  if (node.name == "keep")
    keep(arguments);
  else if (node.name == "fileinto")
    file_into(arguments);
  else if (node.name == "redirect")
    redirect(arguments);
  else if (node.name == "discard")
    add(DiscardSpec{}, node.at);
  else
    return false;
  return true;
}

bool Compiler::extended_action(const CommandNode& node, Arguments& arguments) {
  using Operation = FlagSpec::Operation;
  if (node.name == "reject" || node.name == "ereject") {
    reject(arguments, node.name == "ereject");
  } else if (node.name == "vacation") {
    vacation(arguments);
  } else if (node.name == "setflag" || node.name == "addflag" || node.name == "removeflag") {
    flags(arguments, node.name == "setflag"   ? Operation::kSet
                     : node.name == "addflag" ? Operation::kAdd
                                              : Operation::kRemove);
  } else if (node.name == "set") {
    set(arguments);
  } else if (node.name == "addheader") {
    add_header(arguments);
  } else if (node.name == "deleteheader") {
    delete_header(arguments);
  } else if (node.name == "notify") {
    notify(arguments);
  } else if (node.name == "extracttext") {
    extract_text(arguments);
  } else if (node.name == "include") {
    include(arguments);
  } else if (node.name == "error") {
    need(Extension::kIhave, node.at, "error");
    add(ActionSpec(ErrorSpec{text(arguments.string("message"))}), node.at);
  } else {
    return false;
  }
  return true;
}

std::optional<Texts> Compiler::flag_list(Arguments& arguments) {
  const auto* list = arguments.tag_strings("flags");
  if (list == nullptr) return std::nullopt;
  need(Extension::kImap4flags, arguments.at(), ":flags");
  return texts(*list);
}

std::uint64_t Compiler::within(std::uint64_t value, std::uint64_t least, std::uint64_t most) const {
  return std::clamp(value, least, std::max(least, most));
}

void Compiler::keep(Arguments& arguments) { add(ActionSpec(KeepSpec{flag_list(arguments)}), arguments.at()); }

void Compiler::file_into(Arguments& arguments) {
  need(Extension::kFileinto, arguments.at(), "fileinto");
  FileIntoSpec out;
  out.flags = flag_list(arguments);
  out.copy = arguments.tag("copy") != nullptr;
  if (out.copy) need(Extension::kCopy, arguments.at(), ":copy");
  out.create = arguments.tag("create") != nullptr;
  if (out.create) need(Extension::kMailbox, arguments.at(), ":create");
  out.special_use = maybe_text(arguments.tag_string("specialuse"));
  if (out.special_use) need(Extension::kSpecialUse, arguments.at(), ":specialuse");
  out.mailbox = text(arguments.string("mailbox"));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::redirect(Arguments& arguments) {
  RedirectSpec out;
  out.copy = arguments.tag("copy") != nullptr;
  if (out.copy) need(Extension::kCopy, arguments.at(), ":copy");
  const auto* list = arguments.tag("list");
  out.list = list != nullptr;
  if (out.list) need(Extension::kExtlists, list->at, ":list");
  const auto& address = arguments.string(out.list ? "list" : "address");
  out.address = text(address);
  if (out.list)
    list_name(address, out.address);
  else if (out.address.constant() && single_address(out.address.literal()).empty())
    fault(address.at, fmt::format("\"{}\" is no address", address.text));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::reject(Arguments& arguments, bool at_protocol) {
  need(at_protocol ? Extension::kEreject : Extension::kReject, arguments.at(), arguments.what());
  add(ActionSpec(RejectSpec{text(arguments.string("reason")), at_protocol}), arguments.at());
}

/// Of vacation and notify.
std::optional<Text> Compiler::sender(Arguments& arguments) {
  const auto* from = arguments.tag_string("from");
  auto out = maybe_text(from);
  if (out && out->constant() && single_address(out->literal()).empty())
    fault(from->at, fmt::format("\"{}\" is no address", from->text));
  return out;
}

void Compiler::vacation(Arguments& arguments) {
  need(Extension::kVacation, arguments.at(), "vacation");
  VacationSpec out;
  const auto days = arguments.tag_number("days");
  const auto seconds = arguments.tag_number("seconds");
  if (seconds) need(Extension::kVacationSeconds, arguments.at(), ":seconds");
  if (days && seconds) fault(arguments.at(), "\":days\" and \":seconds\" exclude each other");
  const auto most = options_.vacation_seconds_most;
  constexpr std::uint64_t kDay = 86'400;
  if (seconds)
    out.seconds = within(*seconds, options_.vacation_seconds_least, most);
  else if (days)
    out.seconds = within(std::min(*days, most / kDay + 1) * kDay, kDay, most);
  else
    out.seconds = options_.vacation_seconds_default;
  out.subject = maybe_text(arguments.tag_string("subject"));
  out.from = sender(arguments);
  if (const auto* addresses = arguments.tag_strings("addresses")) out.addresses = texts(*addresses);
  out.mime = arguments.tag("mime") != nullptr;
  out.handle = maybe_text(arguments.tag_string("handle"));
  out.reason = text(arguments.string("reason"));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::flags(Arguments& arguments, FlagSpec::Operation operation) {
  need(Extension::kImap4flags, arguments.at(), arguments.what());
  FlagSpec out;
  out.operation = operation;
  if (arguments.left() > 1) {
    need(Extension::kVariables, arguments.at(), "flags in a variable");
    out.variable = variable(arguments.string("variable"));
  }
  out.flags = texts(arguments.strings("flags"));
  add(ActionSpec(std::move(out)), arguments.at());
}

/// In order of precedence, RFC 5229 section 4.1; two of the same are an error.
std::vector<Modifier> Compiler::modifiers(Arguments& arguments) {
  std::vector<Modifier> out;
  const auto take = [&](std::initializer_list<std::pair<std::string_view, Modifier>> group) {
    const Argument* first = nullptr;
    for (const auto& [name, modifier] : group) {
      const auto* tag = arguments.tag(name);
      if (tag == nullptr) continue;
      if (first != nullptr) fault(tag->at, fmt::format("\":{}\" and \":{}\" exclude each other", first->tag, name));
      if (modifier == Modifier::kEncodeUrl) need(Extension::kEnotify, tag->at, ":encodeurl");
      if (modifier == Modifier::kQuoteRegex) need(Extension::kRegex, tag->at, ":quoteregex");
      first = tag;
      out.push_back(modifier);
    }
  };
  take({{"lower", Modifier::kLower}, {"upper", Modifier::kUpper}});
  take({{"lowerfirst", Modifier::kLowerFirst}, {"upperfirst", Modifier::kUpperFirst}});
  take({{"quotewildcard", Modifier::kQuoteWildcard}, {"quoteregex", Modifier::kQuoteRegex}});
  take({{"encodeurl", Modifier::kEncodeUrl}});
  take({{"length", Modifier::kLength}});
  return out;
}

void Compiler::set(Arguments& arguments) {
  need(Extension::kVariables, arguments.at(), "set");
  SetSpec out;
  out.modifiers = modifiers(arguments);
  out.variable = variable(arguments.string("name"));
  out.value = text(arguments.string("value"));
  add(ActionSpec(std::move(out)), arguments.at());
}

/// RFC 5293 sections 4 and 5: of a field that is to be edited.
Text Compiler::field_name(Arguments& arguments) {
  const bool there = arguments.left() > 0;
  const auto& name = arguments.string("field name");
  auto out = text(name);
  if (there && out.constant() && !is_field_name(out.literal()))
    fault(name.at, fmt::format("\"{}\" is no name of a header field", name.text));
  return out;
}

void Compiler::add_header(Arguments& arguments) {
  need(Extension::kEditheader, arguments.at(), "addheader");
  AddHeaderSpec out;
  out.last = arguments.tag("last") != nullptr;
  out.name = field_name(arguments);
  out.value = text(arguments.string("value"));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::delete_header(Arguments& arguments) {
  need(Extension::kEditheader, arguments.at(), "deleteheader");
  DeleteHeaderSpec out;
  out.match = match(arguments);
  // RFC 6134 section 2.2 has it for tests.
  if (out.match.type == Match::Type::kList) fault(arguments.at(), "deleteheader takes no \":list\"");
  out.index = index(arguments, Extension::kEditheader);
  out.name = field_name(arguments);
  if (arguments.left() > 0) out.patterns = keys(arguments, out.match, "patterns");
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::notify(Arguments& arguments) {
  need(Extension::kEnotify, arguments.at(), "notify");
  NotifySpec out;
  out.from = sender(arguments);
  const auto* importance = arguments.tag_string("importance");
  out.importance = maybe_text(importance);
  if (importance != nullptr && out.importance->constant()) {
    const auto level = out.importance->literal();
    if (level != "1" && level != "2" && level != "3") fault(importance->at, "expected \"1\", \"2\" or \"3\"");
  }
  if (const auto* options = arguments.tag_strings("options")) out.options = texts(*options);
  out.message = maybe_text(arguments.tag_string("message"));
  const auto& method = arguments.string("method");
  out.method = text(method);
  if (out.method.constant() && !parse_mailto(out.method.literal()))
    fault(method.at, fmt::format("\"{}\" is no mailto URI, and there are no other methods here", method.text));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::extract_text(Arguments& arguments) {
  need(Extension::kExtracttext, arguments.at(), "extracttext");
  need(Extension::kVariables, arguments.at(), "extracttext");
  if (loops_.empty()) fault(arguments.at(), "extracttext is not inside foreverypart");
  ExtractTextSpec out;
  out.modifiers = modifiers(arguments);
  out.first = arguments.tag_number("first");
  out.variable = variable(arguments.string("variable"));
  add(ActionSpec(std::move(out)), arguments.at());
}

void Compiler::include(Arguments& arguments) {
  need(Extension::kInclude, arguments.at(), "include");
  IncludeSpec out;
  const auto* where = arguments.one_of({"personal", "global"});
  out.global = where != nullptr && where->tag == "global";
  out.once = arguments.tag("once") != nullptr;
  out.optional = arguments.tag("optional") != nullptr;
  const auto& name = arguments.string("name");
  out.name = text(name);
  // RFC 6609 section 3.2.
  if (!out.name.constant()) fault(name.at, "the name of a script to include has no variables");
  add(ActionSpec(std::move(out)), arguments.at());
}

}  // namespace quartet::sieve
