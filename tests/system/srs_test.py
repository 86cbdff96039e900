#!/usr/bin/env python3
"""Mail that an alias forwards to another site: its sender is rewritten (SRS), its bounces find the sender, and postsrsd
understands the addresses as we understand those it makes.
"""
import email
import email.policy
import re
import shutil
import smtplib
import socket
import unittest

from harness import SitesTestCase, as_bytes
from sites import letter, loopback
from sites.process import Process, wait_until

SECRET = "tops3cretword"
SRS = f'srs {{ domain: "a.example" secret: "{SECRET}" }}\n'


def forwarding(text):
    """An mda's MX hosts are at port 25, where no test listens."""
    network = re.search(r"127\.\d+\.\d+", text)[0]
    return text + SRS + f'forward_host {{ host: "{network}.2:{loopback.PORTS["mx"]}" }}\n'


class ForwardingSites(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"a": {
        "mta": SRS, "mda": forwarding,
        "directory": 'alias { address: "away@a.example" target: "reader@b.example" }\n'
                     'alias { address: "lost@a.example" target: "nobody@b.example" }\n'
                     'alias { address: "both@a.example" target: "reader@b.example" target: "other@a.example" }\n'
                     'alias_domain { from: "a.test" to: "a.example" }\n'}}}

    def deliver(self, sender, recipient, message):
        """To the mta of a, as another site does it."""
        a = self.pair.a
        with smtplib.SMTP(a.address, a.port("mx"), local_hostname="client.example", timeout=60) as client:
            return client.sendmail(sender, [recipient], as_bytes(message))

    def received(self, site, account, sent):
        return email.message_from_bytes(self.wait_for_message(site, account, sent["Message-ID"]),
                                        policy=email.policy.default)


class Forwarding(ForwardingSites):
    def test_the_sender_of_forwarded_mail_is_ours(self):
        sent = letter.write("zoe@c.example", "away@a.example")
        self.assertEqual(self.deliver("zoe@c.example", "away@a.example", sent), {})
        path = self.received(self.pair.b, self.pair.b.users[0], sent)["Return-Path"]
        self.assertRegex(path, r"^<SRS0=....=..=c\.example=zoe@a\.example>$")
        # Who sends to it reaches the sender, and nobody else.
        with smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), timeout=60) as client:
            client.ehlo("client.example")
            client.mail("")
            self.assertEqual(client.rcpt(path[1:-1])[0], 250)
            forged = path[1:-1].replace("=zoe@", "=bob@")
            self.assertEqual(client.rcpt(forged)[0], 550)

    def test_a_copy_that_stays_keeps_its_sender(self):
        sent = letter.write("zoe@c.example", "both@a.example")
        self.assertEqual(self.deliver("zoe@c.example", "both@a.example", sent), {})
        self.assertRegex(self.received(self.pair.b, self.pair.b.users[0], sent)["Return-Path"], "^<SRS0=")
        self.assertEqual(self.received(self.pair.a, self.pair.a.users[1], sent)["Return-Path"], "<zoe@c.example>")

    def test_senders_of_our_own_stay(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "away@a.example", letter.write(a.users[0].address, "away@a.example"))
        self.assertEqual(self.received(self.pair.b, self.pair.b.users[0], sent)["Return-Path"],
                         f"<{a.users[0].address}>")

    def find_report(self, sent):
        b = self.pair.b

        def find():
            for content in self.fetch_all(b, b.users[1]):
                message = email.message_from_bytes(content, policy=email.policy.default)
                if message.get_content_type() == "multipart/report" and sent["Message-ID"] in content.decode():
                    return message
            return None
        return wait_until(find, 60, "the bounce at the sender")

    def test_a_bounce_finds_the_sender(self):
        """second@b sends to lost@a, which forwards to nobody@b: b refuses, and what a's mda says goes to second@b."""
        sender = self.pair.b.users[1]
        sent = letter.write(sender.address, "lost@a.example")
        self.assertEqual(self.deliver(sender.address, "lost@a.example", sent), {})
        report = self.find_report(sent)
        self.assertIn("nobody@b.example", report.as_string())

    def test_a_bounce_by_another_host_finds_the_sender(self):
        sender = self.pair.b.users[1]
        sent = letter.write(sender.address, "away@a.example", "delivered, then bounced")
        self.assertEqual(self.deliver(sender.address, "away@a.example", sent), {})
        path = self.received(self.pair.b, self.pair.b.users[0], sent)["Return-Path"][1:-1]
        report = email.message_from_string("Subject: your mail\nMessage-ID: <late-report@b.example>\n\nlost\n",
                                           policy=email.policy.default)
        self.assertEqual(self.deliver("", path, report), {})
        received = self.received(self.pair.b, sender, report)
        self.assertEqual(received["Return-Path"], "<>")

    def test_an_alias_domain(self):
        a = self.pair.a
        sent = letter.write("zoe@c.example", "other+x@a.test")
        self.assertEqual(self.deliver("zoe@c.example", "other+x@a.test", sent), {})
        self.assertEqual(self.received(a, a.users[1], sent)["Delivered-To"], "other@a.example")
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.deliver("zoe@c.example", "nobody@a.test", sent)
        a.processes["mda"].wait_for_event("mda.delivered", to="other+x@a.example")


class BesidePostsrsd(ForwardingSites):
    """postsrsd with the same secret."""

    @classmethod
    def setUpClass(cls):
        program = shutil.which("postsrsd", path="/usr/sbin:/usr/bin")
        if not program:
            raise unittest.SkipTest("postsrsd is not installed; deploy/install-deps test installs it")
        super().setUpClass()
        secrets = cls.directory / "srs.secret"
        secrets.write_text(SECRET + "\n")
        cls.host = cls.pair.network.address(7)
        cls.postsrsd = Process("postsrsd", [program, "-4", f"-s{secrets}", "-da.example", f"-l{cls.host}", "-f10001",
                                            "-r10002"], cls.directory / "postsrsd.log")
        cls.addClassCleanup(cls.postsrsd.stop)
        cls.postsrsd.start().wait_for_endpoints([f"{cls.host}:10001", f"{cls.host}:10002"])

    def ask(self, port, address):
        with socket.create_connection((self.host, port), timeout=20) as connection:
            connection.sendall(f"get {address}\n".encode())
            code, _, text = connection.recv(1000).decode().strip().partition(" ")
        return text if code == "200" else None

    def test_it_reads_what_we_make(self):
        for number, sender in enumerate(("zoe.x=y@c.example", "SRS0=abcd=XY=orig.example=bob@fwd.example")):
            sent = letter.write(sender, "away@a.example", f"number {number}")
            self.assertEqual(self.deliver(sender, "away@a.example", sent), {})
            path = self.received(self.pair.b, self.pair.b.users[0], sent)["Return-Path"][1:-1]
            self.assertEqual(self.ask(10002, path), sender)
            self.assertEqual(self.ask(10001, sender), path)

    def test_we_read_what_it_makes(self):
        sender = self.pair.b.users[1]
        path = self.ask(10001, sender.address)
        self.assertTrue(path.startswith("SRS0="), path)
        report = email.message_from_string("Subject: lost\nMessage-ID: <by-postsrsd@c.example>\n\nlost\n",
                                           policy=email.policy.default)
        self.assertEqual(self.deliver("", path, report), {})
        self.received(self.pair.b, sender, report)


if __name__ == "__main__":
    unittest.main()
