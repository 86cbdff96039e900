#!/usr/bin/env python3
"""Accounts, their mailboxes and their quota, changed by quartetctl while the daemons of a site run."""
import imaplib
import smtplib
import subprocess
import unittest

from harness import SitesTestCase
from sites.process import wait_until
from sites.site import Account

AGENTS = ("msa", "mta", "mda", "imapd")


class Accounts(SitesTestCase):
    options = {"shared_spool": False}

    def setUp(self):
        self.site = self.pair.b
        self.account = Account(f"{self.id().rsplit('.', 1)[1]}@b.example", "pass word \"1\"")

    def ctl(self, agent, *words, stdin="", code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.site.endpoint(f"{agent}_control"), *words],
                              input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def add(self, *words, agent="imapd"):
        """A new account, which every agent knows when this returns."""
        before = self.sizes()
        self.ctl(agent, "account", "add", self.account.address, *words, stdin=self.account.password + "\n")
        self.all_have_read(before)

    def sizes(self):
        return {agent: self.site.processes[agent].log.stat().st_size for agent in AGENTS}

    def all_have_read(self, before):
        for agent in AGENTS:
            self.site.processes[agent].wait_for_event("directory.read", start=before[agent])

    def show(self, agent="imapd"):
        return self.quartetctl(self.site, agent, "account", "show", self.account.address)["account"]

    def deliver(self, text="Subject: x\r\n\r\ntext\r\n", recipient=None):
        """The reply to RCPT if it is refused, else to the message."""
        with smtplib.LMTP(self.site.address, self.site.port("lmtp"), local_hostname="client.example") as client:
            client.ehlo()
            client.mail("someone@far.example", [f"SIZE={len(text)}"])
            reply = client.rcpt(recipient or self.account.address)
            return reply if reply[0] != 250 else client.data(text)

    def login_refused(self, account):
        with self.assertRaises(imaplib.IMAP4.error):
            self.reader(self.site, account, None)

    def test_an_account_works_at_once(self):
        file = self.site.config_file("directory")
        before = file.read_text()
        self.assertEqual(self.deliver()[0], 550)
        sizes = self.sizes()
        self.ctl("imapd", "account", "add", self.account.address, "--address", "also.at.once@b.example", "--reason", "a test",
                 stdin=self.account.password + "\n")
        # The agent that was asked knows by now.
        reader = self.reader(self.site, self.account)
        self.all_have_read(sizes)
        self.assertEqual(self.deliver()[0], 250)
        self.assertEqual(self.deliver(recipient="Also.At.Once@b.example")[0], 250)
        reader.noop()
        self.assertEqual(len(reader.search(None, "ALL")[1][0].split()), 2)
        self.submission(self.site, self.account)
        one = self.show()
        self.assertEqual((one["login"], one["address"], one["usage"]["messages"], one["enabled"], one["scram"]),
                         (self.account.address, ["also.at.once@b.example"], 2, True, ["SCRAM-SHA-256", "SCRAM-SHA-1"]))
        self.assertIn("last_login", one)
        self.assertNotIn("last_login", self.show("mda"))
        # All else in the file is as it was, and no log has the password or what is made of it.
        self.assertTrue(file.read_text().startswith(before))
        added = file.read_text()[len(before):]
        for agent in AGENTS:
            log = self.site.processes[agent].log.read_text()
            self.assertNotIn(self.account.password, log)
            self.assertNotIn(added.partition('password_hash: "')[2].partition('"')[0], log)
        self.site.processes["imapd"].wait_for_event("control.change", verb="account_add", reason="a test")
        self.ctl("mda", "account", "add", self.account.address, "--no-password", code=1)

        sizes = self.sizes()
        self.ctl("mda", "account", "remove", self.account.address)
        self.all_have_read(sizes)
        self.assertEqual(file.read_text(), before)
        self.assertEqual(self.deliver()[0], 550)
        self.login_refused(self.account)

    def test_another_password_and_none_for_a_time(self):
        self.add(agent="msa")
        self.reader(self.site, self.account)
        before = self.sizes()
        new = Account(self.account.address, "another one")
        self.ctl("imapd", "account", "set-password", self.account.address, "--hash", "argon2id", stdin=new.password + "\n")
        self.login_refused(self.account)
        self.reader(self.site, new)
        self.all_have_read(before)
        self.submission(self.site, new)
        self.ctl("imapd", "account", "disable", self.account.address)
        self.login_refused(new)
        self.assertFalse(self.show()["enabled"])
        self.assertEqual(self.deliver()[0], 250)
        self.ctl("imapd", "account", "enable", self.account.address)
        self.reader(self.site, new)

    def test_what_cannot_be(self):
        self.ctl("imapd", "account", "show", self.account.address, code=1)
        self.ctl("imapd", "account", "add", "someone@elsewhere.example", "--no-password", code=1)
        self.ctl("imapd", "account", "add", self.account.address, stdin="\n", code=2)  # an empty password
        self.ctl("imapd", "account", "add", self.account.address, "--quota", "much", "--no-password", code=2)
        self.ctl("mta", "mailbox", "list", self.site.users[0].address, code=1)  # it has no store
        file = self.site.config_file("directory")
        text = file.read_text()
        try:
            file.write_text(text + "acount {}\n")
            self.assertIn("acount", self.ctl("imapd", "account", "add", self.account.address, "--no-password", code=1))
            self.assertEqual(file.read_text(), text + "acount {}\n")
        finally:
            file.write_text(text)
        self.reader(self.site, self.site.users[0])

    def test_many_at_once_and_none_is_lost(self):
        names = [f"many{n}@b.example" for n in range(12)]
        running = [subprocess.Popen([self.pair.binaries / "quartetctl", "--target",
                                     self.site.endpoint(f"{AGENTS[n % 4]}_control"), "account", "add", name, "--no-password"],
                                    stdout=subprocess.DEVNULL) for n, name in enumerate(names)]
        self.assertEqual([one.wait(60) for one in running], [0] * len(names))
        for agent in AGENTS:
            wait_until(lambda agent=agent: set(names) <= {one["login"] for one in self.quartetctl(
                self.site, agent, "account", "list", "--in-domain", "b.example")}, 20, f"all of them at {agent}")

    def test_mailboxes(self):
        self.add()
        address = self.account.address
        reader = self.reader(self.site, self.account)
        self.ctl("imapd", "mailbox", "create", address, "Old/2026")
        self.ctl("imapd", "mailbox", "subscribe", address, "Old/2026")
        self.assertIn(b'"/" Old/2026', b"".join(reader.lsub()[1]))
        for n in range(3):
            self.assertEqual(self.deliver(f"Subject: {n}\r\n\r\ntext\r\n")[0], 250)
        reader.noop()
        reader.store("1", "+FLAGS", r"(\Seen)")
        self.assertIn("1 messages would be moved",
                      self.ctl("imapd", "mailbox", "move", address, "INBOX", "Old/2026", "--flag", r"\Seen", "--dry-run"))
        reader.idle()
        # By the other agent that has the store, and yet who looks at the mailbox is told.
        self.ctl("mda", "mailbox", "move", address, "INBOX", "Old/2026", "--flag", r"\Seen")
        self.assertIn(b"* 1 EXPUNGE", reader.wait_for(rb"EXPUNGE"))
        self.ctl("imapd", "mailbox", "expunge", address, "INBOX", code=2)
        self.ctl("imapd", "mailbox", "expunge", address, "INBOX", "--all", "--max-affected", "1", code=1)
        self.ctl("imapd", "mailbox", "expunge", address, "INBOX", "--older-than", "1h")
        boxes = {one["name"]: one for one in self.quartetctl(self.site, "imapd", "mailbox", "list", address)}
        self.assertEqual((boxes["INBOX"]["messages"], boxes["Old/2026"]["messages"], boxes["Old/2026"]["subscribed"]),
                         (2, 1, True))
        self.assertGreater(boxes["INBOX"]["highest_modseq"], 1)
        self.assertIn("2 messages removed", self.ctl("imapd", "mailbox", "expunge", address, "INBOX", "--no-flag", r"\Seen"))
        self.ctl("imapd", "mailbox", "rename", address, "Old", "Older")
        self.assertIn("1 messages gone with it", self.ctl("imapd", "mailbox", "delete", address, "Older/2026"))
        self.ctl("imapd", "mailbox", "list", "nobody@b.example", code=1)
        self.ctl("imapd", "mailbox", "set-acl", address, "INBOX", "anyone", "lr")
        self.ctl("imapd", "mailbox", "set-acl", "--", address, "INBOX", "anyone", "-r")
        self.assertRegex(self.ctl("imapd", "mailbox", "acl", address, "INBOX"), r"anyone +l\n")

    def test_quota(self):
        self.add("--quota-messages", "4")
        address = self.account.address
        reader = self.reader(self.site, self.account)
        self.ctl("imapd", "mailbox", "create", address, "Small")
        self.ctl("imapd", "quota", "set", address, "--mailbox", "Small", "--messages", "1", "--bytes", "10K")
        self.assertEqual(reader.append("Small", "", None, b"Subject: 1\r\n\r\ntext\r\n")[0], "OK")
        kind, told = reader.append("Small", "", None, b"Subject: 2\r\n\r\ntext\r\n")
        self.assertEqual((kind, b"OVERQUOTA" in told[0]), ("NO", True))
        roots, quotas = reader.getquotaroot("Small")[1]
        self.assertEqual(roots, [b'Small "" Small'])
        self.assertEqual(quotas, [b'"" (MESSAGE 1 4)', b"Small (STORAGE 1 10 MESSAGE 1 1)"])
        shown = self.quartetctl(self.site, "imapd", "quota", "show", address)
        self.assertEqual((shown["account"]["messages"], shown["account"]["messages_limit"]), (1, 4))
        self.assertEqual([(one["name"], one["quota"]["messages_limit"]) for one in shown["mailbox"]], [("Small", 1)])
        for n in range(3):
            self.assertEqual(self.deliver()[0], 250)
        self.assertEqual(self.deliver()[:1], (452,))
        before = self.sizes()
        self.ctl("imapd", "quota", "set", address, "--messages", "5", "--reason", "a test")
        self.all_have_read(before)
        self.assertEqual(self.deliver()[0], 250)
        self.assertIn("5 messages of", self.ctl("mda", "quota", "recount", address))
        self.ctl("mda", "quota", "set", address, code=2)


if __name__ == "__main__":
    unittest.main()
