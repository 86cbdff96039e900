#!/usr/bin/env python3
"""A letter with parts goes both ways between the sites: by smart host and DNS, and by the shared spool."""
import unittest

from harness import SitesTestCase
from sites import letter


class BothWays:
    def test_a_to_b(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        received = self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"])
        self.assert_intact(sent, received)

    def test_b_to_a(self):
        sent = self.send(self.pair.b, self.pair.b.users[0], self.pair.a.users[0].address)
        received = self.wait_for_message(self.pair.a, self.pair.a.users[0], sent["Message-ID"])
        self.assert_intact(sent, received)

    def test_within_a_site(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.a.users[1].address)
        received = self.wait_for_message(self.pair.a, self.pair.a.users[1], sent["Message-ID"])
        self.assert_intact(sent, received)

    def test_several_recipients_at_both_sites(self):
        recipients = [(self.pair.b, self.pair.b.users[0]), (self.pair.b, self.pair.b.users[1]),
                      (self.pair.a, self.pair.a.users[1])]
        message = letter.write(self.pair.a.users[0].address, ", ".join(user.address for _, user in recipients))
        self.send(self.pair.a, self.pair.a.users[0], [user.address for _, user in recipients], message)
        for site, user in recipients:
            self.assert_intact(message, self.wait_for_message(site, user, message["Message-ID"]))

    def test_trace_of_every_hop(self):
        """RFC 5321 section 4.4: each agent adds one Received, newest first; delivery adds Return-Path."""
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[1].address)
        received = self.wait_for_message(self.pair.b, self.pair.b.users[1], sent["Message-ID"]).decode()
        head = received.partition("\r\n\r\n")[0]
        self.assertGreaterEqual(head.count("\r\nReceived: ") + head.startswith("Received: "), 3)
        self.assertTrue(head.startswith(f"Return-Path: <{self.pair.a.users[0].address}>"), head[:200])


class BySmartHost(BothWays, SitesTestCase):
    options = {"shared_spool": False}


class BySharedSpool(BothWays, SitesTestCase):
    options = {"shared_spool": True}


if __name__ == "__main__":
    unittest.main()
