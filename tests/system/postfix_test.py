#!/usr/bin/env python3
"""Postfix as a neighbour: Quartet finds it by MX and sends to it, it sends to Quartet, each by STARTTLS; what one refuses
comes back to the other's sender.
"""
import email
import email.policy
import shutil
import smtplib
import unittest

from harness import SitesTestCase, as_bytes
from postfix import Postfix, why_not
from sites import letter
from sites.process import wait_until


class PostfixAsNeighbour(SitesTestCase):
    options = {"shared_spool": False, "zones": {"c.example": "@ MX 10 mx\nmx A NET.9"}}

    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        super().setUpClass()
        cls.directory.chmod(0o711)  # Postfix's processes pass it as the user postfix
        host = cls.pair.network.address(9)
        certificate, key = cls.pair.authority.issue("mx.c.example")
        mail = cls.directory / "c-mail"
        mail.mkdir()
        shutil.chown(mail, "postfix", "postfix")
        cls.mail = mail / "reader"
        b = cls.pair.b
        cls.postfix = Postfix(cls.directory / "c", f"{host}:{b.port('mx')}", {
            "myhostname": "mx.c.example",
            "smtpd_tls_security_level": "may", "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": key,
            "smtpd_tls_received_header": "yes",
            "smtp_tls_security_level": "encrypt", "smtp_tls_CAfile": cls.pair.authority.file, "smtp_tls_loglevel": "1",
            "virtual_mailbox_domains": "c.example", "virtual_mailbox_base": mail,
            "virtual_mailbox_maps": "inline:{ reader@c.example=reader/ }",
            "virtual_uid_maps": f"static:{mail.stat().st_uid}", "virtual_gid_maps": f"static:{mail.stat().st_gid}",
            "transport_maps": f"inline:{{ b.example=smtp:[{b.address}]:{b.port('mx')} }}",
        })
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    def setUp(self):
        self.addCleanup(self.show_log, len(self.postfix.read_log()))

    def show_log(self, start):
        if self._outcome.result.errors or self._outcome.result.failures:
            print(f"--- Postfix\n{self.postfix.read_log()[start:]}")

    def find_in_maildir(self, text, seconds=60):
        """The message in c.example's mailbox that has `text`, as bytes with CRLF."""
        def find():
            for path in self.mail.glob("new/*"):
                content = path.read_bytes()
                if text.encode() in content:
                    return content.replace(b"\n", b"\r\n")
            return None
        return wait_until(find, seconds, f"{text} in Postfix's mailbox")

    def send_by_postfix(self, sender, recipients, message):
        host, _, port = self.postfix.listen.rpartition(":")
        with smtplib.SMTP(host, int(port), local_hostname="client.example", timeout=60) as client:
            self.assertEqual(client.sendmail(sender, recipients, as_bytes(message)), {})

    def failed_status(self, report):
        """Status of the one recipient that a delivery status notification is about."""
        self.assertEqual(report.get_content_type(), "multipart/report")
        status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
        fields = [block for block in status.get_payload() if block["Final-Recipient"]]
        self.assertEqual([block["Action"] for block in fields], ["failed"])
        return fields[0]["Status"]

    def test_quartet_to_postfix(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "reader@c.example")
        received = self.find_in_maildir(sent["Message-ID"])
        self.assert_intact(sent, received)
        trace = email.message_from_bytes(received, policy=email.policy.default).get_all("Received")
        self.assertIn("from mx.a.example", trace[0])
        self.assertIn("using TLSv1", trace[0])
        self.assertIn("with ESMTPS", trace[0])

    def test_postfix_to_quartet(self):
        b = self.pair.b
        recipients = [user.address for user in b.users]
        sent = letter.write("reader@c.example", recipients[0])
        self.send_by_postfix("reader@c.example", recipients, sent)
        for user in b.users:
            received = self.wait_for_message(b, user, sent["Message-ID"])
            self.assert_intact(sent, received)
            message = email.message_from_bytes(received, policy=email.policy.default)
            self.assertTrue(any("from mx.c.example" in trace and "ESMTPS" in trace
                                for trace in message.get_all("Received")), message.get_all("Received"))
        self.postfix.wait_for_log(f"Trusted TLS connection established to {b.address}")

    def test_what_postfix_refuses_comes_back(self):
        a = self.pair.a
        sent = self.send(a, a.users[1], "nobody@c.example")

        def find():
            return next((content for content in self.fetch_all(a, a.users[1])
                         if b"multipart/report" in content and sent["Message-ID"].encode() in content), None)

        report = wait_until(find, 60, "the notification of Quartet")
        self.assertEqual(self.failed_status(email.message_from_bytes(report, policy=email.policy.default)), "5.1.1")

    def test_what_quartet_refuses_comes_back(self):
        sent = letter.write("reader@c.example", "nobody@b.example")
        self.send_by_postfix("reader@c.example", ["nobody@b.example"], sent)
        report = self.find_in_maildir(sent["Message-ID"])
        self.assertEqual(self.failed_status(email.message_from_bytes(report, policy=email.policy.default)), "5.1.1")

    def test_a_reply_goes_back_the_other_way(self):
        """From Quartet to Postfix's user, whose answer reaches the second site."""
        a, b = self.pair.a, self.pair.b
        sent = self.send(a, a.users[0], "reader@c.example")
        self.find_in_maildir(sent["Message-ID"])
        answer = letter.write("reader@c.example", b.users[0].address)
        answer["In-Reply-To"] = sent["Message-ID"]
        self.send_by_postfix("reader@c.example", [b.users[0].address], answer)
        received = self.wait_for_message(b, b.users[0], answer["Message-ID"])
        self.assert_intact(answer, received)
        self.assertEqual(email.message_from_bytes(received)["In-Reply-To"], sent["Message-ID"])

    def test_mail_waits_at_postfix_while_quartet_is_down(self):
        b = self.pair.b
        b.processes["mta"].stop()
        sent = letter.write("reader@c.example", b.users[0].address)
        self.send_by_postfix("reader@c.example", [b.users[0].address], sent)
        self.postfix.wait_for_log("status=deferred")
        b.start_agent("mta", self.pair.binaries)
        self.postfix.flush()
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))


if __name__ == "__main__":
    unittest.main()
