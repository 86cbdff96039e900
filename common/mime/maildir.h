// Names of the files of a Maildir (https://cr.yp.to/proto/maildir.html): a base that no other message ever has, and
// letters that change.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::mime {

/// "1795525509.UNIQUE.host,S=42": the time for readers that sort, what makes it unlike any other, the host for file
/// systems that several share, and the size of the file, as Dovecot and Courier read it. What may not be in such a name
/// is replaced.
std::string maildir_base_name(WallTime time, std::string_view unique, std::string_view host, std::size_t size);

struct MaildirName {
  std::string_view base;
  std::string_view letters;  // what follows ":2,"
};
/// Of a file in cur/ or new/, without the directory.
MaildirName parse_maildir_name(std::string_view file);
/// In cur/; the letters are put in order, each once.
std::string maildir_name(std::string_view base, std::string letters);

}  // namespace quartet::mime
