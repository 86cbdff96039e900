#!/usr/bin/env python3
"""Against guessing of passwords: what fails at one agent counts at the others of the host, and fades."""
import imaplib
import poplib
import smtplib
import time
import unittest

from harness import SitesTestCase, network_of
from sasl_test import Scram
from sites.process import wait_until


ODMR = 10366


def limited(limits):
    """The options of a pair whose site a counts in one file; a count is half after thirty seconds."""
    def change(text):
        run = text.split('control { socket: "')[1].split('"')[0].rsplit("/", 1)[0]
        return text + f'login_limits {{ file: "{run}/logins" half_life_seconds: 30 {limits} }}\n'

    def with_odmr(text):
        return change(text) + f'odmr {{ address: "{network_of(text)}.1:{ODMR}" }}\n'

    return {"overrides": {"a": {"msa": change, "imapd": change, "mta": with_odmr}}}


class Guesser(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.a, self.pair.a.users[0]

    def smtp(self, user, password):
        """The code that the login is answered with."""
        return self.code_of_login(self.submission(self.site), user, password)

    def odmr(self, user, password):
        client = smtplib.SMTP(self.site.address, ODMR, local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        client.starttls(context=self.tls())
        return self.code_of_login(client, user, password)

    @staticmethod
    def code_of_login(client, user, password):
        client.ehlo()
        try:
            # login() would try the next mechanism after a failure.
            client.user, client.password = user, password
            return client.auth("PLAIN", client.auth_plain)[0]
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code

    def imap(self, user, password):
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.tls(), timeout=30)
        self.addCleanup(self._close, client)
        try:
            client.login(user, password)
            return "OK"
        except imaplib.IMAP4.error as error:
            return str(error)

    def pop(self, user, password):
        client = poplib.POP3_SSL(self.site.address, self.site.port("pop3s"), context=self.tls(), timeout=30)
        self.addCleanup(client.close)
        try:
            client.user(user)
            return client.pass_(password).decode()
        except poplib.error_proto as error:
            return str(error)


class ScramGuess(Scram):
    """Notes whether the server has shown that the proof was right."""
    told = False

    def __call__(self, challenge=b""):
        self.told = self.told or challenge.startswith(b"v=")
        return super().__call__(challenge)


class ByClient(Guesser):
    options = limited("client_failures: 4")

    def test_failures_at_one_agent_count_at_the_others_and_fade(self):
        right = self.account.address, self.account.password
        self.assertEqual(self.smtp(*right), 235)
        self.assertEqual(self.imap(*right), "OK")
        logged = {agent: self.site.processes[agent].log.stat().st_size for agent in ("msa", "imapd", "mta")}
        self.assertEqual(self.odmr(*right), 235)
        self.assertEqual(self.odmr("guess2@a.example", "wrong"), 535)
        self.assertEqual(self.smtp("guess0@a.example", "wrong"), 535)
        for number in range(2):
            self.assertIn("AUTHENTICATIONFAILED", self.imap(f"guess{number + 10}@a.example", "wrong"))
        # These are four, or a little less by now: another one that counts is enough.
        wait_until(lambda: self.smtp("guess@a.example", "wrong") == 535, 30, "a fifth failure to count")
        self.assertEqual(self.smtp(*right), 421)
        self.assertEqual(self.scram_by_smtp(*right), (421, False))
        answer, told = self.scram_by_imap(*right)
        self.assertIn("UNAVAILABLE", answer)
        self.assertFalse(told)
        self.assertIn("UNAVAILABLE", self.imap(*right))
        self.assertIn("SYS/TEMP", self.pop(*right))
        self.assertEqual(self.odmr(*right), 421)
        for agent, protocol in (("msa", "smtp"), ("mta", "odmr")):
            self.site.processes[agent].wait_for_event("login.limited", start=logged[agent], by="client",
                                                      protocol=protocol)
        for protocol in ("imap", "pop3"):
            self.site.processes["imapd"].wait_for_event("login.limited", start=logged["imapd"], protocol=protocol)
        wait_until(lambda: self.smtp(*right) == 235, 90, "the failures to fade")
        wait_until(lambda: self.imap(*right) == "OK", 90, "the failures to fade")
        self.assertEqual(self.scram_by_smtp(*right), (235, True))
        self.assertEqual(self.scram_by_imap(*right), ("OK", True))

    def scram_by_smtp(self, user, password):
        client, scram = self.submission(self.site), ScramGuess("sha256", user, password)
        client.ehlo()
        try:
            return client.auth("SCRAM-SHA-256", scram)[0], scram.told
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code, scram.told

    def scram_by_imap(self, user, password):
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.tls(), timeout=30)
        self.addCleanup(self._close, client)
        scram = ScramGuess("sha256", user, password)
        try:
            return client.authenticate("SCRAM-SHA-256", scram)[0], scram.told
        except imaplib.IMAP4.error as error:
            return str(error), scram.told


class ByLogin(Guesser):
    options = limited("login_failures: 2")

    def test_a_login_that_is_guessed_at_is_answered_late(self):
        victim = self.pair.a.users[1]
        for _ in range(4):
            self.assertEqual(self.smtp(victim.address, "wrong"), 535)
        begun = time.monotonic()
        self.assertEqual(self.imap(victim.address, victim.password), "OK")
        self.assertGreater(time.monotonic() - begun, 0.9)


if __name__ == "__main__":
    unittest.main()
