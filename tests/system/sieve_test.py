#!/usr/bin/env python3
"""Sieve scripts at the mda: what they file, send on, refuse and answer, with the real daemons of two sites."""
import email
import email.policy
import os
import subprocess
import unittest

from harness import as_bytes
from sieve_site import SieveTestCase, install
from sites.process import wait_until


class Filing(SieveTestCase):
    def test_into_mailboxes_that_are_there_or_are_made(self):
        script = ('require ["fileinto", "mailbox", "imap4flags"];\n'
                  'if header :contains "subject" "sale" { fileinto :flags ["\\\\Seen", "$shop"] "Junk"; }\n'
                  'elsif header :contains "subject" "list" { fileinto :create "Lists/Quartet"; }\n')
        sale = self.letter("a sale")
        self.filed(script, sale, "Junk")
        self.assertRegex(self.flags(sale["Message-ID"], "Junk"), r"\\Seen.*\$shop")
        self.assertFalse(self.is_in(sale["Message-ID"]))
        self.filed(script, self.letter("the list"), "Lists/Quartet")
        self.filed(script, self.letter("else"), "INBOX")

    def test_into_a_mailbox_that_is_not_there_means_inbox(self):
        sent = self.letter()
        self.filed('require "fileinto"; fileinto "No such";', sent)
        self.b.processes["mda"].wait_for_event("mda.action_failed", action="fileinto", target="No such")

    def test_whatever_leads_to_the_inbox_does_so_once(self):
        sent = self.letter()
        self.filed('require "fileinto"; fileinto "No such"; fileinto "Nor this"; keep; fileinto "Inbox";', sent)
        self.assertEqual(self.copies(sent["Message-ID"]), 1)
        sent = self.letter()
        self.filed('require "fileinto"; fileinto "No such"; fileinto "Nor this";', sent)
        self.assertEqual(self.copies(sent["Message-ID"]), 1)

    def test_the_site_can_be_asked(self):
        script = ('require ["fileinto", "mailbox", "special-use", "envelope", "subaddress"];\n'
                  'if allof(not mailboxexists "No such", mailboxexists ["inbox", "Sent"], specialuse_exists "\\\\Junk",\n'
                  '         envelope :detail "to" "tag") { fileinto :specialuse "\\\\Archive" "INBOX"; }\n')
        tagged = self.user.address.replace("@", "+tag@")
        self.filed(script, self.letter(), "Archive", recipients=[tagged])

    def test_a_mailbox_that_is_made_gets_its_use(self):
        self.filed(r'require ["fileinto", "mailbox", "special-use"]; fileinto :specialuse "\\Important" :create "ToDo/now";',
                   mailbox="ToDo/now")
        reader = self.reader(self.b, self.user, None)
        self.assertIn(rb"\Important", reader.list('""', '"ToDo/*"')[1][0])

    def test_annotations_that_clients_set(self):
        reader = self.reader(self.b, self.user, None)
        for mailbox, entries in (("Junk", '(/private/vendor/x/next "Trash")'), ('""', '(/private/vendor/x/on "YES")')):
            self.assertEqual(reader.xatom("SETMETADATA", mailbox, entries)[0], "OK")
        # What it asks next depends on what it was told.
        script = ('require ["mboxmetadata", "servermetadata", "fileinto", "variables"];\n'
                  'if servermetadata "/private/vendor/x/on" "yes" { set "of" "Junk"; }\n'
                  'if metadata :matches "${of}" "/PRIVATE/vendor/x/next" "*" { fileinto "${1}"; }\n')
        self.filed(script, mailbox="Trash")
        self.filed('require ["mboxmetadata", "fileinto"];\n'
                   'if metadataexists "Junk" "/private/specialuse" { fileinto "Junk"; }\n'
                   'if metadataexists "None" "/private/specialuse" { fileinto "Trash"; }', mailbox="Junk")
        reader.xatom("SETMETADATA", '""', "(/private/vendor/x/on NIL)")
        self.filed(script)

    def test_where_mail_comes_from_is_an_address_without_a_port(self):
        self.filed('require ["environment", "fileinto"];\n'
                   'if allof(environment :matches "remote-ip" "127.*", not environment :matches "remote-ip" "*:*")\n'
                   '    { fileinto "Junk"; }', mailbox="Junk")

    def test_what_filters_found_out(self):
        script = ('require ["spamtestplus", "virustest", "fileinto", "relational", "comparator-i;ascii-numeric"];\n'
                  'if virustest :value "ge" :comparator "i;ascii-numeric" "4" { fileinto "Trash"; }\n'
                  'elsif spamtest :percent :value "ge" :comparator "i;ascii-numeric" "50" { fileinto "Junk"; }\n')
        for mailbox, fields in (("INBOX", {}), ("INBOX", {"X_Spam_Status": "No, score=-1.0 required=5.0"}),
                                ("Junk", {"X_Spam_Status": "Yes, score=7.5 required=5.0"}),
                                ("Trash", {"X_Spam_Status": "Yes, score=7.5", "X_Virus_Status": "infected"})):
            self.filed(script, self.letter(**fields), mailbox)

    def test_lists_of_the_site_and_of_users(self):
        partners, book = self.b.directory / "partners", self.b.directory / "books" / "b.example" / self.user.address.split("@")[0]
        script = ('require ["extlists", "envelope", "fileinto", "variables", "editheader"];\n'
                  'if envelope :list "from" "tag:b.example,2026:partners" { fileinto "Archive"; }\n'
                  'elsif address :list "from" ":AddrBook:Default" { addheader "X-Known-As" "${0}"; fileinto "Junk"; }\n')
        partners.write_text("# nobody yet\n")
        self.filed(script)
        partners.write_text(f"{self.far.address.upper()}\n")
        self.filed(script, mailbox="Archive")
        partners.write_text("else@c.example\n")
        book.parent.mkdir(parents=True, exist_ok=True)
        book.write_text(f"# mine\n{self.far.address.title()}\r\n")
        self.assertEqual(self.filed(script, mailbox="Junk")["X-Known-As"], self.far.address.title())
        # Of another user it is another one.
        self.filed(script, account=self.second, recipients=[self.second.address])

    def test_a_list_that_cannot_be_read_keeps_the_message(self):
        partners = self.b.directory / "partners"
        partners.unlink()
        script = 'require "extlists"; if header :list "from" "tag:b.example,2026:partners" {} discard;'
        try:
            got = self.filed(script)
        finally:
            partners.write_text("")
        self.assertEqual(got["X-Sieve-Error"], 'main:1:24: the list "tag:b.example,2026:partners" cannot be read: '
                                               "the mail server's log says why")
        event = self.b.processes["mda"].wait_for_event("mda.list_failed", list="tag:b.example,2026:partners")
        self.assertIn("No such file", event["reason"])
        got = self.filed(script.replace("partners", "none"))
        self.assertEqual(got["X-Sieve-Error"], 'main:1:44: there is no list "tag:b.example,2026:none" here')

    def tried(self, script, message, *options, environment=None):
        """What `quartetctl sieve test` says."""
        paths = [self.b.directory / name for name in ("tried.sieve", "tried.eml")]
        paths[0].write_text(script)
        paths[1].write_bytes(as_bytes(message))
        return subprocess.run([self.pair.binaries / "quartetctl", *options, "sieve", "test", "--from", self.far.address, "--to",
                               self.user.address, *paths], capture_output=True, text=True, timeout=30,
                              env={**os.environ, **(environment or {})})

    def test_a_script_is_tried_as_a_delivery_would_see_it(self):
        (self.b.directory / "partners").write_text(f"{self.far.address}\n")
        script = ('require ["spamtest", "extlists", "envelope", "fileinto"];\n'
                  'if not envelope :list "from" "tag:b.example,2026:partners" { stop; }\n'
                  'if spamtest "10" { fileinto "Junk"; }\n')
        spam = self.letter(X_Spam_Status="Yes, score=12")
        self.filed(script, spam, "Junk")
        mda, mta = (self.b.endpoint(f"{agent}_control") for agent in ("mda", "mta"))
        for options, environment in ((("--target", mda), {}), ((), {"QUARTET_TARGET": mda}),
                                     (("--config", self.b.directory / "etc" / "mda.txtpb"), {})):
            with self.subTest(options=options):
                done = self.tried(script, spam, *options, environment=environment)
                self.assertEqual((done.stdout, done.stderr), ('fileinto "Junk"\n', ""))
        # Another agent knows nothing of it: that is an error only if it was named.
        self.assertIn("is no mda", self.tried(script, spam, "--target", mta).stderr)
        done = self.tried("keep;", spam, environment={"QUARTET_TARGET": mta})
        self.assertEqual((done.returncode, done.stdout), (0, "keep\n"))
        self.assertIn("does not say what its scripts may know", done.stderr)

    def test_an_edited_header_is_what_is_stored(self):
        got = self.filed('require ["editheader", "fileinto", "copy"]; fileinto :copy "Junk";\n'
                         'addheader "X-Seen-By" "sieve"; deleteheader "Subject";')
        self.assertEqual(got["X-Seen-By"], "sieve")
        self.assertIsNone(got["Subject"])
        raw = self.wait_for_message(self.b, self.user, got["Message-ID"], mailbox="Junk")
        self.assertNotIn(b"X-Seen-By", raw)

    def test_discard(self):
        install(self.b, self.user, 'if header :contains "subject" "drop" { discard; }')
        dropped, kept = self.letter("drop this"), self.letter("kept")
        self.assertEqual(self.deliver(dropped), {})
        self.assertEqual(self.deliver(kept), {})
        self.wait_for_message(self.b, self.user, kept["Message-ID"])
        self.assertFalse(self.is_in(dropped["Message-ID"]))

    def test_duplicates(self):
        install(self.b, self.user, 'require ["duplicate", "fileinto"]; if duplicate { fileinto "Trash"; }')
        sent = self.letter()
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.user, sent["Message-ID"])
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.user, sent["Message-ID"], mailbox="Trash")

    def test_scripts_include_others(self):
        directory = self.b.directory / "sieve-global"
        directory.mkdir(exist_ok=True)
        (directory / "spam.sieve").write_text('require "fileinto"; if exists "X-Spam" { fileinto "Junk"; }')
        script = 'require ["include", "fileinto"]; include :global "spam"; include :optional "none";'
        self.filed(script, self.letter(X_Spam="yes"), "Junk")
        self.filed(script, self.letter())

    def test_a_script_that_is_wrong_keeps_the_message(self):
        self.assertEqual(self.filed("fileinto 1;")["X-Sieve-Error"], 'main:1:1: fileinto needs: require "fileinto"')
        self.b.processes["mda"].wait_for_event("mda.script_failed", script="main",
                                               reason='1:1: fileinto needs: require "fileinto"')
        got = self.filed('require "variables"; set "a" "none"; redirect "${a}"; discard;')
        self.assertEqual(got["X-Sieve-Error"], 'main:1:38: redirect to "none", which is no address')
        self.b.processes["mda"].wait_for_event("mda.script_failed",
                                               reason='1:38: redirect to "none", which is no address')

    def test_others_of_the_same_message_are_not_touched(self):
        install(self.b, self.user, "discard;")
        sent = self.letter()
        self.assertEqual(self.deliver(sent, recipients=["both@b.example"]), {})
        self.wait_for_message(self.b, self.second, sent["Message-ID"])
        self.assertFalse(self.is_in(sent["Message-ID"]))


