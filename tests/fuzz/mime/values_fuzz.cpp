// Header values of any bytes: readers do not fail, and what is written reads back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/mime/address.h"
#include "common/mime/builder.h"
#include "common/mime/charset.h"
#include "common/mime/content.h"
#include "common/mime/date.h"
#include "common/mime/digest.h"
#include "common/mime/dsn.h"
#include "common/mime/encoded_word.h"
#include "common/mime/lines.h"
#include "common/mime/structure.h"
#include "common/mime/trace.h"

using namespace quartet;
using namespace quartet::mime;

namespace {

void check_words(std::string_view value) {
  const std::string decoded = decode_words(value);
  QUARTET_CHECK(is_utf8(decoded));
  const std::string encoded = encode_words(decoded);
  QUARTET_CHECK(is_ascii(encoded) && encode_words(decoded, 60).size() >= decoded.size());
  if (decoded.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos && encoded != decoded)
    QUARTET_CHECK(decode_words(encoded) == decoded);
  QUARTET_CHECK(base_subject(decoded).text.size() <= decoded.size());
}

void check_trace(std::string_view value) {
  Received received;
  received.helo = received.client = received.by = received.id = received.for_address = received.tls = value;
  const std::string field = received_field(received) + return_path_field(value) + "\r\n";
  const Header header(field);
  QUARTET_CHECK(header.fields().size() == 2 && header.size() == field.size());
}

void check_builder(std::string_view value) {
  SimpleMessage simple;
  simple.fields = {{"From", std::string(value)}, {"Subject", std::string(value)}};
  simple.text = value;
  simple.attachments = {{"application/x", std::string(value), std::string(value)}};
  const std::string message = build_message(simple);
  const Part root = parse_structure(message);
  QUARTET_CHECK(root.children.size() == 2);
  QUARTET_CHECK(decode(root.children[1].encoding, root.children[1].body(message)) == value);
  QUARTET_CHECK(root.children[0].encoding == Encoding::k7Bit || is_utf8(value) || !is_ascii(value));
}

void check_dsn(std::string_view value) {
  Dsn dsn;
  dsn.reporting_mta = "mx.a.test";
  dsn.to = "ann@a.test";
  DsnRecipient recipient;
  recipient.final_recipient = "bob@b.test";
  recipient.diagnostic = recipient.remote_mta = value;
  dsn.envelope_id = value;
  dsn.recipients.push_back(recipient);
  dsn.original = value;
  dsn.return_full = true;
  const std::string message = build_dsn(dsn);
  const LineScan scan = scan_lines(message);
  QUARTET_CHECK(!scan.eight_bit && !scan.nul && !scan.lone_cr && !scan.lone_lf);
  const Part root = parse_structure(message);
  QUARTET_CHECK(root.children.size() == (value.empty() ? 2 : 3));
  QUARTET_CHECK(root.children[1].type.is("message", "delivery-status"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  check_words(value);
  for (const Address& address : parse_addresses(value)) {
    if (address.kind != Address::Kind::kMailbox) continue;
    (void)format_mailbox(address.name, address.address());
  }
  for (const Parameter& parameter : parse_content_type(value).parameters)
    QUARTET_CHECK(parameter.name.size() + parameter.value.size() <= 4 * size);
  (void)parse_disposition(value);
  (void)parse_languages(value);
  if (const auto date = parse_date(value)) {
    const auto again = parse_date(format_date(date->time(), date->zone));
    QUARTET_CHECK(date->zone % 60 == 0 || again.has_value());
  }
  if (const auto date = parse_imap_date_time(value))
    QUARTET_CHECK(parse_imap_date_time(format_imap_date_time(date->time(), date->zone)) == date);
  check_trace(value);
  check_builder(value);
  check_dsn(value);
  return 0;
}
