// Actions of RFC 5228 section 4 and of extensions: what they add to the outcome.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/sieve/address.h"
#include "common/sieve/compiler.h"
#include "common/sieve/interpreter.h"

namespace quartet::sieve {
namespace {

constexpr std::size_t kMostFlags = 64;
/// What one member of a list costs to redirect to, in octets compared.
constexpr std::uint64_t kMember = 1'000;

/// RFC 9051: flag-keyword is an atom, or one of the system flags that a message can be stored with.
bool is_flag(std::string_view flag) {
  if (flag.starts_with('\\')) {
    static constexpr std::string_view kSystem[] = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};
    return std::ranges::any_of(kSystem, [&](auto known) { return ascii::iequals(known, flag); });
  }
  return !flag.empty() && flag.size() <= 100 && std::ranges::all_of(flag, [](char c) {
    return c > ' ' && c < 127 && !std::string_view("(){%*\"\\]").contains(c);
  });
}

/// As RFC 6154 section 2 and RFC 8457 section 3 write it; "" for a use that no mailbox can be given: `\All` and
/// `\Flagged` are views of others.
std::string_view assignable_use(std::string_view use) {
  static constexpr std::string_view kUses[] = {"\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash"};
  const auto* const found = std::ranges::find_if(kUses, [&](auto known) { return ascii::iequals(known, use); });
  return found == std::end(kUses) ? std::string_view() : *found;
}

void add_flags(Flags& to, const Flags& flags) {
  for (const auto& flag : flags) {
    const bool there = std::ranges::any_of(to, [&](const auto& known) { return ascii::iequals(known, flag); });
    if (!there && to.size() < kMostFlags) to.push_back(flag);
  }
}

/// Only who runs the domain knows whether its local parts differ by case (RFC 5321 section 2.4). Both have an '@'.
bool is_same_address(std::string_view a, std::string_view b) {
  const auto at = a.rfind('@');
  return at == b.rfind('@') && a.substr(0, at) == b.substr(0, at) && ascii::iequals(a.substr(at), b.substr(at));
}

template <typename T>
T* find_action(std::vector<Action>& actions, const auto& same) {
  for (auto& action : actions) {
    auto* found = std::get_if<T>(&action);
    if (found != nullptr && same(*found)) return found;
  }
  return nullptr;
}

template <typename... T>
bool has_action(const std::vector<Action>& actions) {
  return std::ranges::any_of(actions, [](const Action& action) { return (std::holds_alternative<T>(action) || ...); });
}

}  // namespace

Flags split_flags(const std::vector<std::string>& texts) {
  Flags out;
  for (const auto& text : texts) {
    for (const auto flag : ascii::split(text, ' ')) {
      if (is_flag(flag)) add_flags(out, {std::string(flag)});
    }
  }
  return out;
}

std::string join_flags(const Flags& flags) { return fmt::format("{}", fmt::join(flags, " ")); }

Flags Interpreter::flags_for(const std::optional<Texts>& given) { return given ? split_flags(values(*given)) : flags_; }

void Interpreter::add(Action action) {
  if (out_.actions.size() >= limits_.actions) return fail("too many actions");
  out_.actions.push_back(std::move(action));
}

void Interpreter::act(const KeepSpec& spec) {
  implicit_keep_ = false;
  if (has_action<Reject>(out_.actions)) return fail("keep after reject");
  keep(flags_for(spec.flags));
}

/// RFC 5228 section 2.10.3: not twice into the same mailbox, and to keep is to put into the INBOX.
void Interpreter::keep(Flags flags) {
  if (auto* there = flags_of_mailbox("INBOX")) return add_flags(*there, flags);
  // Beyond limits_.actions, as there is at most one.
  out_.actions.push_back(Keep{std::move(flags), edited()});
}

/// Flags of the action that puts the message there already; null if there is none.
Flags* Interpreter::flags_of_mailbox(std::string_view name) {
  const bool inbox = ascii::iequals(name, "INBOX");
  if (auto* same = find_action<Keep>(out_.actions, [&](const Keep&) { return inbox; })) return &same->flags;
  auto* same = find_action<FileInto>(out_.actions, [&](const FileInto& one) {
    return inbox ? ascii::iequals(one.mailbox, name) : one.mailbox == name;
  });
  return same == nullptr ? nullptr : &same->flags;
}

