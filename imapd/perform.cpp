#include "imapd/perform.h"

#include "common/log/log.h"
#include "imapd/message_limit.h"
#include "imapd/progress.h"

namespace quartet::imapd {
namespace {

Reply identify(Context& context, const Id& id) {
  std::string client;
  for (const auto& [name, value] : id.fields) client += (client.empty() ? "" : " ") + name + "=" + value.value_or("");
  log::debug("imap.client", {{"account", context.account}, {"peer", context.peer}, {"id", client}});
  context.output.line("* ID (\"name\" \"quartet\" \"version\" \"" QUARTET_VERSION "\")");
  return Reply::ok("Pleased to meet you");
}

/// Commands that are their name alone.
Reply simple(Context& context, const Command& command) {
  if (command.name == "CAPABILITY") {
    context.output.line("* CAPABILITY " + capabilities(context));
    return Reply::ok("Listed");
  }
  if (command.name == "NOOP" || command.name == "CHECK") return Reply::ok("Done");
  if (command.name == "UNSELECT") {
    context.selected.reset();
    return Reply::ok("Nothing is selected");
  }
  if (command.name == "NAMESPACE") return name_spaces(context);
  return Reply::bad("No such command");
}

Answer now(Reply reply) { co_return reply; }

/// Picks the file a command is performed in.
struct Performer {
  Context& context;
  Input& input;
  const Command& command;

  Answer operator()(const NoArguments&) const { return now(simple(context, command)); }
  Answer operator()(const Login& a) const { return login(context, a); }
  Answer operator()(const Authenticate& a) const { return authenticate(context, input, a); }
  Answer operator()(const Id& a) const { return now(identify(context, a)); }
  Answer operator()(const Compress&) const { return now(simple(context, command)); }  // the session has done it
  Answer operator()(const Enable& a) const { return now(enable(context, a)); }
  Answer operator()(const Select& a) const { return select(context, a); }
  Answer operator()(const Create& a) const { return create(context, a); }
  Answer operator()(const Delete& a) const { return remove(context, a); }
  Answer operator()(const Rename& a) const { return rename(context, a); }
  Answer operator()(const Subscribe& a) const { return subscribe(context, a.mailbox, true); }
  Answer operator()(const Unsubscribe& a) const { return subscribe(context, a.mailbox, false); }
  Answer operator()(const List& a) const { return list(context, a); }
  Answer operator()(const Status& a) const { return status(context, a); }
  Answer operator()(Append& a) const { return append(context, a); }
  Answer operator()(Replace& a) const { return imapd::replace(context, a, command.uid); }
  Answer operator()(const Fetch& a) const { return fetch(context, a, command.uid); }
  Answer operator()(const Store&) const { return now(simple(context, command)); }  // the session has done it
  Answer operator()(const Copy& a) const { return copy(context, a, command.uid); }
  Answer operator()(const Move& a) const { return imapd::move(context, a, command.uid); }
  Answer operator()(const Search& a) const { return search(context, a, command.tag, command.uid); }
  Answer operator()(const Sort& a) const { return imapd::sort(context, a, command.tag, command.uid); }
  Answer operator()(const Notify& a) const { return notify(context, a); }
  Answer operator()(const MultiSearch& a) const { return multi_search(context, a, command.tag); }
  Answer operator()(const CancelUpdate& a) const { return now(cancel_update(context, a)); }
  Answer operator()(const Thread& a) const { return imapd::thread(context, a, command.uid); }
  Answer operator()(const Expunge& a) const { return expunge(context, a); }
  Answer operator()(const GetQuota& a) const { return get_quota(context, a); }
  Answer operator()(const GetQuotaRoot& a) const { return get_quota_root(context, a); }
  Answer operator()(const SetAcl& a) const { return set_acl(context, a); }
  Answer operator()(const DeleteAcl& a) const { return delete_acl(context, a); }
  Answer operator()(const GetAcl& a) const { return get_acl(context, a); }
  Answer operator()(const ListRights& a) const { return list_rights(context, a); }
  Answer operator()(const MyRights& a) const { return my_rights(context, a); }
  Answer operator()(const GetMetadata& a) const { return get_metadata(context, a); }
  Answer operator()(const SetMetadata& a) const { return set_metadata(context, a); }
};

}  // namespace

Answer perform(Context& context, Input& input, Command& command) {
  if (command.name == "CLOSE") return close(context);
  if (auto refusal = keep_to_limit(context, command)) return now(*std::move(refusal));
  auto work = std::visit(Performer{context, input, command}, command.arguments);
  return takes_long(command) ? with_progress(context, command.tag, std::move(work)) : std::move(work);
}

}  // namespace quartet::imapd
