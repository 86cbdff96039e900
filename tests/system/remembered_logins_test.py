#!/usr/bin/env python3
"""Passwords that were verified lately need no hash, until they are others or their account is not to log in."""
import imaplib
import re
import subprocess
import unittest
import urllib.request

from harness import SitesTestCase
from sites.site import Account


class Remembering(SitesTestCase):
    def setUp(self):
        self.site = self.pair.b

    def counted(self, result, agent="imapd"):
        with urllib.request.urlopen(f"http://{self.site.endpoint(agent + '_metrics')}/metrics", timeout=10) as reply:
            found = re.search(rf'^quartet_remembered_logins_total{{result="{result}"}} (\d+)$', reply.read().decode(), re.MULTILINE)
        return int(found[1]) if found else 0

    def both(self):
        return self.counted("hit"), self.counted("miss")

    def log_in(self, account, password=None):
        """Whether imapd takes the password, and the hits and misses that it counts for it."""
        hits, misses = self.both()
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.tls(), timeout=30)
        self.addCleanup(client.shutdown)
        try:
            good = client.login(account.address, password or account.password)[0] == "OK"
        except imaplib.IMAP4.error:
            good = False
        after = self.both()
        return good, after[0] - hits, after[1] - misses


class RememberedLogins(Remembering):
    options = {"shared_spool": False}

    def ctl(self, *words, stdin=""):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.site.endpoint("imapd_control"), *words],
                              input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_second_login_needs_no_hash_and_a_wrong_one_always_does(self):
        account = self.site.users[0]
        self.assertEqual(self.log_in(account), (True, 0, 1))
        for _ in range(3):
            self.assertEqual(self.log_in(account), (True, 1, 0))
        for _ in range(2):
            self.assertEqual(self.log_in(account, "wrong"), (False, 0, 1))
        self.assertEqual(self.log_in(account), (True, 1, 0))

    def test_every_agent_remembers_for_itself(self):
        account = self.site.users[1]
        self.log_in(account)
        before = self.counted("hit", "msa"), self.counted("miss", "msa")
        for _ in range(3):
            self.submission(self.site, account)
        self.assertEqual((self.counted("hit", "msa") - before[0], self.counted("miss", "msa") - before[1]), (2, 1))

    def test_another_password_counts_at_once(self):
        old, new = Account("changing@b.example", "old word"), Account("changing@b.example", "new word")
        self.ctl("account", "add", old.address, stdin=old.password + "\n")
        self.assertEqual(self.log_in(old), (True, 0, 1))
        self.assertEqual(self.log_in(old), (True, 1, 0))
        self.ctl("account", "set-password", old.address, stdin=new.password + "\n")
        self.assertEqual(self.log_in(old), (False, 0, 1))
        self.assertEqual(self.log_in(new), (True, 0, 1))
        self.assertEqual(self.log_in(new), (True, 1, 0))
        self.assertEqual(self.log_in(old), (False, 0, 1))

    def test_an_account_that_is_not_to_log_in_does_not(self):
        account = Account("leaving@b.example", "a word")
        self.ctl("account", "add", account.address, stdin=account.password + "\n")
        self.log_in(account)
        self.assertEqual(self.log_in(account), (True, 1, 0))
        self.ctl("account", "disable", account.address)
        self.assertFalse(self.log_in(account)[0])
        self.ctl("account", "enable", account.address)
        self.assertEqual(self.log_in(account), (True, 1, 0))
        self.ctl("account", "remove", account.address)
        self.assertFalse(self.log_in(account)[0])


class SwitchedOff(Remembering):
    options = {"shared_spool": False,
               "overrides": {"b": {"imapd": "login_limits { remember_seconds: 0 }\n"}}}

    def test_every_login_pays(self):
        for _ in range(2):
            self.assertEqual(self.log_in(self.site.users[0]), (True, 0, 0))


if __name__ == "__main__":
    unittest.main()
