// The report about one domain, and the letter that brings it (RFC 8460 sections 4 and 5).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/mime/dkim.h"
#include "quartet/tlsrpt/v1/report.pb.h"

namespace quartet::tlsrpt {

struct Author {
  std::string hostname;
  std::string organization;
  std::string contact;                     // for questions
  std::string sender;                      // address
  std::optional<mime::DkimSigner> dkim{};  // receivers ignore letters without a signature (section 5.3)
};

v1::Report make_report(const Author& author, const v1::Period& period, const std::string& domain);
/// RFC 8460 section 4.4, gzipped: of the type application/tlsrpt+gzip.
std::string compressed(const v1::Report& report);
std::string to_json(const v1::Report& report);

/// The letter to `address`, with CRLF line ends. `bytes` is what compressed() made of `report`. The error is that of
/// the key.
std::expected<std::string, std::string> make_letter(const Author& author, const v1::Period& period,
                                                    const v1::Report& report, const std::string& bytes,
                                                    const std::string& address, WallTime now);

}  // namespace quartet::tlsrpt
