#!/usr/bin/env python3
"""curl as mail client: smtp and imap, each with STARTTLS and with implicit TLS."""
import unittest

from harness import SitesTestCase, as_bytes
from sites import letter


class Curl(SitesTestCase):
    def curl(self, site, account, url, *options):
        return self.run_program("curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", self.pair.authority.file,
                                "--user", f"{account.address}:{account.password}", *options, url)

    def submit(self, scheme, endpoint):
        sender, recipient = self.pair.a.users[0], self.pair.b.users[0]
        message = letter.write(sender.address, recipient.address)
        file = self.scratch() / "letter.eml"
        file.write_bytes(as_bytes(message))
        self.curl(self.pair.a, sender, f"{scheme}://{self.pair.a.endpoint(endpoint)}/client.example", "--mail-from",
                  sender.address, "--mail-rcpt", recipient.address, "--upload-file", file)
        self.assert_intact(message, self.wait_for_message(self.pair.b, recipient, message["Message-ID"]))

    def test_submission_with_starttls(self):
        self.submit("smtp", "submission")

    def test_submission_in_tls(self):
        self.submit("smtps", "submissions")

    def test_imap(self):
        site, account = self.pair.b, self.pair.b.users[1]
        sent = self.send(site, account, account.address)
        self.wait_for_message(site, account, sent["Message-ID"])
        for base in (f"imap://{site.endpoint('imap')}", f"imaps://{site.endpoint('imaps')}"):
            self.assertIn("INBOX", self.curl(site, account, base + "/"))
            self.assertIn("MESSAGES 1", self.curl(site, account, base, "--request", "STATUS INBOX (MESSAGES)"))
            self.assertIn(sent["Message-ID"], self.curl(site, account, base + "/INBOX/;MAILINDEX=1"))
            self.assertIn("* SEARCH 1", self.curl(site, account, base + "/INBOX", "--request", "SEARCH ALL"))

    def test_append(self):
        site, account = self.pair.a, self.pair.a.users[1]
        message = letter.write(account.address, account.address)
        file = self.scratch() / "draft.eml"
        file.write_bytes(as_bytes(message))
        self.curl(site, account, f"imap://{site.endpoint('imap')}/INBOX", "--upload-file", file)
        self.assert_intact(message, self.wait_for_message(site, account, message["Message-ID"]))


if __name__ == "__main__":
    unittest.main()
