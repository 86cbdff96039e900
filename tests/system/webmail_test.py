#!/usr/bin/env python3
"""Roundcube in a browser, used with the mouse and the keyboard; what comes of it is looked at by IMAP from outside."""
import email
import email.policy
import time
import unittest
from email.message import EmailMessage

import browser
import roundcube
from harness import SitesTestCase
from sites import letter
from sites.process import wait_until
from webmail import Webmail


@unittest.skipIf(browser.why_not() or roundcube.why_not(), browser.why_not() or roundcube.why_not())
class WebmailTest(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.pair.a
        cls.user, cls.other = cls.site.users
        cls.in_tls = f"ssl://{cls.site.endpoint('imaps')}"
        cls.by_starttls = f"tls://{cls.site.endpoint('imap')}"
        cls.roundcube = roundcube.Roundcube(cls.directory / "roundcube", f"{cls.pair.network.address(80)}:10088",
                                            [cls.by_starttls, cls.in_tls], f"tls://{cls.site.endpoint('submission')}",
                                            cls.pair.authority.file)
        cls.addClassCleanup(cls.roundcube.stop)
        cls.roundcube.start()
        cls.browser = browser.Browser(cls.directory / "browser")
        cls.addClassCleanup(cls.browser.close)
        cls.page = Webmail(cls.browser, cls.roundcube.url)
        cls.page.log_in(cls.user, cls.by_starttls)

    def setUp(self):
        self.outside = self.reader(self.site, self.user)
        self.page.open_mail()

    def tearDown(self):
        self.assertEqual(self.roundcube.faults(), "")

    # What is there, and what is to be seen of it from outside

    def append(self, *subjects, body="text", mailbox="INBOX", **fields):
        for subject in subjects:
            message = EmailMessage()
            message["From"] = fields.get("sender", self.other.address)
            message["To"] = self.user.address
            message["Subject"] = subject
            message["Message-ID"] = email.utils.make_msgid(domain="a.example")
            if "answers" in fields:
                message["In-Reply-To"] = message["References"] = fields["answers"]
            message["Date"] = email.utils.formatdate(time.time())
            message.set_content(body)
            self.assertEqual(self.outside.append(mailbox, None, None, message.as_bytes(policy=email.policy.SMTP))[0], "OK")
        return message

    def numbers(self, mailbox, *criteria):
        self.assertEqual(self.outside.select(mailbox)[0], "OK")
        return self.outside.search(None, *criteria)[1][0].split()

    def found(self, mailbox, subject, *criteria):
        """How many of a mailbox have this subject, and what else is asked for."""
        return len(self.numbers(mailbox, "SUBJECT", f'"{subject}"', *criteria))

    def message(self, mailbox, subject):
        number = self.numbers(mailbox, "SUBJECT", f'"{subject}"')[0]
        text = self.outside.fetch(number, "(BODY.PEEK[])")[1][0][1]
        return email.message_from_bytes(text, policy=email.policy.default)

    def mailbox_names(self):
        return [line.decode().rpartition('"/" ')[2].strip('"') for line in self.outside.list()[1]]

    # What a person does

    def test_reads_a_letter(self):
        subject = "Grüße: 你好, здравствуй"
        message = EmailMessage()
        message["From"] = f"Jürgen Groß <{self.other.address}>"
        message["To"] = self.user.address
        message["Subject"] = subject
        message["Message-ID"] = email.utils.make_msgid(domain="a.example")
        message.set_content("only a text\n")
        message.add_alternative("<html><body><h1>Überschrift</h1><p>Some <b>bold</b> words</p></body></html>",
                                subtype="html")
        message.add_attachment(letter.picture(), maintype="image", subtype="png", filename="Bild größer.png")
        self.send(self.site, self.other, self.user.address, message)
        self.wait_for_message(self.site, self.user, message["Message-ID"])
        unseen = "HEADER", "Message-ID", f'"{message["Message-ID"]}"', "UNSEEN"
        self.assertEqual(len(self.numbers("INBOX", *unseen)), 1)

        self.page.refresh()
        self.assertIn("unread", self.page.row(subject)["classes"])
        self.page.select(subject)
        with self.browser.inside("#messagecontframe"):
            self.assertIn("Jürgen Groß", self.browser.text(".header-summary"))
            self.assertEqual(self.browser.text("#messagebody h1"), "Überschrift")
            self.assertEqual(self.browser.text("#messagebody b"), "bold")
            self.assertNotIn("only a text", self.browser.text("#messagebody"))
            self.assertIn("Bild größer.png", self.browser.text("#attachment-list a.filename"))
            shown = self.browser.one("p.image-attachment img")
            self.browser.wait(lambda: shown.property("naturalWidth") == 64, "the picture")
            self.browser.click("p.image-attachment a.download")
        file = self.browser.downloads / "Bild größer.png"
        wait_until(file.exists, 30, "the download")
        self.assertEqual(file.read_bytes(), letter.picture())
        self.assertEqual(self.numbers("INBOX", *unseen), [])
        self.assertNotIn("unread", self.page.row(subject)["classes"])

    def test_marks(self):
        self.append("to be marked", "not to be marked")
        self.page.refresh()
        is_now = lambda *criteria: self.found("INBOX", "to be marked", "NOT", "SUBJECT", "not", *criteria) == 1
        self.page.mark("to be marked", "flag")
        self.assertTrue(is_now("FLAGGED", "SEEN"))
        self.page.toggle_flag("to be marked")
        self.assertTrue(is_now("UNFLAGGED", "SEEN"))
        self.page.open_mail()
        self.page.mark("to be marked", "unread")
        self.assertTrue(is_now("UNFLAGGED", "UNSEEN"))
        self.assertEqual(self.found("INBOX", "not to be marked", "UNFLAGGED", "UNSEEN"), 1)

        # The other way round: what another client does is seen.
        numbers = self.numbers("INBOX", "SUBJECT", '"not to be marked"')
        self.outside.store(numbers[0], "+FLAGS", "(\\Flagged)")
        self.page.refresh()
        self.browser.wait(lambda: "flagged" in self.page.row("not to be marked")["classes"], "the flag")

    def test_searches(self):
        self.append("Rechnung für März", body="Sehr geehrte Damen, anbei die Nadel.")
        self.append("Heuhaufen", body="Im Heuhaufen liegt eine Nähnadel aus Stahl.")
        self.append("Heuballen", body="Hier liegt nichts.", sender="Müller <mueller@elsewhere.example>")
        self.page.refresh()
        for words, field, expected in (("märz", "subject", ["Rechnung für März"]),
                                       ("heu", "subject", ["Heuballen", "Heuhaufen"]),
                                       ("nähnadel", "body", ["Heuhaufen"]),
                                       ("liegt", "body", ["Heuballen", "Heuhaufen"]),
                                       ("Müller", "from", ["Heuballen"]),
                                       ("stahl", "text", ["Heuhaufen"]),
                                       ("nowhere", "text", [])):
            self.page.search(words, field)
            self.assertEqual(sorted(self.page.subjects()), expected, (words, field))
        self.page.end_search()
        self.assertLessEqual({"Rechnung für März", "Heuhaufen", "Heuballen"}, set(self.page.subjects()))

    def test_files_away(self):
        self.append("dragged", "moved", "deleted", "stays")
        self.page.create_mailbox("Ablage & Größe")
        name = "Ablage &- Gr&APYA3w-e"
        self.assertIn(name, self.mailbox_names())
        self.page.open_mail()
        self.page.drag_to("dragged", name)
        self.page.move_to("moved", "Ablage & Größe")
        self.assertNotIn("dragged", self.page.subjects())
        self.assertNotIn("moved", self.page.subjects())
        self.assertEqual([self.found("INBOX", subject) for subject in ("dragged", "moved", "stays")], [0, 0, 1])
        self.assertEqual([self.found(f'"{name}"', subject) for subject in ("dragged", "moved", "stays")], [1, 1, 0])
        self.page.open_mailbox(name)
        self.assertEqual(sorted(self.page.subjects()), ["dragged", "moved"])

        self.page.open_mailbox("INBOX")
        self.page.delete("deleted")
        self.assertNotIn("deleted", self.page.subjects())
        self.assertEqual((self.found("INBOX", "deleted"), self.found("Trash", "deleted")), (0, 1))
        self.page.open_mailbox("Trash")
        self.page.delete("deleted")
        self.assertEqual(self.page.subjects(), [])
        self.assertEqual(self.found("Trash", "deleted"), 0)

    def test_writes_and_is_answered(self):
        file = self.scratch() / "Anhang größer.bin"
        file.write_bytes(bytes(range(256)) * 300)
        text, subject = "Dear other,\n.a dot\nGrüße", "Ein Brief für dich"
        self.page.compose()
        self.page.fill_in(text, self.other.address, subject, [file])
        self.page.send()
        sent = self.message("Sent", "Ein Brief")
        self.assertEqual(sent["Subject"], subject)
        got = email.message_from_bytes(self.wait_for_message(self.site, self.other, sent["Message-ID"]),
                                       policy=email.policy.default)
        for one in (sent, got):
            self.assertEqual(one.get_body(("plain",)).get_content().replace("\r\n", "\n").strip(), text)
            self.assertEqual([(part.get_filename(), part.get_content()) for part in one.iter_attachments()],
                             [(file.name, file.read_bytes())])
        self.page.open_mail("Sent")
        self.assertIn(subject, self.page.subjects())

        # The other one, whose session with the server is in TLS from the first byte.
        self.addCleanup(self.page.log_in, self.user, self.by_starttls)
        self.page.log_out()
        self.page.log_in(self.other, self.in_tls)
        self.page.reply(subject)
        self.page.fill_in("Dear user, thank you\n\n")
        self.page.send()
        self.page.open_mail()
        self.assertIn("replied", self.page.row(subject)["classes"])
        self.page.log_out()
        reader = self.reader(self.site, self.other)
        self.assertEqual(len(reader.search(None, "ANSWERED", "HEADER", "Message-ID", f'"{sent["Message-ID"]}"')[1][0].split()),
                         1)
        wait_until(lambda: self.found("INBOX", "Re: Ein Brief"), 60, "the answer")
        answer = self.message("INBOX", "Re: Ein Brief")
        self.assertEqual((answer["Subject"], answer["In-Reply-To"]), ("Re: " + subject, sent["Message-ID"]))
        self.assertIn("Dear user, thank you", answer.get_content())
        self.assertIn("> Grüße", answer.get_content())
        self.page.log_in(self.user, self.by_starttls)
        self.page.row("Re: " + subject)

    def test_goes_on_with_a_draft(self):
        self.page.compose()
        self.page.fill_in("first ", self.other.address, "thought over")
        self.page.save_draft()
        self.assertEqual(self.found("Drafts", "thought over", "SEEN"), 1)
        self.page.open_mail("Drafts")
        self.page.go_on_with("thought over")
        self.page.fill_in("second ")
        self.page.send()
        self.assertEqual((self.found("Drafts", "thought over"), self.found("Sent", "thought over")), (0, 1))
        sent = self.message("Sent", "thought over")
        self.assertIn("second", sent.get_content())
        self.assertIn(b"first", self.wait_for_message(self.site, self.other, sent["Message-ID"]))

    def test_sorts_and_threads(self):
        first = self.append("ccc root")
        self.append("aaa alone")
        self.append("bbb answer", answers=first["Message-ID"])
        self.page.refresh()
        mine = lambda: [subject for subject in self.page.subjects() if subject[:4] in ("aaa ", "bbb ", "ccc ")]
        self.page.list_options(sort="subject", order="ASC")
        self.assertEqual(mine(), ["aaa alone", "bbb answer", "ccc root"])
        self.page.list_options(sort="subject", order="DESC")
        self.assertEqual(mine(), ["ccc root", "bbb answer", "aaa alone"])
        self.page.list_options(sort="subject", order="ASC", mode="threads")
        self.assertEqual(mine(), ["aaa alone", "ccc root"])
        self.page.expand_threads()
        self.assertEqual(mine(), ["aaa alone", "ccc root", "bbb answer"])
        self.page.list_options(sort="", order="DESC", mode="list")
        self.assertEqual(mine(), ["bbb answer", "aaa alone", "ccc root"])


if __name__ == "__main__":
    unittest.main()
