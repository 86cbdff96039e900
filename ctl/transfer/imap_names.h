// What an IMAP server's mailboxes are called here.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ctl/transfer/imap_client.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// Of a NAMESPACE response (RFC 9051 section 6.3.10): what names begin with.
struct ImapNamespaces {
  std::string personal;             // "INBOX."; "" where names begin with nothing
  std::vector<std::string> others;  // of other users and of nobody
};
ImapNamespaces namespaces_of(const std::vector<ImapResponse>& answer);

/// The mailbox of a LIST response; nullopt for what cannot be selected, and for what is not the user's own. The name is
/// without the prefix of the namespace; a '/' within a level becomes '_'.
std::optional<Folder> folder_of(const ImapResponse& response, const ImapNamespaces& namespaces);

}  // namespace quartet::transfer
