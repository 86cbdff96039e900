#!/usr/bin/env python3
"""Python's smtplib and imaplib: the rules of submission, and the daily work of a mail client."""
import imaplib
import smtplib
import unittest

from harness import SitesTestCase, as_bytes
from sites import letter


class Submission(SitesTestCase):
    def test_auth_only_under_tls(self):
        client = smtplib.SMTP(self.pair.a.address, self.pair.a.port("submission"), timeout=30)
        self.addCleanup(client.close)
        client.ehlo("client.example")
        self.assertFalse(client.has_extn("auth"))
        code, _ = client.docmd("AUTH", "PLAIN AGEAYgBj")
        self.assertIn(code, (503, 530, 538))

    def test_nothing_without_auth(self):
        client = self.submission(self.pair.a)
        client.ehlo()
        code, _ = client.mail(self.pair.a.users[0].address)
        self.assertEqual(code, 530)

    def test_wrong_password_and_unknown_user(self):
        for login in (self.pair.a.users[0].address, "nobody@a.example"):
            client = self.submission(self.pair.a)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                client.login(login, "wrong")
            self.assertEqual(caught.exception.smtp_code, 535)

    def test_implicit_tls(self):
        account, recipient = self.pair.a.users[0], self.pair.b.users[0]
        client = smtplib.SMTP_SSL(self.pair.a.address, self.pair.a.port("submissions"), context=self.tls(), timeout=30)
        self.addCleanup(client.close)
        client.login(account.address, account.password)
        message = letter.write(account.address, recipient.address)
        client.send_message(message)
        client.quit()
        self.assert_intact(message, self.wait_for_message(self.pair.b, recipient, message["Message-ID"]))

    def test_unknown_local_recipient(self):
        client = self.submission(self.pair.a, self.pair.a.users[0])
        self.assertEqual(client.mail(self.pair.a.users[0].address)[0], 250)
        self.assertEqual(client.rcpt("nobody@a.example")[0], 550)
        self.assertEqual(client.rcpt(self.pair.a.users[1].address)[0], 250)

    def test_missing_fields_are_added(self):
        """RFC 6409 section 8."""
        account = self.pair.a.users[0]
        client = self.submission(self.pair.a, account)
        client.sendmail(account.address, self.pair.a.users[1].address,
                        f"From: {account.address}\r\nSubject: bare-fields\r\n\r\nhello\r\n")
        client.quit()
        reader = self.reader(self.pair.a, self.pair.a.users[1])
        reader.idle()
        while not (numbers := self._search(reader, "bare-fields")):
            reader.wait_for(rb"EXISTS")
        head = reader.fetch(numbers[0], "(BODY.PEEK[HEADER])")[1][0][1].decode()
        self.assertIn("\r\nMessage-ID: <", head.replace("Message-Id", "Message-ID"))
        self.assertIn("\r\nDate: ", head)

    def test_who_writes_for_others_is_named(self):
        account, other = self.pair.a.users[:2]
        client = self.submission(self.pair.a, account)
        message = letter.write(other.address, other.address)
        client.send_message(message, account.address, other.address)
        received = self.wait_for_message(self.pair.a, other, message["Message-ID"])
        self.assertIn(f"\r\nSender: <{account.address}>\r\n".encode(), received)
        message["Sender"] = other.address
        with self.assertRaises(smtplib.SMTPDataError) as caught:
            client.send_message(message, account.address, other.address)
        self.assertEqual(caught.exception.smtp_code, 550)

    @staticmethod
    def _search(reader, subject):
        reader.done()
        found = reader.search(None, "SUBJECT", subject)[1][0].split()
        if not found:
            reader.idle()
        return found


