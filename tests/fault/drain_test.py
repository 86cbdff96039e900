#!/usr/bin/env python3
"""SIGTERM while a hundred clients are busy: who is idle hears so at once, who is in the midst of a message may end it, who
does not is cut off when the time is over; what was acknowledged comes, and once.
"""
import base64
import collections
import socket
import time
import unittest

import harness
import traffic
from kill_test import KillTestCase
from sites.process import wait_until

_GRACE = 6  # seconds: agent.drain_seconds
_LAST_WORDS = 20  # more, at most, until a process has ended


def quick(text):
    return text.replace("agent {", f"agent {{ drain_seconds: {_GRACE}", 1)


def roomy(text):
    return quick(text) + "limits { connections_per_client: 300 }\n"


class Client:
    """A connection of which the lines are read when the test wants them."""

    def __init__(self, address, tls=None):
        self.socket = socket.create_connection(address, timeout=60)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def lines(self):
        """All up to the end of the connection."""
        try:
            return [line.decode().strip() for line in self.file]
        except ConnectionResetError:
            return ["reset"]

    def say(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def ask(self, text):
        """The last line of an SMTP reply."""
        self.say(text)
        while (line := self.file.readline())[3:4] == b"-":
            pass
        return line.decode().strip()


class DrainTestCase(KillTestCase):
    sender = "from@load.example"

    def client(self, address, tls=None):
        client = Client(address, tls)
        self.addCleanup(client.close)
        return client

    def smtp(self, service, hello):
        client = self.client((self.site.address, self.site.port(service)))
        client.ask("")
        client.ask(f"{hello} client.example\r\n")
        return client

    def in_data(self, service, hello, number, recipient):
        """In the middle of a message; and what is left of it."""
        client = self.smtp(service, hello)
        for command in (f"MAIL FROM:<{self.sender}>", f"RCPT TO:<{recipient}>", "DATA"):
            answer = client.ask(command + "\r\n")
            self.assertRegex(answer, "^[23]")
        message = traffic.content(number)
        client.say(message[:50])
        return client, message[50:] + b".\r\n"

    def end(self, agent):
        """SIGTERM, and a function that waits for the end and gives how long it took."""
        process = self.site.processes[agent]
        begun = time.monotonic()
        process.signal(15)
        process.wait_for_event("draining")

        def ended():
            wait_until(lambda: not process.is_running(), _GRACE + _LAST_WORDS, f"the end of {agent}")
            self.assertEqual(process.stop(), 0)
            return time.monotonic() - begun

        return ended

    def check_messages(self, agent, service, hello, recipient):
        """(numbers of what was acknowledged, of what was not)"""
        idle = [self.smtp(service, hello) for _ in range(30)]
        finishing = {number: self.in_data(service, hello, number, recipient) for number in range(100, 135)}
        stuck = {number: self.in_data(service, hello, number, recipient) for number in range(200, 235)}
        ended = self.end(agent)
        begun = time.monotonic()
        for client in idle:
            self.assertRegex(client.lines()[-1], "^421 4.3.2")
        self.assertLess(time.monotonic() - begun, _GRACE - 1)
        for client, rest in finishing.values():
            client.say(rest)
        for client, _ in finishing.values():
            said = client.lines()
            self.assertEqual([line[:3] for line in said], ["250", "421"], said)
        for client, _ in stuck.values():
            self.assertEqual([line[:3] for line in client.lines()], ["421"])
        took = ended()
        self.assertGreater(took, _GRACE - 1)
        return set(finishing), set(stuck)


class ToRecorder(DrainTestCase):
    """What agents on the way take; a recorder is the mta's smart host."""

    def check(self, agent, service):
        self.site.start_agent("mta", harness.BIN)
        taken, lost = self.check_messages(agent, service, "EHLO", "r@load.example")
        self.site.start_agent(agent, harness.BIN)
        wait_until(lambda: {(number, "r@load.example") for number in taken} <= set(self.recorder.came), 60, "all")
        came = collections.Counter({key[0]: times for key, times in self.recorder.came.items()})
        self.assertEqual({number: came[number] for number in taken}, dict.fromkeys(taken, 1))
        self.assertFalse(lost & set(came))
        self.assertEqual(self.recorder.faults, [])


class Relay(ToRecorder):
    @classmethod
    def prepare(cls):
        relaying = cls.to_recorder()
        return {"mta": lambda text: relaying(quick(text))}

    def test_messages_on_their_way_in(self):
        self.check("mta", "mx")


class Submission(ToRecorder):
    @classmethod
    def prepare(cls):
        return {"mta": cls.to_recorder(), "msa": roomy}

    def smtp(self, service, hello):
        user = self.site.users[0]
        client = self.client((self.site.address, self.site.port(service)), self.tls())
        client.ask("")
        client.ask(f"{hello} client.example\r\n")
        secret = base64.b64encode(f"\0{user.address}\0{user.password}".encode()).decode()
        self.assertRegex(client.ask(f"AUTH PLAIN {secret}\r\n"), "^235")
        return client

    def test_messages_that_are_submitted(self):
        self.sender = self.site.users[0].address
        self.site.start_agent("msa", harness.BIN)
        self.check("msa", "submissions")


class Mailboxes(DrainTestCase):
    """The mda and the imapd."""

    @classmethod
    def prepare(cls):
        return {"mda": roomy, "imapd": quick}

    def imap(self):
        user = self.site.users[0]
        client = self.client((self.site.address, self.site.port("imaps")), self.tls())
        client.file.readline()
        client.say(f"a LOGIN {user.address} {user.password}\r\nb SELECT INBOX\r\n")
        self.read_to(client, b"b OK")
        return client

    def read_to(self, client, start):
        while not (line := client.file.readline()).startswith(start):
            self.assertTrue(line, f"the end before {start}")

    def numbers(self):
        """How often each numbered message is in the mailbox."""
        return collections.Counter(traffic.number_of(message)
                                   for message in self.fetch_all(self.site, self.site.users[0]))

    def test_deliveries(self):
        self.site.start_agent("mda", harness.BIN)
        taken, lost = self.check_messages("mda", "lmtp", "LHLO", self.site.users[0].address)
        self.site.start_agent("imapd", harness.BIN)
        came = self.numbers()
        self.assertEqual({number: came[number] for number in taken}, dict.fromkeys(taken, 1))
        self.assertFalse(lost & set(came))

    def test_imap_sessions(self):
        self.site.start_agent("imapd", harness.BIN)
        large = traffic.content(1000, 12_000_000)
        setter = self.imap()
        setter.say(b"c APPEND INBOX {%d+}\r\n%s\r\n" % (len(large), large))
        self.read_to(setter, b"c OK")
        idle = [self.imap() for _ in range(30)]
        for client in idle:
            client.say("d IDLE\r\n")
            self.read_to(client, b"+")
        appending = {number: self.imap() for number in range(300, 330)}
        for number, client in appending.items():
            message = traffic.content(number)
            client.say(b"d APPEND INBOX {%d}\r\n" % len(message))
            self.read_to(client, b"+")
            client.say(message[:50])
        deaf = [self.imap() for _ in range(10)]
        for client in deaf:
            client.say("d FETCH 1 BODY.PEEK[]\r\n")
            self.read_to(client, b"* 1 FETCH")
        ended = self.end("imapd")
        begun = time.monotonic()
        for client in idle:
            self.assertTrue(any(line.startswith("* BYE") for line in client.lines()))
        self.assertLess(time.monotonic() - begun, _GRACE - 1)
        for number, client in appending.items():
            client.say(traffic.content(number)[50:] + b"\r\n")
        for client in appending.values():
            said = [line[:5] for line in client.lines()]
            self.assertIn("d OK ", said)
            self.assertEqual(said[-1], "* BYE")
        ended()
        self.site.start_agent("imapd", harness.BIN)
        came = self.numbers()
        self.assertEqual({number: came[number] for number in appending}, dict.fromkeys(appending, 1))


if __name__ == "__main__":
    unittest.main()
