#!/usr/bin/env python3
"""ATRN (RFC 2645): a site that nobody can connect to comes for its mail, and gets it over its own connection."""
import os
import smtplib
import subprocess
import unittest

from harness import SitesTestCase, network_of
from sites import letter
from sites.process import wait_until
from turned import Turned

PORT = 10366
PASSWORD = "the-island's own"


def links(text):
    return text + f"""
odmr_cram_md5: true
odmr {{ address: "{network_of(text)}.1:{PORT}" }}
odmr {{ address: "{network_of(text)}.1:{PORT + 1}" implicit_tls: true }}
link {{ name: "island" domain: "island.example" domain: ".island.example" mode: ATRN login: "island"
       password: "{PASSWORD}" keep_alive_seconds: 1 }}
link {{ name: "lighthouse" domain: "lighthouse.example" mode: ATRN login: "sender@a.example" stay_seconds: 300
       keep_alive_seconds: 1 }}
link {{ name: "hasty" domain: "hasty.example" mode: ATRN login: "hasty" password: "{PASSWORD}"
       min_interval_seconds: 3600 }}
link {{ name: "fortress" domain: "fortress.example" mode: ATRN login: "fortress" password: "no" }}
"""


class Atrn(SitesTestCase):
    options = {"shared_spool": True, "overrides": {
        "a": {"mta": links},
        "b": {"directory": 'domain { name: "island.example" }\n'
                           'alias { address: "x@island.example" target: "reader@b.example" }\n'},
    }}

    def client(self, login="island", password=PASSWORD, implicit=False):
        host, name = self.pair.a.address, "island.example"
        if implicit:
            client = smtplib.SMTP_SSL(host, PORT + 1, local_hostname=name, timeout=60, context=self.tls())
        else:
            client = smtplib.SMTP(host, PORT, local_hostname=name, timeout=60)
            client.starttls(context=self.tls())
        self.addCleanup(client.close)
        client.ehlo()
        if login:
            client.login(login, password)
        return client

    def sender(self):
        user = self.pair.a.users[0]
        return self.client(user.address, user.password)

    def pending(self, link):
        listed = self.quartetctl(self.pair.a, "mta", "link", "list")
        return next(int(each.get("pending", 0)) for each in listed if each["name"] == link)

    def attached(self, link):
        listed = self.quartetctl(self.pair.a, "mta", "link", "list")
        return next(each.get("attached", False) for each in listed if each["name"] == link)

    def letter_to(self, *recipients):
        account = self.pair.a.users[0]
        return self.send(self.pair.a, account, list(recipients), letter.write(account.address, recipients[0]))

    def waits(self, link, count):
        wait_until(lambda: self.pending(link) == count, 30, f"{count} recipients for {link}")

    def drain(self):
        """What a test before left behind."""
        client = self.client()
        if client.docmd("ATRN")[0] == 250:
            Turned(client).serve()

    def setUp(self):
        self.drain()
        self.waits("island", 0)

    def test_offered_after_login_only(self):
        host = self.pair.a.address
        clear = smtplib.SMTP(host, PORT, local_hostname="island.example", timeout=60)
        self.addCleanup(clear.close)
        clear.ehlo()
        self.assertIn("atrn", clear.esmtp_features)
        self.assertEqual(clear.esmtp_features["auth"].split(), ["CRAM-MD5"])
        self.assertEqual(clear.docmd("AUTH", "PLAIN AGEAYg==")[0], 538)
        self.assertEqual(clear.docmd("ATRN")[0], 530)
        self.assertEqual(clear.docmd("MAIL", "FROM:<a@b.example>")[0], 502)
        stranger = self.client(login=None)
        self.assertIn("auth", stranger.esmtp_features)
        self.assertEqual(stranger.docmd("ATRN", "island.example")[0], 530)
        mx = smtplib.SMTP(host, self.pair.a.port("mx"), timeout=60)
        self.addCleanup(mx.close)
        mx.ehlo()
        self.assertNotIn("atrn", mx.esmtp_features)
        self.assertEqual(mx.docmd("ATRN")[0], 502)

    def test_codes(self):
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 453)
        self.assertEqual(client.docmd("ATRN", "fortress.example")[0], 450)
        self.assertEqual(client.docmd("ATRN", "island.example,fortress.example")[0], 450)
        self.assertEqual(client.docmd("ATRN", "nowhere.example")[0], 450)
        self.assertEqual(client.docmd("ATRN", "island")[0], 501)
        self.assertEqual(client.docmd("ATRN", "port.island.example,island.example")[0], 453)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.client(password="wrong")

    def test_mail_goes_over_the_connection(self):
        for implicit in (False, True):
            first = self.letter_to("x@island.example", "y@port.island.example")
            second = self.letter_to("z@island.example")
            self.letter_to("k@fortress.example")
            self.waits("island", 3)
            client = self.client(implicit=implicit)
            self.assertEqual(client.docmd("ATRN")[0], 250)
            site = Turned(client)
            self.assertTrue(site.serve())
            self.assertEqual(sorted(sum((to for to, _ in site.mails), [])),
                             ["x@island.example", "y@port.island.example", "z@island.example"])
            for sent in (first, second):
                came = [data for _, data in site.mails if sent["Message-ID"].encode() in data]
                self.assertTrue(came)
                self.assert_intact(sent, came[0])
            self.assertFalse([command for command in site.commands if command.upper().startswith(("STARTTLS", "AUTH"))])
            self.waits("island", 0)

    def test_what_follows_in_the_same_breath_closes(self):
        self.letter_to("x@island.example")
        self.waits("island", 1)
        client = self.client()
        client.send("ATRN\r\n220 island.example\r\n")
        self.assertEqual(client.getreply()[0], 503)
        self.assertEqual(client.sock.recv(1), b"")
        self.assertEqual(self.pending("island"), 1)

    def test_new_mail_goes_out_at_once(self):
        client = self.sender()
        self.assertEqual(client.docmd("ATRN", "lighthouse.example")[0], 250)  # empty, but it stays
        site = Turned(client)
        site.serve(until=lambda mails, command: command == "NOOP")
        wait_until(lambda: self.attached("lighthouse"), 10, "attached")
        sent = self.letter_to("keeper@lighthouse.example")
        site.serve(until=lambda mails, command: mails)
        self.assert_intact(sent, site.mails[0][1])
        self.waits("lighthouse", 0)
        # The site comes back: its older connection ends.
        again = self.sender()
        self.assertEqual(again.docmd("ATRN")[0], 250)
        newer = Turned(again)
        newer.serve(until=lambda mails, command: command.startswith("EHLO"))
        self.assertTrue(site.serve())
        sent = self.letter_to("keeper@lighthouse.example")
        newer.serve(until=lambda mails, command: mails)
        self.assert_intact(sent, newer.mails[0][1])
        newer.close()

    def test_a_cut_in_the_middle(self):
        sent = [self.letter_to(f"user{number}@island.example") for number in range(4)]
        self.waits("island", 4)
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        site.serve(until=lambda mails, command: len(mails) == 2 and command.startswith("MAIL"))
        site.close()
        self.waits("island", 2)
        taken = list(site.mails)
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        self.assertTrue(site.serve())
        self.waits("island", 0)
        taken += site.mails
        for each in sent:
            self.assertEqual(sum(each["Message-ID"].encode() in data for _, data in taken), 1)

    def test_the_provider_ends_in_the_middle(self):
        a = self.pair.a
        sent = [self.letter_to(f"user{number}@island.example") for number in range(3)]
        self.waits("island", 3)
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        site.serve(until=lambda mails, command: len(mails) == 1)
        wait_until(lambda: self.pending("island") == 2, 10, "the first recorded")
        a.processes["mta"].kill()
        site.close()
        a.start_agent("mta", self.pair.binaries)
        self.waits("island", 2)
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        rest = Turned(client)
        self.assertTrue(rest.serve())
        for each in sent:
            self.assertEqual(sum(each["Message-ID"].encode() in data for _, data in site.mails + rest.mails), 1)

    def test_paused(self):
        a = self.pair.a
        client = self.sender()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        site.serve(until=lambda mails, command: command == "NOOP")
        self.quartetctl(a, "mta", "link", "pause", "lighthouse", "--for", "1h")
        self.addCleanup(self.run_program, self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"),
                        "link", "resume", "lighthouse")
        self.assertTrue(site.serve())  # QUIT
        wait_until(lambda: not self.attached("lighthouse"), 10, "the connection to be gone")
        self.letter_to("keeper@lighthouse.example")
        self.waits("lighthouse", 1)
        client = self.sender()
        self.assertEqual(client.docmd("ATRN", "lighthouse.example"),
                         (450, b"4.3.2 ATRN request refused: delivery is paused"))
        self.assertEqual(client.docmd("ATRN")[0], 450)
        self.assertEqual(self.pending("lighthouse"), 1)

    def test_too_soon(self):
        self.letter_to("x@hasty.example")
        self.waits("hasty", 1)
        client = self.client("hasty")
        self.assertEqual(client.docmd("ATRN")[0], 250)
        self.assertTrue(Turned(client).serve())
        self.letter_to("x@hasty.example")
        self.waits("hasty", 1)
        code, text = self.client("hasty").docmd("ATRN", "hasty.example")
        self.assertEqual(code, 450)
        self.assertRegex(text, rb"^4.7.0 ATRN request refused: asked too often, try again in 3[56]\d\d seconds$")
        self.assertEqual(self.pending("hasty"), 1)

    def test_suspended(self):
        a = self.pair.a
        self.quartetctl(a, "mta", "dest", "suspend", "port.island.example")
        sent = self.letter_to("x@island.example", "y@port.island.example")
        self.waits("island", 2)
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        self.assertTrue(site.serve())
        self.assertEqual([to for to, _ in site.mails], [["x@island.example"]])
        self.assertEqual(self.pending("island"), 1)
        self.quartetctl(a, "mta", "dest", "resume", "port.island.example")
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        self.assertTrue(site.serve())
        self.assertEqual([to for to, _ in site.mails], [["y@port.island.example"]])
        self.assert_intact(sent, site.mails[0][1])

    def test_kicked(self):
        a = self.pair.a
        client = self.sender()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        site.serve(until=lambda mails, command: command == "NOOP")
        one = next(each for each in self.quartetctl(a, "mta", "session", "list") if each["protocol"] == "odmr")
        self.assertEqual(one["login"], a.users[0].address)
        self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "session", "kick",
                         one["id"])
        self.assertTrue(site.serve())  # QUIT
        a.processes["mta"].wait_for_event("relay.turn_ended", reason="the operator ended it")
        wait_until(lambda: not self.attached("lighthouse"), 10, "the connection to be gone")

    def fetchmail(self, password):
        scratch = self.scratch()
        control = scratch / "fetchmailrc"
        control.write_text(f"poll {self.pair.a.address} proto ODMR service {PORT} no dns\n"
                           f"user island password \"{password}\" fetchdomains island.example sslproto ''\n"
                           f"smtphost {self.pair.b.address}/{self.pair.b.port('mx')}\n")
        control.chmod(0o600)
        return subprocess.run(["fetchmail", "-f", control, "--nodetach", "--nosyslog", "-v", "--pidfile",
                               scratch / "pid"], capture_output=True, timeout=60, text=True,
                              env={**os.environ, "HOME": str(scratch), "FETCHMAILHOME": str(scratch)})

    def test_fetchmail(self):
        """It knows CRAM-MD5 alone for ODMR, and joins the connection with one to the mta at b."""
        sent = [self.letter_to("x@island.example"), self.letter_to("x@island.example")]
        self.waits("island", 2)
        done = self.fetchmail(PASSWORD)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.pending("island"), 0)
        b = self.pair.b
        for each in sent:
            self.assert_intact(each, self.wait_for_message(b, b.users[0], each["Message-ID"]))

    def test_fetchmail_with_a_wrong_password(self):
        self.letter_to("x@island.example")
        self.waits("island", 1)
        done = self.fetchmail("wrong")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("AUTH CRAM-MD5", done.stdout, done.stderr)
        self.assertIn("535", done.stdout)
        self.assertEqual(self.pending("island"), 1)

    def test_nobody_else_starts_it(self):
        self.letter_to("x@island.example")
        self.waits("island", 1)
        mx = smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), timeout=60)
        self.addCleanup(mx.close)
        mx.ehlo()
        self.assertIn(mx.docmd("ETRN", "island.example")[0], (458, 459))
        self.assertEqual(self.pending("island"), 1)


if __name__ == "__main__":
    unittest.main()
