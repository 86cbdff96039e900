#!/usr/bin/env python3
"""Programs of the host send by quartet-sendmail as cron and PHP do, and see the queue as mailq."""
import os
import subprocess
import unittest

from harness import SitesTestCase


class Sendmail(SitesTestCase):
    options = {"shared_spool": False,  # so that a has a socket for its own programs
               "overrides": {"b": {"mta": "limits { recipients: 1 }\n"}}}

    def sendmail(self, *words, text="", server="", target="", name="sendmail"):
        """(exit code, standard output, standard error)"""
        program = self.scratch() / name
        program.symlink_to(self.pair.binaries / "quartet-sendmail")
        environment = {**os.environ, "QUARTET_SENDMAIL_SERVER": server, "QUARTET_TARGET": target}
        done = subprocess.run([program, *words], input=text.encode(), capture_output=True, timeout=60, env=environment)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_php(self):
        a, b = self.pair.a, self.pair.b
        shown, hidden = b.users
        text = f"To: {shown.address}\nBcc: {hidden.address}\nMessage-ID: <php@a.example>\n\none\n.\n..two\n"
        done = self.sendmail("-t", "-i", "-f", a.users[0].address, text=text, server=a.endpoint("relay"))
        self.assertEqual(done, (0, "", ""))
        for user in (shown, hidden):
            received = self.wait_for_message(b, user, "<php@a.example>")
            self.assertTrue(received.endswith(b"\r\n\r\none\r\n.\r\n..two\r\n"), received)
            self.assertNotIn(b"Bcc", received)

    def test_cron(self):
        b = self.pair.b
        done = self.sendmail("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "-f", self.pair.a.users[0].address,
                             b.users[0].address, text="Message-ID: <cron@a.example>\n\nd\u00e9j\u00e0\n",
                             server=b.endpoint("mx"))
        self.assertEqual(done, (0, "", ""))
        received = self.wait_for_message(b, b.users[0], "<cron@a.example>")
        self.assertIn(f"From: CronDaemon <{self.pair.a.users[0].address}>".encode(), received)
        self.assertIn("d\u00e9j\u00e0".encode(), received)

    def test_more_recipients_than_a_transaction_takes(self):
        b = self.pair.b
        addresses = [user.address for user in b.users]
        text = "Message-ID: <many@a.example>\n\ntwo readers\n"
        done = self.sendmail("-f", self.pair.a.users[0].address, *addresses, text=text, server=b.endpoint("mx"))
        self.assertEqual(done, (0, "", ""))
        for user in b.users:
            self.wait_for_message(b, user, "<many@a.example>")

    def test_exit_codes(self):
        mx = self.pair.b.endpoint("mx")
        for code, server, words in [(67, mx, ["nobody@b.example"]), (77, mx, ["x@elsewhere.example"]),
                                    (75, "127.0.0.1:1", ["x@b.example"]), (64, mx, []), (64, mx, ["-bs"]),
                                    (78, "localhost", ["x@b.example"])]:
            with self.subTest(code=code, words=words):
                done = self.sendmail("-f", "x@a.example", *words, text="text\n", server=server)
                self.assertEqual(done[0], code, done)
                self.assertTrue(done[2].startswith("sendmail: "), done)

    def test_mailq(self):
        target = self.pair.a.endpoint("mta_control")
        self.assertEqual(self.sendmail(name="mailq", target=target), (0, "Mail queue is empty\n", ""))
        self.assertEqual(self.sendmail("-bp", name="sendmail")[0], 78)
        # b is not there to take it, so it stays.
        self.pair.b.processes["mta"].stop()
        recipient = self.pair.b.users[0].address
        done = self.sendmail("-f", self.pair.a.users[0].address, recipient, server=self.pair.a.endpoint("relay"),
                             text="Message-ID: <waits@a.example>\n\nwaits\n")
        self.assertEqual(done[0], 0, done)
        code, listed, _ = self.sendmail(name="mailq", target=target)
        self.assertEqual(code, 0)
        self.assertIn(recipient, listed)
        self.assertTrue(listed.endswith(" in 1 Request.\n"), listed)
        self.pair.b.start_agent("mta", self.pair.binaries)
        self.assertEqual(self.sendmail("-q", target=target), (0, "", ""))
        self.wait_for_message(self.pair.b, self.pair.b.users[0], "<waits@a.example>")


if __name__ == "__main__":
    unittest.main()
