// The commands' own grammars, for parser.cpp. Each starts at the space after the name, takes all it knows of and puts
// the arguments into `command`; false after in.fail(). What is left over is the caller's error.
#pragma once
#include "imapd/proto/command.h"
#include "imapd/proto/lexer.h"

namespace quartet::imapd {

bool parse_login(Lexer& in, Command& command);
bool parse_authenticate(Lexer& in, Command& command);
bool parse_id(Lexer& in, Command& command);
bool parse_compress(Lexer& in, Command& command);
bool parse_enable(Lexer& in, Command& command);

bool parse_select(Lexer& in, Command& command);
bool parse_create(Lexer& in, Command& command);
bool parse_delete(Lexer& in, Command& command);
bool parse_rename(Lexer& in, Command& command);
bool parse_subscribe(Lexer& in, Command& command);
bool parse_unsubscribe(Lexer& in, Command& command);
bool parse_list(Lexer& in, Command& command);
bool parse_lsub(Lexer& in, Command& command);
bool parse_status(Lexer& in, Command& command);
bool parse_get_quota(Lexer& in, Command& command);
bool parse_get_quota_root(Lexer& in, Command& command);

bool parse_set_acl(Lexer& in, Command& command);
bool parse_delete_acl(Lexer& in, Command& command);
bool parse_get_acl(Lexer& in, Command& command);
bool parse_list_rights(Lexer& in, Command& command);
bool parse_my_rights(Lexer& in, Command& command);

bool parse_get_metadata(Lexer& in, Command& command);
bool parse_set_metadata(Lexer& in, Command& command);
/// "/shared/comment", or several in parentheses.
bool parse_metadata_entries(Lexer& in, std::vector<std::string>& entries);

bool parse_append(Lexer& in, Command& command);
bool parse_replace(Lexer& in, Command& command);
bool parse_fetch(Lexer& in, Command& command);
/// "(UID FLAGS)".
bool parse_fetch_items(Lexer& in, std::vector<FetchItem>& items);
bool parse_store(Lexer& in, Command& command);
bool parse_copy(Lexer& in, Command& command);
bool parse_move(Lexer& in, Command& command);
bool parse_expunge(Lexer& in, Command& command);
bool parse_search(Lexer& in, Command& command);
bool parse_sort(Lexer& in, Command& command);
bool parse_thread(Lexer& in, Command& command);
bool parse_cancel_update(Lexer& in, Command& command);
bool parse_multi_search(Lexer& in, Command& command);
/// "subtree (a b)" and its like.
bool parse_mailbox_filter(Lexer& in, MailboxFilter& filter);
bool parse_notify(Lexer& in, Command& command);

/// "1:100" or "-1:-100" of PARTIAL (RFC 9394).
std::optional<PartialRange> parse_partial_range(Lexer& in);

}  // namespace quartet::imapd
