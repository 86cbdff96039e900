// The commands, one file per subject. Each says its untagged responses into the context's output and gives the tagged
// one. Arguments outlive the task; the session has checked that its state permits the command.
#pragma once
#include "common/async/task.h"
#include "imapd/context.h"
#include "imapd/input.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

using Answer = async::Task<Reply>;

// auth.cpp
/// What CAPABILITY lists now, without the word CAPABILITY.
std::string capabilities(const Context& context);
bool may_login(const Context& context);
Answer login(Context& context, const Login& command);
Answer authenticate(Context& context, Input& input, const Authenticate& command);

// enable.cpp
Reply enable(Context& context, const Enable& command);
/// The reply to a command that the client may not give after what it has enabled.
std::optional<Reply> ruled_out(const Enabled& enabled, const Command& command);
/// For a command of RFC 7162 that is used without ENABLE: from now on the client is told mod-sequences.
void enable_condstore(Context& context);

// mailboxes.cpp
Answer create(Context& context, const Create& command);
Answer remove(Context& context, const Delete& command);
Answer rename(Context& context, const Rename& command);
Answer subscribe(Context& context, const std::string& mailbox, bool subscribed);
Answer status(Context& context, const Status& command);
Answer select(Context& context, const Select& command);
Answer get_quota(Context& context, const GetQuota& command);
Answer get_quota_root(Context& context, const GetQuotaRoot& command);

// acl.cpp
Answer set_acl(Context& context, const SetAcl& command);
Answer delete_acl(Context& context, const DeleteAcl& command);
Answer get_acl(Context& context, const GetAcl& command);
Answer list_rights(Context& context, const ListRights& command);
Answer my_rights(Context& context, const MyRights& command);
Reply name_spaces(Context& context);
/// The response to MYRIGHTS and of LIST with RETURN (MYRIGHTS) (RFC 8440).
void append_my_rights(Context& context, const std::string& mailbox, store::Rights rights);

// metadata.cpp
Answer get_metadata(Context& context, const GetMetadata& command);
Answer set_metadata(Context& context, const SetMetadata& command);
/// Of LIST with RETURN (METADATA (...)) (RFC 9590).
async::Task<std::optional<Reply>> append_metadata(Context& context, const store::MailboxInfo& mailbox,
                                                  const std::vector<std::string>& entries);

// list.cpp
Answer list(Context& context, const List& command);

// append.cpp
Answer append(Context& context, Append& command);
Answer replace(Context& context, Replace& command, bool uid);

// store_flags.cpp
/// What one of several commands is answered.
struct Answered {
  std::string untagged;  // responses that go before the tagged one, with their CRLF
  Reply reply;
};
/// STOREs that the client has sent one after the other, in as few commits as their messages permit; one answer for
/// each. Nothing is said of expunges. Only the first may enable CONDSTORE by its UNCHANGEDSINCE.
async::Task<std::vector<Answered>> store_flags(Context& context, const std::vector<Command>& run);

// messages.cpp
Answer copy(Context& context, const Copy& command, bool uid);
Answer move(Context& context, const Move& command, bool uid);
Answer expunge(Context& context, const Expunge& command);
Answer close(Context& context);

// fetch.cpp
Answer fetch(Context& context, const Fetch& command, bool uid);

// search.cpp
Answer search(Context& context, const Search& command, const std::string& tag, bool uid);

// notify.cpp
Answer notify(Context& context, const Notify& command);

// multi_search.cpp
Answer multi_search(Context& context, const MultiSearch& command, const std::string& tag);

// sort.cpp
Answer sort(Context& context, const Sort& command, const std::string& tag, bool uid);

// search_update.cpp
Reply cancel_update(Context& context, const CancelUpdate& command);

// thread.cpp
Answer thread(Context& context, const Thread& command, bool uid);

// idle.cpp
Answer idle(Context& context, Input& input);

}  // namespace quartet::imapd
