// What scripts ask of the site and have it do: RFC 5230, RFC 5435, RFC 5490, RFC 5183, RFC 7352, RFC 8579.
#include "common/sieve/answers.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::sieve;

namespace {

const std::string kVacation = "require [\"vacation\", \"vacation-seconds\"]; vacation ";

Vacation vacation(const Run& what) {
  const auto outcome = outcome_of(what);
  INFO(outcome.no_vacation);
  REQUIRE(outcome.actions.size() == 2);
  return std::get<Vacation>(outcome.actions[0]);
}

std::string why_not(const std::string& header, const std::string& from = "coyote@desert.example.org") {
  return outcome_of({kVacation + "\"gone\";", header + "\r\n", from}).no_vacation;
}

const Answering kAnswering{"ann@b.example", "<new.1@b.example>", "mda.b.example", from_micros(1'795'525'509'000'000)};

}  // namespace

TEST_CASE("mailboxes and their uses", "[sieve][rfc5490][rfc8579]") {
  CHECK(holds("mailboxexists [\"INBOX\", \"Lists\"]", "\"mailbox\""));
  CHECK_FALSE(holds("mailboxexists [\"INBOX\", \"None\"]", "\"mailbox\""));
  CHECK(actions_of({"require [\"mailbox\", \"fileinto\"]; fileinto :create \"New\";"}) ==
        Lines{"fileinto :create \"New\""});
  CHECK(actions_of({"require [\"mailbox\", \"fileinto\"]; fileinto \"New\"; fileinto :create \"New\";"}) ==
        Lines{"fileinto :create \"New\""});
  CHECK(holds("specialuse_exists \"\\\\Junk\"", "\"special-use\""));
  CHECK_FALSE(holds("specialuse_exists [\"\\\\Junk\", \"\\\\Sent\"]", "\"special-use\""));
  CHECK(holds("specialuse_exists \"Junk\" \"\\\\Junk\"", "\"special-use\""));
  CHECK_FALSE(holds("specialuse_exists \"Lists\" \"\\\\Junk\"", "\"special-use\""));
  CHECK(actions_of({"require [\"special-use\", \"fileinto\"]; fileinto :specialuse \"\\\\Junk\" \"Spam\";"}) ==
        Lines{"fileinto \"Junk\""});
  CHECK(actions_of({"require [\"special-use\", \"fileinto\"]; fileinto :specialuse \"\\\\Sent\" \"Spam\";"}) ==
        Lines{"fileinto \"Spam\""});
  // RFC 8579 section 4.1: what is made gets the use, what is found has it.
  const std::string create = "require [\"special-use\", \"fileinto\", \"mailbox\"]; fileinto :create :specialuse ";
  CHECK(actions_of({create + "\"\\\\Sent\" \"Spam\";"}) == Lines{"fileinto :create :specialuse \"\\\\Sent\" \"Spam\""});
  CHECK(actions_of({create + "\"\\\\sent\" \"Spam\";"}) == Lines{"fileinto :create :specialuse \"\\\\Sent\" \"Spam\""});
  for (const auto* none : {"\\\\All", "Sent", "\\\\Sent \\\\Trash"})
    CHECK(actions_of({create + "\"" + none + "\" \"Spam\";"}) == Lines{"fileinto :create \"Spam\""});
  CHECK(actions_of({create + "\"\\\\Junk\" \"Spam\";"}) == Lines{"fileinto :create \"Junk\""});
}

TEST_CASE("annotations of mailboxes and of the server", "[sieve][rfc5490]") {
  const auto* const of_mailbox = "\"mboxmetadata\", \"relational\"";
  CHECK(holds("metadata :contains \"Lists\" \"/private/comment\" [\"none\", \"LISTS\"]", of_mailbox));
  CHECK_FALSE(holds("metadata :contains \"Junk\" \"/private/comment\" \"\"", of_mailbox));
  CHECK_FALSE(holds("metadata :count \"eq\" \"Junk\" \"/private/comment\" \"0\"", of_mailbox));
  CHECK(holds("metadataexists \"Lists\" \"/private/comment\"", of_mailbox));
  CHECK_FALSE(holds("metadataexists \"Lists\" [\"/private/comment\", \"/shared/comment\"]", of_mailbox));
  CHECK(holds("servermetadata :is \"/shared/admin\" \"mailto:root@b.example\"", "\"servermetadata\""));
  CHECK(holds("servermetadataexists \"/shared/admin\"", "\"servermetadata\""));
  CHECK_FALSE(holds("servermetadataexists [\"/shared/admin\", \"/private/x\"]", "\"servermetadata\""));
  CHECK(errors_of("if metadata \"a\" \"/private/b\" \"c\" {}") ==
        Lines{"1:4: metadata needs: require \"mboxmetadata\""});
}

TEST_CASE("the environment", "[sieve][rfc5183]") {
  CHECK(holds("environment \"Location\" \"mda\"", "\"environment\""));
  CHECK_FALSE(holds("environment :contains \"vnd.none\" \"\"", "\"environment\""));
  CHECK_FALSE(holds("environment :count \"eq\" \"vnd.none\" \"0\"", "\"environment\", \"relational\""));
  CHECK(holds("environment :count \"eq\" \"location\" \"1\"", "\"environment\", \"relational\""));
}

TEST_CASE("duplicates are remembered when all is done", "[sieve][rfc7352]") {
  TestWorld world;
  const Run what{"require \"duplicate\"; if duplicate { discard; }"};
  const auto first = outcome_of(what, world);
  CHECK(first.actions.size() == 1);
  REQUIRE(first.remember.size() == 1);
  CHECK(first.remember[0].seconds == 7 * 86'400);
  world.remembered.insert(first.remember[0].key);
  CHECK(outcome_of(what, world).actions.empty());
  CHECK(outcome_of(what, world).remember.empty());
  // With another handle it is another thing; with :last, time begins again.
  CHECK_FALSE(holds("duplicate :handle \"x\"", "\"duplicate\"", {}, &world));
  CHECK(outcome_of({"require \"duplicate\"; if duplicate :last :seconds 60 { discard; }"}, world).remember.size() == 1);
  CHECK_FALSE(holds("duplicate :header \"X-None\"", "\"duplicate\"", {}, &world));
  CHECK(outcome_of({"require \"duplicate\"; if anyof(duplicate :uniqueid \"a\", duplicate :uniqueid \"a\") {}"}, world)
            .remember.size() == 1);
  CHECK(errors_of("require \"duplicate\"; if duplicate :header \"a\" :uniqueid \"b\" {}").size() == 1);
}

TEST_CASE("what makes a message a duplicate", "[sieve][rfc7352]") {
  TestWorld world;
  const auto first_key = [&](const std::string& test) {
    const auto outcome = outcome_of({"require [\"duplicate\", \"variables\"]; if duplicate " + test + " {}"}, world);
    return outcome.remember.empty() ? "none" : outcome.remember[0].key;
  };
  // The value counts as a reader sees it, wherever it comes from.
  CHECK(first_key("") == first_key(":header \"message-id\""));
  CHECK(first_key(":header \"subject\"") == first_key(":uniqueid \"I have a present for you \xE2\x98\xBA\""));
  CHECK(first_key(":header \"subject\"") != first_key(":handle \"x\" :header \"subject\""));
  CHECK(first_key(":header \"x-empty\"") != "none");
  CHECK(first_key(":uniqueid \"\"") != "none");
  CHECK(first_key(":header \"x-none\"") == "none");
  CHECK(first_key(":header \"not a name\"") == "none");
  world.remembered.insert(first_key(":uniqueid \"a\""));
  CHECK(holds("duplicate :uniqueid \"a\"", "\"duplicate\"", {}, &world));
  CHECK_FALSE(holds("duplicate :seconds 0 :uniqueid \"a\"", "\"duplicate\"", {}, &world));
  CHECK(first_key(":seconds 0 :uniqueid \"b\"") == "none");
}

TEST_CASE("vacation: what is said", "[sieve][rfc5230]") {
  const auto plain = vacation({kVacation + "\"I am away\";"});
  CHECK(plain.to == "coyote@desert.example.org");
  CHECK(plain.subject == "Auto: I have a present for you \xE2\x98\xBA");
  CHECK(plain.seconds == 7 * 86'400);
  CHECK(plain.in_reply_to == "<1@desert.example.org>");
  CHECK(vacation({kVacation + ":days 3 :subject \"Gone\" \"x\";"}).seconds == 3 * 86'400);
  CHECK(vacation({kVacation + ":days 0 \"x\";"}).seconds == 86'400);
  CHECK(vacation({kVacation + ":days 1000 \"x\";"}).seconds == 90 * 86'400);
  CHECK(vacation({kVacation + ":seconds 60 \"x\";"}).seconds == 60);
  // Other words are another reply, unless a handle makes them one.
  CHECK(vacation({kVacation + "\"x\";"}).key != vacation({kVacation + "\"y\";"}).key);
  CHECK(vacation({kVacation + ":handle \"h\" \"x\";"}).key == vacation({kVacation + ":handle \"h\" \"y\";"}).key);
  CHECK(errors_of(kVacation + ":days 1 :seconds 1 \"x\";").size() == 1);
  CHECK(actions_of({kVacation + "\"x\"; vacation \"y\";"}).back().ends_with("vacation twice"));
}

TEST_CASE("vacation: who gets no reply", "[sieve][rfc5230]") {
  CHECK(why_not("To: ann@b.example\r\n").empty());
  CHECK(why_not("Cc: Ann <ANN@c.example>\r\n").empty());
  CHECK(why_not("Resent-To: ann+sieve@b.example\r\n").empty());
  CHECK(why_not("To: list@b.example\r\n") == "no address of the user is named as recipient");
  CHECK(outcome_of({kVacation + ":addresses \"list@b.example\" \"x\";", "To: list@b.example\r\n\r\n"})
            .no_vacation.empty());
  CHECK(why_not("To: ann@b.example\r\n", "") == "the sender is <>");
  CHECK(why_not("To: ann@b.example\r\n", "ann@c.example") == "the sender is the user");
  for (const auto* sender : {"MAILER-DAEMON@x.example", "owner-list@x.example", "list-request@x.example"})
    CHECK(why_not("To: ann@b.example\r\n", sender) == "the sender is a program");
  CHECK(why_not("To: ann@b.example\r\nList-Id: <x>\r\n") == "the message came by a list");
  CHECK(why_not("To: ann@b.example\r\nAuto-Submitted: auto-replied\r\n") == "the message was sent by a program");
  CHECK(why_not("To: ann@b.example\r\nAuto-Submitted: no\r\n").empty());
  CHECK(why_not("To: ann@b.example\r\nPrecedence: bulk\r\n") == "the message was sent to many");
  CHECK(why_not("To: ann@b.example\r\nX-Auto-Response-Suppress: DR, OOF\r\n") ==
        "the message asks for no automatic answer");
  CHECK(why_not("To: ann@b.example\r\nX-Auto-Response-Suppress: All\r\n") ==
        "the message asks for no automatic answer");
  CHECK(why_not("To: ann@b.example\r\nX-Auto-Response-Suppress: DR, RN\r\n").empty());
}

TEST_CASE("vacation: who answers", "[sieve][rfc5230]") {
  const auto from = [](const std::string& text) {
    return vacation_reply(vacation({kVacation + ":from \"" + text + "\" \"x\";"}), kAnswering);
  };
  CHECK(from("desk@b.example").contains("\r\nFrom: desk@b.example\r\n"));
  CHECK(from("Ann Arbor <desk@b.example>").contains("\r\nFrom: Ann Arbor <desk@b.example>\r\n"));
  CHECK(from("\\\"Ann, A.\\\" <desk@b.example>").contains("\r\nFrom: \"Ann, A.\" <desk@b.example>\r\n"));
  CHECK(from("\xC3\x84nn <desk@b.example>").contains("\r\nFrom: =?utf-8?"));
  // Mail to that address is mail to the user.
  CHECK(outcome_of({kVacation + ":from \"Desk <desk@b.example>\" \"x\";", "To: desk@b.example\r\n\r\n"})
            .no_vacation.empty());
}

TEST_CASE("vacation: what it answers to", "[sieve][rfc5230]") {
  const auto to = [](const std::string& header) {
    const auto letter = "To: ann@b.example\r\n" + header + "\r\n";
    return vacation({kVacation + "\"x\";", letter});
  };
  CHECK(to("").subject == "Automated reply");
  CHECK(to("Subject:\r\n").subject == "Automated reply");
  CHECK(to("References: <1@a> <2@a>\r\nIn-Reply-To: <3@a>\r\n").references == "<1@a> <2@a>");
  CHECK(to("In-Reply-To: <3@a>\r\n").references == "<3@a>");
  // RFC 5322 section 3.6.4: of more than one, or of prose, nobody knows what it is about.
  CHECK(to("In-Reply-To: <3@a> <4@a>\r\n").references.empty());
  CHECK(to("In-Reply-To: Your message of Monday\r\n").references.empty());
}

TEST_CASE("vacation: the reply", "[sieve][rfc5230]") {
  const auto reply =
      vacation_reply(vacation({kVacation + ":subject \"Weg \xE2\x98\xBA\" \"I am\r\naway\";"}), kAnswering);
  CHECK(reply.contains("From: ann@b.example\r\n"));
  CHECK(reply.contains("To: coyote@desert.example.org\r\n"));
  CHECK(reply.contains("Subject: =?utf-8?"));
  CHECK(reply.contains("In-Reply-To: <1@desert.example.org>\r\n"));
  CHECK(reply.contains("References: <1@desert.example.org>\r\n"));
  CHECK(reply.contains("Auto-Submitted: auto-replied (vacation)\r\n"));
  CHECK(reply.contains("\r\n\r\nI am\r\naway"));
  const auto mime =
      vacation_reply(vacation({kVacation + ":mime text:\nContent-Type: text/html\n\n<b>away</b>\n.\n;"}), kAnswering);
  CHECK(mime.contains("MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<b>away</b>\r\n"));
}

TEST_CASE("a reply refers to identifiers and to nothing else (RFC 5322 section 3.6.4)", "[sieve][rfc5230]") {
  const auto reply_to = [](const std::string& header) {
    return vacation_reply(vacation({kVacation + "\"x\";", "To: ann@b.example\r\n" + header + "\r\n"}), kAnswering);
  };
  const std::vector<std::string> odd = {"not an id \xC3\xA9", "<1@b", "<a b@c>", "<" + std::string(1'200, 'x') + "@b>"};
  for (const auto& id : odd) {
    const auto reply = reply_to("Message-ID: " + id + "\r\n");
    CHECK_FALSE(reply.contains("In-Reply-To:"));
    CHECK_FALSE(reply.contains("References:"));
  }
  const auto reply = reply_to("Message-ID: <3@a>\r\nReferences: <1@a>\tword <2@a>\r\n");
  CHECK(reply.contains("In-Reply-To: <3@a>\r\n"));
  CHECK(reply.contains("References: <1@a> <2@a> <3@a>\r\n"));
}

TEST_CASE("a message says what went wrong with the script", "[sieve]") {
  CHECK(*with_fault("Subject: a\r\n\r\nb\r\n", "main:1:1: unknown command \"quux\"") ==
        "X-Sieve-Error: main:1:1: unknown command \"quux\"\r\nSubject: a\r\n\r\nb\r\n");
  // Behind one without a header a line is missing that would end it.
  CHECK(*with_fault("hello\r\n", "wrong") == "X-Sieve-Error: wrong\r\n\r\nhello\r\n");
  // RFC 5463 section 5: the text of an error can be anything.
  CHECK_FALSE(with_fault("\r\n", "a\r\nBcc: b")->contains("\nBcc:"));
}

TEST_CASE("an answer has all its fields, whatever the subject says", "[sieve]") {
  const std::string letter = "To: ann@b.example\r\nSubject: about MIME-Version: 1.0\r\n\r\nx\r\n";
  const auto reply =
      vacation_reply(vacation({kVacation + ":mime \"Content-Type: text/plain\r\n\r\naway\";", letter}), kAnswering);
  CHECK(reply.contains("\r\nSubject: Auto: about MIME-Version: 1.0\r\n"));
  CHECK(reply.contains("\r\nAuto-Submitted: auto-replied (vacation)\r\n"));
  const auto notice = refusal({"no", false}, "x@c.example", letter, kAnswering);
  CHECK(notice.contains("\r\nSubject: Refused: about MIME-Version: 1.0\r\n"));
  CHECK(notice.contains("\r\nAuto-Submitted: auto-replied (rejected)\r\n"));
}

TEST_CASE("notifications by mail", "[sieve][rfc5435][rfc5436]") {
  const std::string require = "require [\"enotify\", \"variables\", \"relational\"]; ";
  const auto outcome = outcome_of(
      {require + "notify :importance \"1\" :message \"You got mail\" "
                 "\"mailto:pager@c.example?cc=b%40c.example&subject=x&body=hello&From=evil@c.example&X-P=1\";"});
  REQUIRE(outcome.actions.size() == 2);
  const auto& notify = std::get<Notify>(outcome.actions[0]);
  CHECK(notify.to.recipients == Lines{"pager@c.example", "b@c.example"});
  const auto text = notification(notify, kAnswering);
  CHECK(text.contains("Subject: You got mail\r\n"));
  CHECK(text.contains("From: ann@b.example\r\n"));
  CHECK_FALSE(text.contains("evil"));
  CHECK(text.contains("To: pager@c.example\r\n"));
  CHECK(text.contains("Cc: b@c.example\r\n"));
  const auto hidden = outcome_of({require + "notify \"mailto:?bcc=hidden@c.example\";"});
  CHECK(std::get<Notify>(hidden.actions.at(0)).to.recipients == Lines{"hidden@c.example"});
  CHECK_FALSE(notification(std::get<Notify>(hidden.actions[0]), kAnswering).contains("hidden"));
  CHECK(text.contains("X-P: 1\r\n"));
  CHECK(text.contains("X-Priority: 1 (Highest)\r\n"));
  CHECK(text.contains("Auto-Submitted: auto-notified; owner-email=\"ann@b.example\"\r\n"));
  CHECK(text.contains("\r\n\r\nhello"));
  // RFC 5436 section 2.7: the subject is kept where none is given.
  CHECK(actions_of({require + "notify \"mailto:p@c.example\";"})[0].contains(": \"I have a present"));
  CHECK(actions_of({require + "notify \"mailto:p@c.example\";", "From: x@c.example\r\n\r\n"})[0].contains(
      ": \"x@c.example"));
  CHECK(actions_of({require + "notify \"mailto:p@c.example?subject=s\";"})[0].contains(": \"s\""));
  CHECK(actions_of({require + "notify \"mailto:p@c.example\";", "Auto-Submitted: auto-notified\r\n\r\n"}) ==
        Lines{"keep"});
  CHECK(holds("valid_notify_method \"mailto:a@b.example\"", "\"enotify\""));
  CHECK_FALSE(holds("valid_notify_method [\"mailto:a@b.example\", \"xmpp:a@b.example\"]", "\"enotify\""));
  CHECK_FALSE(holds("valid_notify_method \"mailto:a@b.example?subject=%0\"", "\"enotify\""));
  CHECK(holds("notify_method_capability \"mailto:a@b.example\" \"online\" \"maybe\"", "\"enotify\""));
  const std::string count = "notify_method_capability :count \"eq\" ";
  CHECK(holds(count + "\"mailto:a@b.example\" \"online\" \"1\"", "\"enotify\", \"relational\""));
  CHECK_FALSE(holds(count + "\"mailto:a@b.example\" \"none\" \"0\"", "\"enotify\", \"relational\""));
  CHECK_FALSE(holds(count + "\"tel:1\" \"online\" \"0\"", "\"enotify\", \"relational\""));
  CHECK(errors_of(require + "notify \"tel:1\";").size() == 1);
  CHECK(errors_of(require + "notify :from \"a b\" \"mailto:a@b.example\";").size() == 1);
  CHECK(actions_of({require + "set \"a\" \"none\"; notify :from \"${a}\" \"mailto:a@b.example\";"})
            .back()
            .contains("which is no address"));
  CHECK(errors_of(require + "notify :importance \"4\" \"mailto:a@b.example\";").size() == 1);
}

TEST_CASE("a refusal is a notice of disposition", "[sieve][rfc5429][rfc8098]") {
  const auto text = refusal({"No \xE2\x98\xBA", false}, "coyote@desert.example.org", kLetter, kAnswering);
  CHECK(text.contains("To: coyote@desert.example.org\r\n"));
  CHECK(text.contains("refused by a mail filter"));
  CHECK(text.contains("report-type=disposition-notification"));
  CHECK(text.contains("Final-Recipient: rfc822;ann@b.example\r\n"));
  CHECK(text.contains("Original-Message-ID: <1@desert.example.org>\r\n"));
  CHECK(text.contains("Disposition: automatic-action/MDN-sent-automatically; deleted\r\n"));
  CHECK(text.contains("X-Caffeine: C8H10N4O2\r\n"));
  CHECK_FALSE(text.contains("anvil"));
}
