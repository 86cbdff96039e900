#!/usr/bin/env python3
"""Hashes of passwords are made anew at logins (`upgrade_hashes`), by msa, imapd and mda side by side in one file."""
import concurrent.futures
import imaplib
import re
import signal
import smtplib
import unittest

from harness import SitesTestCase
from managesieve_test import Client, managing
from sites.process import wait_until
from sites.site import Account

PEOPLE = [Account(f"person{number}@b.example", f"secret number {number}") for number in range(12)]


def with_people(text):
    accounts = "".join(f'# {person.address} is number {n}.\naccount {{ login: "{person.address}"\n'
                       f'  password_hash: "{person.password_hash()}"  # as it came\n}}\n'
                       for n, person in enumerate(PEOPLE))
    return text + accounts + "upgrade_hashes: true\n"


class PasswordUpgrade(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"b": {"directory": with_people, "mda": managing}}}

    def setUp(self):
        self.site = self.pair.b
        self.file = self.site.config_file("directory")

    def hash_of(self, account):
        text = self.file.read_text()
        entry = text[text.index(f'login: "{account.address}"'):]
        return re.search(r'password_hash: "([^"]*)"', entry)[1]

    def by_imap(self, account, password=None):
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.tls(), timeout=60)
        self.addCleanup(client.shutdown)
        try:
            return client.login(account.address, password or account.password)[0] == "OK"
        except imaplib.IMAP4.error:
            return False

    def by_smtp(self, account, password=None):
        client = smtplib.SMTP_SSL(self.site.address, self.site.port("submissions"), context=self.tls(), timeout=60)
        self.addCleanup(client.close)
        try:
            return client.login(account.address, password or account.password)[0] == 235
        except smtplib.SMTPAuthenticationError:
            return False

    def by_managesieve(self, account, password=None):
        client = Client(self.site.address, self.tls())
        self.addCleanup(client.close)
        client.starttls()
        return client.login(account, password)[-1].startswith("OK")

    def wait_for_hash(self, account, form="$argon2id$"):
        return wait_until(lambda: (found := self.hash_of(account)).startswith(form) and found, 60,
                          f"a hash {form} of {account.address}")

    def test_agents_at_once_lose_nothing(self):
        # Not among those that other tests change.
        people = PEOPLE[3:]
        ways = (self.by_imap, self.by_smtp, self.by_managesieve)
        with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
            done = [pool.submit(ways[n % 3], person) for n, person in enumerate(people)]
        self.assertTrue(all(each.result() for each in done))
        hashes = {self.wait_for_hash(person) for person in people}
        self.assertEqual(len(hashes), len(people))
        text = self.file.read_text()
        for number, person in enumerate(PEOPLE):
            self.assertIn(f"# {person.address} is number {number}.\n", text)
        self.assertEqual(text.count("# as it came"), len(PEOPLE))
        # What is in the file now is read by all agents, and is of the same passwords.
        for agent in ("msa", "imapd", "mda"):
            process = self.site.processes[agent]
            start = process.log.stat().st_size
            process.signal(signal.SIGHUP)
            process.wait_for_event("reload.done", start=start)
        for number, person in enumerate(people):
            self.assertTrue(ways[(number + 1) % 3](person))
        self.assertFalse(self.by_imap(people[0], people[1].password))
        self.assertFalse(self.by_smtp(people[0], people[1].password))
        self.assertEqual({self.hash_of(person) for person in people}, hashes)

    def test_a_wrong_password_changes_nothing(self):
        person, before = PEOPLE[0], self.hash_of(PEOPLE[0])
        self.assertFalse(self.by_imap(person, "wrong"))
        self.assertFalse(self.by_smtp(person, PEOPLE[1].password))
        start = self.site.processes["imapd"].log.stat().st_size
        self.assertTrue(self.by_imap(PEOPLE[1]))
        # The other one would have come before it.
        self.site.processes["imapd"].wait_for_event("login.hash_upgraded", start=start, account=PEOPLE[1].address)
        self.assertEqual(self.hash_of(person), before)

    def test_a_password_that_was_set_meanwhile_stays(self):
        person = PEOPLE[2]
        new = Account(person.address, "another").password_hash()
        self.file.write_text(self.file.read_text().replace(self.hash_of(person), new))
        start = self.site.processes["imapd"].log.stat().st_size
        self.assertTrue(self.by_imap(person))  # by the hash that imapd has read
        self.assertTrue(self.by_imap(self.site.users[0]))
        self.site.processes["imapd"].wait_for_event("login.hash_upgraded", start=start, account=self.site.users[0].address)
        self.assertEqual(self.hash_of(person), new)
        # The upgrade of the other one made imapd read the file again.
        wait_until(lambda: self.by_imap(person, "another"), 30, "the new password to count")

    def test_a_file_that_cannot_be_written(self):
        lock = self.file.with_name(self.file.name + ".lock")
        lock.unlink(missing_ok=True)
        lock.mkdir()  # stops root, too
        self.addCleanup(lock.rmdir)
        first, second = self.site.users[1], self.site.users[0]
        before = self.file.read_bytes()
        process = self.site.processes["msa"]
        start = process.log.stat().st_size
        for _ in range(3):
            self.assertTrue(self.by_smtp(first))
        process.wait_for_event("login.hash_kept", start=start, account=first.address)
        self.assertTrue(self.by_smtp(second))
        process.wait_for_event("login.hash_kept", start=start, account=second.address)
        self.assertEqual(process.log.read_bytes()[start:].count(b"login.hash_kept"), 2)
        self.assertEqual(self.file.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
