// Access control lists: RFC 4314, and which names lead to mailboxes of others: RFC 2342.
#include <algorithm>

#include "common/mime/charset.h"
#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

constexpr store::AclMode kModes[] = {store::AclMode::kReplace, store::AclMode::kAdd, store::AclMode::kRemove};

/// Who has all rights whatever the list says.
std::vector<std::string> masters(const Context& context, const store::Place& place) {
  if (place.kind != store::Place::Kind::kShared) return {place.account};
  return context.namespaces()->administrators;
}

bool is_master(const Context& context, const store::Place& place, const std::string& identifier) {
  const auto all = masters(context, place);
  return std::ranges::find(all, identifier) != all.end();
}

/// The identifier as it is kept: "anyone", or the login it is a name of, with '-' before either. "" if there is no such
/// account.
std::string canonical(const Context& context, const std::string& identifier) {
  const std::string sign = identifier.starts_with('-') ? "-" : "";
  const auto whom = identifier.substr(sign.size());
  if (whom == store::kAnyone) return identifier;
  const auto namespaces = context.namespaces();
  const auto login = namespaces == nullptr ? whom : namespaces->login_of(whom);
  return login.empty() ? std::string() : sign + login;
}

void append_begin(Context& context, std::string_view response, const std::string& mailbox) {
  auto& out = context.output.text();
  out.append("* ").append(response).append(" ");
  append_mailbox_name(out, mailbox, context.enabled.utf8);
}

void append_word(Context& context, const std::string& word) {
  context.output.text() += ' ';
  append_astring(context.output.text(), word, context.enabled.utf8);
}

/// As far as RFC 4314 section 3 says what none can be.
bool is_possible(const std::string& identifier) { return !identifier.empty() && mime::is_utf8(identifier); }

async::Task<Reply> change(Context& context, const std::string& mailbox, const std::string& identifier,
                          store::AclMode mode, store::Rights rights) {
  if (!is_possible(identifier)) co_return Reply::bad("No such identifier is possible");
  const auto found = co_await locate(context, mailbox, "a");
  if (!found) co_return found.error();
  auto whom = canonical(context, identifier);
  if (is_master(context, found->place, whom)) co_return Reply::no("Has all rights and keeps them", "CANNOT");
  const bool gives = mode == store::AclMode::kAdd || (mode == store::AclMode::kReplace && !rights.empty());
  if (whom.empty() && gives) co_return Reply::no("No such user", "CANNOT");
  if (whom.empty()) whom = identifier;  // of an account that is gone
  const auto done = co_await context.store().set_acl(found->info.ref, std::move(whom), mode, rights);
  co_return done ? Reply::ok("Set") : failure(done.error());
}

}  // namespace

Answer set_acl(Context& context, const SetAcl& command) {
  const auto rights = store::Rights::parse(command.rights);
  if (!rights) co_return Reply::bad("No such right");
  co_return co_await change(context, command.mailbox, command.identifier, kModes[static_cast<int>(command.mode)],
                            *rights);
}

Answer delete_acl(Context& context, const DeleteAcl& command) {
  co_return co_await change(context, command.mailbox, command.identifier, store::AclMode::kReplace, {});
}

Answer get_acl(Context& context, const GetAcl& command) {
  const auto found = co_await locate(context, command.mailbox, "a");
  if (!found) co_return found.error();
  const auto acl = co_await context.store().acl(found->info.ref);
  if (!acl) co_return failure(acl.error());
  append_begin(context, "ACL", command.mailbox);
  for (const auto& master : masters(context, found->place)) {
    append_word(context, master);
    append_word(context, store::Rights::all().to_response());
  }
  for (const auto& entry : *acl) {
    append_word(context, entry.identifier);
    append_word(context, entry.rights.to_response());
  }
  context.output.text() += "\r\n";
  co_return Reply::ok("Listed");
}

Answer list_rights(Context& context, const ListRights& command) {
  if (!is_possible(command.identifier)) co_return Reply::bad("No such identifier is possible");
  const auto found = co_await locate(context, command.mailbox, "a");
  if (!found) co_return found.error();
  const bool all = is_master(context, found->place, canonical(context, command.identifier));
  append_begin(context, "LISTRIGHTS", command.mailbox);
  append_word(context, command.identifier);
  append_word(context, all ? store::Rights::all().to_response() : "");
  // No right is tied to another, so what RFC 2086 has for several of them stands alone as well (RFC 4314
  // section 2.1.1).
  for (const char letter : all ? std::string() : store::Rights::all().to_response())
    append_word(context, std::string(1, letter));
  context.output.text() += "\r\n";
  co_return Reply::ok("Listed");
}

void append_my_rights(Context& context, const std::string& mailbox, store::Rights rights) {
  append_begin(context, "MYRIGHTS", mailbox);
  append_word(context, rights.to_response());
  context.output.text() += "\r\n";
}

Answer my_rights(Context& context, const MyRights& command) {
  const auto found = co_await locate(context, command.mailbox, "");
  if (!found) co_return found.error();
  // RFC 4314 section 4: any of these lets the client ask.
  if (!found->rights.has_any("lrikxa")) co_return failure({store::ErrorCode::kNoMailbox, ""});
  append_my_rights(context, command.mailbox, found->rights);
  co_return Reply::ok("Told");
}

Reply name_spaces(Context& context) {
  const auto namespaces = context.namespaces();
  auto& out = context.output.text();
  out += R"(* NAMESPACE (("" "/")))";
  for (const auto& level : namespaces == nullptr ? std::vector<std::string>{"", ""}
                                                 : std::vector{namespaces->other_users, namespaces->shared}) {
    if (level.empty()) {
      out += " NIL";
      continue;
    }
    out += " ((";
    // With quotes also where an atom would do, as in the examples of RFC 2342.
    std::string name;
    append_mailbox_name(name, level + "/", context.enabled.utf8);
    out += name.starts_with('"') ? name : '"' + name + '"';
    out += R"( "/")))";
  }
  out += "\r\n";
  return Reply::ok("Listed");
}

}  // namespace quartet::imapd
