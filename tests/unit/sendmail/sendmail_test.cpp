// The command line of sendmail, the message it makes, its exit codes and mailq's text.
#include <sysexits.h>

#include <catch2/catch.hpp>

#include "ctl/sendmail/command_line.h"
#include "ctl/sendmail/exit_code.h"
#include "ctl/sendmail/letter.h"
#include "ctl/sendmail/queues.h"

using namespace quartet;
using namespace quartet::sendmail;
using Mode = CommandLine::Mode;

namespace {

const Author kAuthor{"cron@host.example", "Cron, Daemon", "host.example"};

auto parse(const std::vector<std::string>& words, const std::string& name = "sendmail") {
  return parse_command_line(name, words);
}

std::string message(std::string_view input, bool take = false) {
  return make_letter(input, false, take, kAuthor, WallTime()).message;
}

}  // namespace

TEST_CASE("options as cron, PHP and mail programs write them", "[sendmail]") {
  const auto php = parse({"-t", "-i"});
  REQUIRE(php);
  CHECK(php->recipients_of_header);
  CHECK_FALSE(php->dot_ends);
  const auto cron = parse({"-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"});
  REQUIRE(cron);
  CHECK(cron->full_name == "CronDaemon");
  CHECK(cron->recipients == std::vector<std::string>{"root"});
  CHECK_FALSE(cron->sender);
  const auto both = parse({"-ti", "-f", "<a@b.example>", "--", "-odd@b.example"});
  REQUIRE(both);
  CHECK(both->recipients_of_header);
  CHECK_FALSE(both->dot_ends);
  CHECK(both->sender == "a@b.example");
  CHECK(both->recipients == std::vector<std::string>{"-odd@b.example"});
  CHECK(parse({"-f", "<>"})->sender == "");
  CHECK_FALSE(parse({"-oi", "a"})->dot_ends);
  CHECK(parse({"-Ac", "-em", "a"})->recipients == std::vector<std::string>{"a"});
  CHECK(parse({"-N", "failure,delay"})->notify == (smtp::kNotifyFailure | smtp::kNotifyDelay));
  CHECK(parse({"-bp"})->mode == Mode::kList);
  CHECK(parse({}, "mailq")->mode == Mode::kList);
  CHECK(parse({"-q"})->mode == Mode::kRetry);
}

TEST_CASE("what is not done here is refused, not ignored", "[sendmail]") {
  for (const auto* word : {"-bs", "-bd", "-bv", "-q30m", "-Z", "-f", "-Nsometimes", "-Rsome", "-Xfile"}) {
    INFO(word);
    CHECK_FALSE(parse({word}));
  }
}

TEST_CASE("line ends become CRLF, a lone dot ends what -i does not keep", "[sendmail]") {
  const std::string_view input = "From: a@b.example\nDate: x\nMessage-ID: <1@b>\n\none\r\ntwo\r\r\n.\nthree\rfour";
  CHECK(message(input) ==
        "From: a@b.example\r\nDate: x\r\nMessage-ID: <1@b>\r\n\r\none\r\ntwo\r\n.\r\nthree\r\nfour\r\n");
  CHECK(make_letter(input, true, false, kAuthor, WallTime()).message ==
        "From: a@b.example\r\nDate: x\r\nMessage-ID: <1@b>\r\n\r\none\r\ntwo\r\n");
}

TEST_CASE("missing fields are added, text without a header is all body", "[sendmail]") {
  const auto made = message("done\n");
  CHECK(made.starts_with(
      "From: \"Cron, Daemon\" <cron@host.example>\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <"));
  CHECK(made.ends_with("@host.example>\r\n\r\ndone\r\n"));
  CHECK(message("From me Thu Nov 26\nSubject: x\n\n").starts_with("Subject: x\r\nFrom: "));
}

TEST_CASE("recipients of the header, and Bcc is told to nobody", "[sendmail]") {
  const std::string_view input =
      "To: Ann <ann@b.example>,\n root\nBCC: hidden@b.example,\n more@b.example\nCc: friends: c@b.example;\n\nBcc: "
      "body\n";
  const auto letter = make_letter(input, false, true, kAuthor, WallTime());
  std::vector<std::string> all;
  for (const auto& value : letter.recipients)
    for (auto& address : addresses_in(value, "host.example")) all.push_back(address);
  CHECK(all == std::vector<std::string>{"ann@b.example", "root@host.example", "hidden@b.example", "more@b.example",
                                        "c@b.example"});
  CHECK(letter.message.find("hidden") == std::string::npos);
  CHECK(letter.message.find("more@") == std::string::npos);
  CHECK(letter.message.ends_with("\r\n\r\nBcc: body\r\n"));
  CHECK(message(input).find("hidden") != std::string::npos);
  const auto resent = make_letter("Resent-To: new@b.example\nTo: old@b.example\n\n", false, true, kAuthor, WallTime());
  REQUIRE(resent.recipients.size() == 1);
  CHECK(addresses_in(resent.recipients[0], "") == std::vector<std::string>{"new@b.example"});
  CHECK(addresses_in("undisclosed:;, <>, @b.example", "") == std::vector<std::string>{"@b.example"});
}

TEST_CASE("exit codes tell the caller whether to try again", "[sendmail]") {
  CHECK(exit_code(smtp::Reply(250, "2.1.5", "yes")) == EX_OK);
  CHECK(exit_code(smtp::Reply(451, "4.3.0", "later")) == EX_TEMPFAIL);
  CHECK(exit_code(smtp::Reply()) == EX_TEMPFAIL);
  CHECK(exit_code(smtp::Reply(550, "5.1.1", "no such user")) == EX_NOUSER);
  CHECK(exit_code(smtp::Reply(550, "5.1.2", "no such host")) == EX_NOHOST);
  CHECK(exit_code(smtp::Reply(550, "5.7.1", "no relaying")) == EX_NOPERM);
  CHECK(exit_code(smtp::Reply(552, "5.3.4", "too large")) == EX_DATAERR);
  CHECK(exit_code(smtp::Reply(554, "", "no")) == EX_UNAVAILABLE);
  CHECK(exit_code(smtp::ClientError{smtp::ClientError::Kind::kNetwork, "refused", {}}) == EX_TEMPFAIL);
}

TEST_CASE("mailq groups recipients by message", "[sendmail]") {
  CHECK(mailq_text({}) == "Mail queue is empty\n");
  std::vector<control::v1::QueueEntry> entries(3);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].set_message_id(i < 2 ? "first" : "second");
    entries[i].set_size(1000);
    entries[i].set_recipient("r" + std::to_string(i) + "@b.example");
  }
  entries[0].set_sender("s@a.example");
  entries[0].mutable_last()->set_code(451);
  entries[0].mutable_last()->set_text("later");
  entries[0].mutable_received()->set_seconds(1'796'130'309);  // a day of one digit
  entries[2].set_state(control::v1::STATE_HELD);
  const auto text = mailq_text(entries);
  CHECK(text.find("(451  later)") != std::string::npos);
  CHECK(text.find("Tue Dec  1 13:05:09") != std::string::npos);
  CHECK(text.find("second!") != std::string::npos);
  CHECK(text.find("MAILER-DAEMON") != std::string::npos);
  CHECK(text.ends_with("-- 2 Kbytes in 2 Requests.\n"));
}
