#include "common/tlsrpt/report.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <zlib.h>

#include "common/base/check.h"
#include "common/mime/builder.h"

namespace quartet::tlsrpt {
namespace {

constexpr int kGzip = 15 + 16;  // zlib's way to ask for gzip's header

/// "2026-11-26T00:00:00Z"
std::string date_time(std::int64_t seconds) {
  auto text = to_rfc3339(from_micros(seconds * 1'000'000));
  return text.substr(0, text.find('.')) + "Z";
}

std::int64_t last_second(const v1::Period& period) { return period.start() + period.length() - 1; }

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  QUARTET_CHECK(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  QUARTET_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string human_text(const Author& author, const v1::Report& report, const std::string& domain) {
  std::uint64_t successful = 0, failed = 0;
  for (const auto& result : report.policies()) {
    successful += result.summary().successful();
    failed += result.summary().failed();
  }
  return fmt::format(
      "This is a report about TLS in sessions of {} with the mail hosts of {}\n"
      "from {} to {}.\n\n"
      "Sessions as the policy of the domain wants them: {}\nSessions that were not: {}\n\n"
      "The attachment has the details (RFC 8460). Questions: {}\n",
      author.organization, domain, report.date_range().start(), report.date_range().end(), successful, failed,
      author.contact);
}

}  // namespace

v1::Report make_report(const Author& author, const v1::Period& period, const std::string& domain) {
  v1::Report report;
  report.set_organization_name(author.organization);
  report.mutable_date_range()->set_start(date_time(period.start()));
  report.mutable_date_range()->set_end(date_time(last_second(period)));
  report.set_contact_info(author.contact);
  // Also an id of RFC 5322, which has no colons: the subject must have it as one (section 5.3).
  report.set_report_id(fmt::format("{}_{}@{}", period.start(), domain, author.hostname));
  for (const auto& result : period.result()) {
    if (result.policy().domain() == domain) *report.add_policies() = result;
  }
  return report;
}

std::string to_json(const v1::Report& report) {
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(report, &json);
  QUARTET_CHECK(status.ok());
  return json;
}

std::string compressed(const v1::Report& report) { return gzip(to_json(report)); }

std::expected<std::string, std::string> make_letter(const Author& author, const v1::Period& period,
                                                    const v1::Report& report, const std::string& bytes,
                                                    const std::string& address, WallTime now) {
  const auto& domain = report.policies(0).policy().domain();
  const auto submitter = author.sender.substr(author.sender.rfind('@') + 1);
  mime::SimpleMessage message;
  message.fields = {
      {"From", author.sender},
      {"To", address},
      {"Date", to_rfc5322(now)},
      {"Message-ID", fmt::format("<tlsrpt.{}.{}@{}>", period.start(), domain, author.hostname)},
      {"Subject",
       fmt::format("Report Domain: {} Submitter: {} Report-ID: <{}>", domain, submitter, report.report_id())},
      {"TLS-Report-Domain", domain},
      {"TLS-Report-Submitter", submitter},
      // Section 5.3: it must arrive whatever is wrong with TLS; RFC 8689 section 5 has the word for it.
      {"TLS-Required", "No"},
      {"Auto-Submitted", "auto-generated"},
  };
  message.report_type = "tlsrpt";
  message.text = human_text(author, report, domain);
  message.attachments.push_back(
      {"application/tlsrpt+gzip",
       fmt::format("{}!{}!{}!{}.json.gz", submitter, domain, period.start(), last_second(period)), bytes});
  auto letter = mime::build_message(message);
  if (!author.dkim) return letter;
  auto signature = mime::dkim_signature(*author.dkim, letter, now);
  if (!signature) return std::unexpected(std::move(signature.error()));
  return *std::move(signature) + letter;
}

}  // namespace quartet::tlsrpt