class Imap(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.b, self.pair.b.users[1]
        self.reader_ = self.reader(self.site, self.account, None)

    def append(self, mailbox="INBOX", flags="", subject="appended"):
        message = letter.write(self.account.address, self.account.address, subject)
        kind, reply = self.reader_.append(mailbox, flags, None, as_bytes(message))
        self.assertEqual(kind, "OK", reply)
        self.assertRegex(reply[0].decode(), r"\[APPENDUID \d+ \d+\]")
        return message

    def ok(self, result):
        self.assertEqual(result[0], "OK", result)
        return result[1]

    def test_login(self):
        other = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=30)
        self.addCleanup(other.shutdown)
        self.assertIn("LOGINDISABLED", other.capabilities)
        with self.assertRaises(imaplib.IMAP4.error):
            other.login(self.account.address, self.account.password)
        other.starttls(self.tls())
        with self.assertRaises(imaplib.IMAP4.error):
            other.login(self.account.address, "wrong")
        credentials = f"\0{self.account.address}\0{self.account.password}".encode()
        self.ok(other.authenticate("PLAIN", lambda challenge: credentials))
        self.assertIn("IDLE", other.capabilities)

    def test_in_tls_from_the_start(self):
        other = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.tls(), timeout=30)
        self.ok(other.login(self.account.address, self.account.password))
        self.assertEqual(other.logout()[0], "BYE")

    def test_mailboxes(self):
        reader = self.reader_
        self.ok(reader.create("Work/Reports"))
        names = b"\n".join(self.ok(reader.list()))
        self.assertIn(b"Work/Reports", names)
        self.ok(reader.subscribe("Work/Reports"))
        self.assertIn(b"Work/Reports", b"\n".join(self.ok(reader.lsub())))
        self.ok(reader.rename("Work/Reports", "Work/Old"))
        self.assertNotIn(b"Work/Reports", b"\n".join(self.ok(reader.list())))
        self.assertEqual(reader.select("Work/Reports")[0], "NO")
        self.ok(reader.delete("Work/Old"))
        self.assertIn(b'(("" "/"))', self.ok(reader.namespace())[0])

    def test_a_message_from_append_to_expunge(self):
        reader = self.reader_
        self.ok(reader.create("Box"))
        messages = [self.append("Box", "(\\Seen)" if i == 0 else "", f"number {i}") for i in range(3)]
        self.assertEqual(self.ok(reader.select("Box")), [b"3"])
        self.assertEqual(self.ok(reader.search(None, "UNSEEN")), [b"2 3"])
        self.assertEqual(self.ok(reader.search(None, "SUBJECT", '"number 1"')), [b"2"])
        body = self.ok(reader.fetch("2", "(UID FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY[])"))
        self.assert_intact(messages[1], body[0][1])
        self.assertIn(b'"IMAGE" "PNG"', body[0][0].upper())
        self.assertEqual(self.ok(reader.fetch("2", "(BODY.PEEK[]<5.7>)"))[0][1], body[0][1][5:12])
        self.assertIn(b"\\Seen", self.ok(reader.fetch("2", "(FLAGS)"))[0])
        self.ok(reader.store("2", "+FLAGS", "(\\Flagged \\Deleted Work)"))
        self.assertIn(b"Work", self.ok(reader.fetch("2", "(FLAGS)"))[0])
        self.ok(reader.create("Copy"))
        self.assertRegex(self.ok(reader.copy("1:2", "Copy"))[0], rb"COPYUID \d+ 1:2 \d+:\d+")
        self.assertEqual(self.ok(reader.expunge()), [b"2"])
        self.assertEqual(self.ok(reader.search(None, "ALL")), [b"1 2"])
        self.assertIn(b"MESSAGES 2", self.ok(reader.status("Copy", "(MESSAGES UIDNEXT UNSEEN)"))[0])
        self.ok(reader.close())
        self.ok(reader.select("Box", readonly=True))
        self.assertEqual(reader.store("1", "+FLAGS", "(\\Deleted)")[0], "NO")

    def test_an_idling_session_sees_new_mail_at_once(self):
        reader = self.reader_
        before = int(self.ok(reader.select("INBOX"))[0])
        reader.idle()
        self.send(self.pair.a, self.pair.a.users[0], self.account.address)
        self.assertIn(b"* %d EXISTS" % (before + 1), reader.wait_for(rb"EXISTS"))
        reader.done()


if __name__ == "__main__":
    unittest.main()
