#!/usr/bin/env python3
"""Clients that say something all the time and never log in: IMAP, POP3 and ManageSieve send them away after a minute."""
import select
import socket
import time
import unittest

import managesieve_test

PATIENCE = 60  # seconds, for a login


class Talker:
    """Says `text` each second until the server hangs up."""

    def __init__(self, address, port, text):
        self.begun = time.monotonic()
        self.text = text
        self.socket = socket.create_connection((address, port), timeout=30)
        self.heard = b""
        self.lasted = None  # seconds, once the server has hung up

    def talk(self):
        try:
            while select.select([self.socket], [], [], 0)[0] and self.lasted is None:
                octets = self.socket.recv(65536)
                self.heard += octets
                if not octets:
                    self.lasted = time.monotonic() - self.begun
            if self.lasted is None:
                self.socket.sendall(self.text)
        except ConnectionError:
            self.lasted = time.monotonic() - self.begun


class SlowClients(managesieve_test.Managing):
    options = managesieve_test.overridden(managesieve_test.managing)

    def test_who_never_logs_in_is_sent_away_whatever_it_says(self):
        ports = {"imap": self.b.port("imap"), "pop3": self.b.port("pop3"), "sieve": managesieve_test.PORT}
        texts = [("imap", b"a NOOP\r\n"), ("imap", b"a"), ("pop3", b"CAPA\r\n"), ("pop3", b"a"),
                 ("sieve", b"NOOP\r\n"), ("sieve", b"a")]
        talkers = [Talker(self.b.address, ports[protocol], text) for protocol, text in texts]
        for talker in talkers:
            self.addCleanup(talker.socket.close)
        end = time.monotonic() + 5 * PATIENCE
        while any(talker.lasted is None for talker in talkers) and time.monotonic() < end:
            for talker in talkers:
                if talker.lasted is None:
                    talker.talk()
            time.sleep(1)
        for (protocol, text), talker in zip(texts, talkers):
            with self.subTest(protocol=protocol, text=text):
                self.assertIsNotNone(talker.lasted, "the server has not hung up")
                self.assertGreaterEqual(talker.lasted, PATIENCE)


if __name__ == "__main__":
    unittest.main()
