#!/usr/bin/env python3
"""npm's nodemailer and imapflow: one submits, the other waits in IDLE, reads and files."""
import base64
import json
import subprocess
import unittest

import npm
from harness import SitesTestCase
from sites import letter


class NodeClients(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        npm.install()
        super().setUpClass()

    def job(self, site, port, account, **more):
        return json.dumps({"host": site.address, "port": site.port(port), "secure": port.endswith("s"),
                           "user": account.address, "password": account.password,
                           "ca": self.pair.authority.file.read_text(), **more}).encode()

    def exchange(self, submission, imap, account):
        errors = self.scratch() / "errors"
        with errors.open("wb") as file:
            reader = subprocess.Popen(["node", npm.MODULES / "read.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=file)
        self.addCleanup(reader.stdout.close)
        self.addCleanup(reader.kill)
        reader.stdin.write(self.job(self.pair.b, imap, account, subject="from nodemailer"))
        reader.stdin.close()
        self.assertEqual(reader.stdout.readline().strip(), b"ready", errors.read_text())
        sent = json.loads(self.run_program("node", npm.MODULES / "send.js", stdin=self.job(
            self.pair.a, submission, self.pair.a.users[0], to=account.address, subject="from nodemailer",
            text="Hello from nodemailer", picture=base64.b64encode(letter.picture()).decode())))
        self.assertEqual(sent["accepted"], [account.address])
        output = reader.stdout.read()
        self.assertEqual(reader.wait(60), 0, errors.read_text())
        report = json.loads(output)
        self.assertEqual(report["from"], self.pair.a.users[0].address)
        self.assertEqual(report["parts"], ["text/plain", "image/png"])
        self.assertEqual(base64.b64decode(report["picture"]), letter.picture())
        self.assertIn("\\Flagged", report["flags"])
        self.assertIn("Filed", report["mailboxes"])
        self.assertEqual((report["filed"], report["left"]), (2, 0))

    def test_with_starttls(self):
        self.exchange("submission", "imap", self.pair.b.users[0])

    def test_in_tls(self):
        self.exchange("submissions", "imaps", self.pair.b.users[1])


if __name__ == "__main__":
    unittest.main()