class Sending(SieveTestCase):
    def test_redirect_with_a_copy(self):
        sent = self.letter("to be sent on")
        self.filed(f'require "copy"; redirect :copy "{self.pair.a.users[1].address}";', sent)
        raw = self.wait_for_message(self.pair.a, self.pair.a.users[1], sent["Message-ID"])
        got = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertIn(self.user.address, got.get_all("Delivered-To"))
        self.assert_intact(sent, raw)

    def test_redirect_to_a_list(self):
        others = self.pair.a.users[:2]
        (self.b.directory / "partners").write_text("".join(f"{account.address}\n" for account in [*others, self.user]))
        sent = self.letter("to all of them")
        # The user is one of them.
        self.filed('require "extlists"; redirect :list "tag:b.example,2026:partners";', sent)
        for account in others:
            self.assert_intact(sent, self.wait_for_message(self.pair.a, account, sent["Message-ID"]))

    def test_a_loop_of_redirects_ends(self):
        install(self.b, self.user, 'redirect "round@b.example";')
        sent = self.letter("round and round")
        self.assertEqual(self.deliver(sent), {})
        # It comes back with our mark and is refused, and its sender learns it.
        self.b.processes["mda"].wait_for_event("mda.failed", status="5.4.6", to="round@b.example")
        wait_until(lambda: any(b"multipart/report" in raw and b"round and round" in raw
                               for raw in self.fetch_all(self.pair.a, self.far)), 60, "a bounce")

    def test_users_who_redirect_to_each_other_have_a_copy_each(self):
        for one, other in ((self.user, self.second), (self.second, self.user)):
            install(self.b, one, f'require "copy"; redirect :copy "{other.address}";')
        sent = self.letter("for either of us")
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.second, sent["Message-ID"])
        self.assertEqual(self.copies(sent["Message-ID"]), 1)
        # The other's script has run, and did no more than keep it.
        self.assertNotIn(self.second.address, [event["address"] for event in self.b.processes["mda"].events()
                                               if event["event"] == "mda.filtered"])

    def test_refused_in_the_transaction(self):
        install(self.b, self.user, 'require "ereject"; ereject text:\nNot today.\nNor tomorrow.\n.\n;')
        refused = self.deliver(self.letter())
        self.assertEqual(refused[self.user.address],
                         (550, b"5.7.1 Not today.\n5.7.1 Nor tomorrow."))

    def test_refused_by_a_notice_when_others_took_it(self):
        install(self.b, self.user, 'require "reject"; reject "Not for me.";')
        sent = self.letter("for both of you")
        self.assertEqual(self.deliver(sent, recipients=["both@b.example"]), {})
        self.wait_for_message(self.b, self.second, sent["Message-ID"])
        notice = wait_until(lambda: self.subjects_at_a("Refused: for both of you"), 60, "a notice")[0]
        self.assertEqual(notice.get_content_type(), "multipart/report")
        self.assertEqual(notice["Return-Path"], "<>")
        self.assertIn("Not for me.", next(notice.iter_parts()).get_content())

    def test_vacation_answers_once(self):
        install(self.b, self.user, 'require "vacation"; vacation :days 1 :subject "Away for now" "I am away.";')
        for _ in range(2):
            sent = self.letter()
            self.assertEqual(self.deliver(sent), {})
            self.wait_for_message(self.b, self.user, sent["Message-ID"])
        first = wait_until(lambda: self.subjects_at_a("Away for now"), 60, "a reply")[0]
        self.assertEqual(first["Auto-Submitted"], "auto-replied (vacation)")
        self.assertEqual(first["From"], self.user.address)
        self.assertEqual(first["Return-Path"], "<>")
        self.assertIn("I am away.", first.get_content())
        # Another reply, which goes the same way later, shows that none was on its way.
        install(self.b, self.user, 'require "vacation"; vacation :handle "2" :subject "Still away" "I am away.";')
        self.assertEqual(self.deliver(self.letter()), {})
        wait_until(lambda: self.subjects_at_a("Still away"), 60, "another reply")
        self.assertEqual(len(self.subjects_at_a("Away for now")), 1)

    def test_no_answer_to_an_automatic_message(self):
        install(self.b, self.user, 'require "vacation"; vacation :subject "Never sent" "I am away.";')
        sent = self.letter(Auto_Submitted="auto-generated")
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.user, sent["Message-ID"])
        events = [event for event in self.b.processes["mda"].events() if event.get("event") == "mda.filtered"
                  and "Never sent" in event["actions"]]
        self.assertEqual(events, [])

    def test_notify(self):
        sent = self.letter("something new")
        self.filed(f'require "enotify"; notify :message "You have mail" "mailto:{self.far.address}";', sent)
        notice = wait_until(lambda: self.subjects_at_a("You have mail"), 60, "a notification")[0]
        self.assertIn("something new", notice.get_content())
        self.assertTrue(notice["Auto-Submitted"].startswith("auto-notified"))


if __name__ == "__main__":
    unittest.main()