void Interpreter::act(const FileIntoSpec& spec) {
  if (has_action<Reject>(out_.actions)) return fail("fileinto after reject");
  FileInto out{value(spec.mailbox), spec.create, flags_for(spec.flags), edited(), {}};
  if (spec.special_use) {
    // RFC 8579 section 4: the attribute leads, the name is for when there is no such mailbox.
    const auto use = value(*spec.special_use);
    if (auto found = world_.special_use(use))
      out.mailbox = *std::move(found);
    else if (spec.create)
      out.special_use = assignable_use(use);
  }
  if (out.mailbox.empty()) return fail("fileinto a mailbox without a name");
  if (!spec.copy) implicit_keep_ = false;
  if (auto* there = flags_of_mailbox(out.mailbox)) {
    auto* same = find_action<FileInto>(out_.actions, [&](const FileInto& one) { return &one.flags == there; });
    if (same != nullptr) same->create = same->create || out.create;
    return add_flags(*there, out.flags);
  }
  add(std::move(out));
}

std::vector<std::string> Interpreter::own_addresses() const {
  auto out = input_.addresses;
  out.push_back(input_.user);
  out.push_back(input_.to);
  return out;
}

/// With a detail or without one. Case means nothing: the domain is ours.
bool Interpreter::is_own(std::string_view address) const {
  const auto own = own_addresses();
  const auto is_named = [&](std::string_view wanted) {
    return std::ranges::any_of(own, [&](const auto& one) { return ascii::iequals(one, wanted); });
  };
  if (is_named(address)) return true;
  if (input_.leads_here) return input_.leads_here(address);
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) return false;
  const auto detail = input_.separator.empty() ? at : std::min(at, address.find(input_.separator));
  const auto bare = std::string(address.substr(0, detail)).append(address.substr(at));
  return is_named(bare);
}

/// RFC 5228 section 4.2: no loops. What would come back is kept at once. Where two users redirect to each other, the
/// one who had the message first has put the mark of his mailbox on it.
void Interpreter::redirect(const std::string& to, bool copy) {
  auto address = single_address(to);
  if (address.empty()) return fail(fmt::format("redirect to \"{}\", which is no address", to));
  if (is_own(address)) {
    out_.no_redirect = address + ": the user has the message";
    if (!copy) keep(flags_);
    return;
  }
  const auto marks = letter_.fields("Delivered-To");
  if (std::ranges::any_of(marks, [&](const auto& mark) { return is_same_address(ascii::trim(mark), address); })) {
    out_.no_redirect = address + ": the message comes from there";
    return;
  }
  if (!copy) implicit_keep_ = false;
  if (find_action<Redirect>(out_.actions, [&](const auto& one) { return is_same_address(one.address, address); }))
    return;
  const auto before =
      std::ranges::count_if(out_.actions, [](const auto& action) { return std::holds_alternative<Redirect>(action); });
  if (static_cast<std::size_t>(before) >= limits_.redirects) return fail("too many redirects");
  add(Redirect{std::move(address), edited()});
}

void Interpreter::act(const RedirectSpec& spec) {
  if (has_action<Reject>(out_.actions)) return fail("redirect after reject");
  const auto to = value(spec.address);
  if (!spec.list) return redirect(to, spec.copy);
  const auto list = list_named(to);
  if (list == nullptr) return;
  // A list without members sends nothing anywhere, and so the implicit keep stays.
  for (const auto& member : list->members()) {
    if (failed_ || !budget_.spend(kMember)) return;
    redirect(member, spec.copy);
  }
}

void Interpreter::act(const RejectSpec& spec) {
  if (has_action<Reject, Keep, FileInto, Redirect, Vacation>(out_.actions))
    return fail("reject after another action that excludes it");
  implicit_keep_ = false;
  add(Reject{value(spec.reason), spec.at_protocol});
}

void Interpreter::act(const FlagSpec& spec) {
  auto given = split_flags(values(spec.flags));
  auto now = spec.variable ? split_flags({get(*spec.variable)}) : flags_;
  switch (spec.operation) {
    case FlagSpec::Operation::kSet:
      now = std::move(given);
      break;
    case FlagSpec::Operation::kAdd:
      add_flags(now, given);
      break;
    case FlagSpec::Operation::kRemove:
      std::erase_if(now, [&](const auto& flag) {
        return std::ranges::any_of(given, [&](const auto& one) { return ascii::iequals(one, flag); });
      });
      break;
  }
  if (spec.variable)
    put(*spec.variable, join_flags(now));
  else
    flags_ = std::move(now);
}

void Interpreter::act(const SetSpec& spec) {
  auto text = value(spec.value);
  if (!budget_.spend(text.size())) return;
  modify(spec.modifiers, text);
  put(spec.variable, std::move(text));
}

void Interpreter::act(const AddHeaderSpec& spec) {
  const auto name = value(spec.name);
  auto text = value(spec.value);
  if (!is_field_name(name)) return fail(fmt::format("\"{}\" is no name of a header field", name));
  if (++added_fields_ > limits_.added_fields) return fail("too many fields are added");
  // RFC 5293 section 4: no value may break out of its field.
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; };
  std::ranges::replace_if(text, is_control, ' ');
  letter_.add(name, ascii::trim(text), spec.last);
}

