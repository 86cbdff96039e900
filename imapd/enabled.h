// What a client has enabled, by ENABLE (RFC 5161) or by using it. It stays so for as long as the client is logged in.
#pragma once

namespace quartet::imapd {

struct Enabled {
  bool rev2 = false;         // IMAP4rev2 (RFC 9051): ESEARCH for every SEARCH, nothing of \Recent
  bool utf8 = false;         // names of mailboxes and quoted strings go out in UTF-8: IMAP4rev2 or UTF8=ACCEPT
  bool utf8_accept = false;  // UTF8=ACCEPT (RFC 9755)
  bool condstore = false;    // every FETCH response that tells of flags has MODSEQ too (RFC 7162 section 3.1)
  bool uidonly = false;      // messages have no numbers any more, only UIDs (RFC 9586)
  bool qresync = false;      // VANISHED instead of EXPUNGE (RFC 7162 section 3.2); condstore as well
};

}  // namespace quartet::imapd
