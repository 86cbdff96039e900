#!/usr/bin/env python3
"""swaks as mail client and as a neighbour: submission, plain SMTP to the MX, LMTP to the mda."""
import smtplib
import subprocess
import unittest
import uuid

from harness import SitesTestCase


class Swaks(SitesTestCase):
    def swaks(self, *options):
        """(exit code, transcript); swaks says by its code which step failed."""
        self.message_id = f"<{uuid.uuid4()}@client.example>"
        done = subprocess.run(["swaks", "--helo", "client.example", "--header", f"Message-Id: {self.message_id}",
                               "--body", "hello", *map(str, options)], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def submission(self, *options, port="submission"):
        sender = self.pair.a.users[0]
        return self.swaks("--server", self.pair.a.address, "--port", self.pair.a.port(port), "--from", sender.address,
                          "--auth-user", sender.address, "--auth-password", sender.password, *options)

    def assert_arrives(self, result):
        code, transcript = result
        self.assertEqual(code, 0, transcript)
        self.wait_for_message(self.pair.b, self.pair.b.users[0], self.message_id)

    def test_auth_plain_and_login_under_tls(self):
        for mechanism in ("PLAIN", "LOGIN"):
            self.assert_arrives(self.submission("--tls", "--auth", mechanism, "--to", self.pair.b.users[0].address))

    def test_implicit_tls(self):
        self.assert_arrives(self.submission("--tls-on-connect", "--auth", "PLAIN", "--to",
                                            self.pair.b.users[0].address, port="submissions"))

    def test_no_auth_in_clear_text(self):
        code, transcript = self.submission("--auth", "PLAIN", "--to", self.pair.b.users[0].address)
        self.assertEqual(code, 28, transcript)  # AUTH is not offered

    def test_wrong_password(self):
        sender = self.pair.a.users[0]
        code, transcript = self.swaks("--server", self.pair.a.endpoint("submission"), "--tls", "--auth", "PLAIN",
                                      "--auth-user", sender.address, "--auth-password", "wrong", "--from",
                                      sender.address, "--to", self.pair.b.users[0].address)
        self.assertEqual(code, 28, transcript)
        self.assertIn("535", transcript)

    def test_another_ones_sender(self):
        sender = self.pair.a.users[0]
        code, transcript = self.swaks("--server", self.pair.a.endpoint("submission"), "--tls", "--auth", "PLAIN",
                                      "--auth-user", sender.address, "--auth-password", sender.password, "--from",
                                      self.pair.a.users[1].address, "--to", self.pair.b.users[0].address)
        self.assertIn(code, (23, 24), transcript)
        self.assertRegex(transcript, r"<[~*]\* 5\d\d 5\.7\.")

    def test_mx_takes_mail_for_its_own_domain_only(self):
        mx = ("--server", self.pair.b.endpoint("mx"), "--from", "stranger@elsewhere.example")
        self.assert_arrives(self.swaks(*mx, "--to", self.pair.b.users[0].address))
        self.assert_arrives(self.swaks(*mx, "--tls", "--to", self.pair.b.users[0].address))

    def test_lmtp(self):
        endpoint = self.pair.b.endpoint("lmtp")
        where = ("--socket", endpoint[5:]) if endpoint.startswith("unix:") else ("--server", endpoint)
        self.assert_arrives(self.swaks("--protocol", "LMTP", *where, "--from", "x@a.example", "--to",
                                       self.pair.b.users[0].address))

    def test_it_is_said_what_was_refused_before_the_agent_was_asked(self):
        mta = self.pair.b.processes["mta"]
        start = mta.log.stat().st_size
        with smtplib.SMTP(self.pair.b.address, self.pair.b.port("mx")) as client:
            client.ehlo("client.example")
            client.docmd("MAIL", "FROM:<x@elsewhere.example> SIZE=9999999999")
            client.docmd("MAIL", "FROM:<x@elsewhere.example>")
            client.docmd("RCPT", f"TO:<{self.pair.b.users[0].address}>")
            client.docmd("DATA")
            client.send(b"Subject: x\r\n\r\nbare\nline\r\n.\r\n")
            self.assertEqual(client.getreply()[0], 554)
        mta.wait_for_event("smtp.refused", start=start, command="DATA")
        refused = [one for one in mta.events(start) if one["event"] == "smtp.refused"]
        self.assertEqual([(one["command"][:4], one["from"], one["code"], one["status"]) for one in refused],
                         [("MAIL", "", 552, "5.3.4"), ("DATA", "x@elsewhere.example", 554, "5.6.0")])


if __name__ == "__main__":
    unittest.main()