/// RFC 5293 section 5.
void Interpreter::act(const DeleteHeaderSpec& spec) {
  const auto name = value(spec.name);
  if (!is_field_name(name)) return fail(fmt::format("\"{}\" is no name of a header field", name));
  // RFC 5293 section 6: the traces that loops are seen by stay.
  if (ascii::iequals(name, "Received") || ascii::iequals(name, "Auto-Submitted")) return;
  // As a test that looks at them.
  if (!budget_.spend(letter_.field_count() * 10)) return;
  Matcher matcher(spec.match, values(spec.patterns), budget_);
  if (!matcher.fault().empty()) return fail(matcher.fault());
  const auto all = letter_.fields(name);
  const auto fits = [&](std::string_view field) { return matcher.fits(mime::decode_words(field), nullptr); };
  const auto picked_by_index = [&](std::size_t number) {
    if (spec.index.number == 0) return true;
    return spec.index.last ? all.size() - number == spec.index.number : number + 1 == spec.index.number;
  };
  // :count looks at all the fields there are, and so all go or none.
  if (!spec.patterns.empty() && matcher.by_count() && !matcher.counts(all.size())) return;
  const bool by_value = !spec.patterns.empty() && !matcher.by_count();
  letter_.remove(name, [&](std::size_t number, std::string_view field) {
    return picked_by_index(number) && (!by_value || fits(field));
  });
}

void Interpreter::act(const NotifySpec& spec) {
  const auto method = value(spec.method);
  auto to = parse_mailto(method);
  if (!to) return fail(fmt::format("\"{}\" is no mailto URI", method));
  // RFC 5436 section 2.7.1: what programs sent is not announced, or two of them could go on for ever.
  const auto automatic = letter_.first("Auto-Submitted");
  if (!automatic.empty() && !ascii::istarts_with(automatic, "no")) return;
  const auto before =
      std::ranges::count_if(out_.actions, [](const auto& action) { return std::holds_alternative<Notify>(action); });
  if (static_cast<std::size_t>(before) >= limits_.notifications) return fail("too many notifications");
  Notify out;
  out.to = *std::move(to);
  if (spec.from) {
    // RFC 5435 section 3.3.
    out.from = single_mailbox(value(*spec.from));
    if (out.from.empty()) return fail(fmt::format("notify from \"{}\", which is no address", value(*spec.from)));
  }
  if (spec.importance) out.importance = value(*spec.importance);
  if (out.importance != "1" && out.importance != "3") out.importance = "2";
  out.about_from = mime::decode_words(letter_.first("From"));
  out.about_subject = mime::decode_words(letter_.first("Subject"));
  if (spec.message) out.message = value(*spec.message);
  if (out.message.empty()) out.message = out.to.subject;
  if (out.message.empty()) out.message = out.about_subject;
  if (out.message.empty()) out.message = out.about_from;
  add(std::move(out));
}

void Interpreter::act(const ExtractTextSpec& spec) {
  const auto* now = part();
  if (now == nullptr) return fail("extracttext outside of foreverypart");
  std::string text;
  if (now->kind == mime::Part::Kind::kLeaf && now->is_text()) {
    if (!budget_.spend(now->body_size)) return;
    text = text_of(*now, letter_.bytes());
  }
  if (spec.first) text = utf8::first(text, *spec.first);
  modify(spec.modifiers, text);
  put(spec.variable, std::move(text));
}

void Interpreter::act(const IncludeSpec& spec) {
  const auto name = value(spec.name);
  const auto key = include_key(spec.global, name);
  const bool again = !included_.insert(key).second;
  if (spec.once && again) return;
  // RFC 6609 section 3.1.
  if (std::ranges::count(frames_, key, &Frame::key) != 0)
    return fail(fmt::format("the script \"{}\" is included within itself", name));
  if (frames_.size() > limits_.include_depth || ++includes_ > limits_.includes) return fail("too many includes");
  auto script = world_.script(spec.global, name);
  if (!script) return fail(fmt::format("the included script \"{}\" is wrong: {}", name, script.error()));
  if (*script == nullptr) {
    if (!spec.optional) fail(fmt::format("there is no script \"{}\" to include", name));
    return;
  }
  Frame next;
  next.owned = *std::move(script);
  next.program = next.owned.get();
  next.name = name;
  next.key = key;
  next.variables.resize(next.program->variables);
  frames_.push_back(std::move(next));
}

}  // namespace quartet::sieve
