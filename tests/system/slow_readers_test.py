#!/usr/bin/env python3
"""Clients that ask for large messages and do not read them: what they cost imapd in memory, and that in the end each gets what
it was promised, or is told in the plainest way that it does not."""
import base64
import os
import pathlib
import random
import re
import shutil
import socket
import sys
import tempfile
import unittest
import unittest.mock

from harness import BIN
from imap_wire import Wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from sites.process import wait_until
from stores import PASSWORD, QuartetStore, user

CLIENTS = 40
TEXT = b"".join(b".line %d of the text\r\n" % number for number in range(170_000))
BYTES = random.Random(1).randbytes(3_000_000)
ENCODED = base64.encodebytes(BYTES).replace(b"\n", b"\r\n")
HEADER = (b"From: x@elsewhere.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n")
MESSAGE = (HEADER + b"--x\r\nContent-Type: text/plain\r\n\r\n" + TEXT + b"\r\n--x\r\nContent-Type: application/octet-stream\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\n" + ENCODED + b"\r\n--x--\r\n")
ITEMS = {"BODY[]": MESSAGE, "RFC822": MESSAGE, "BODY[TEXT]": MESSAGE[len(HEADER):], "BODY[]<2.7000000>": MESSAGE[2:7_000_002],
         "BODY[1]": TEXT, "BINARY[2]": BYTES}


class Silent:
    """A client that does not read until it is asked to, and has little room for what comes."""

    def __init__(self, endpoint):
        host, port = endpoint.rsplit(":", 1)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self._socket.settimeout(60)
        self._socket.connect((host, int(port)))
        self.close = self._socket.close

    def run(self, command, end):
        """What comes up to a line that matches `end`."""
        self.send(command)
        octets = b""
        while not re.search(end, octets, re.MULTILINE):
            octets += self._socket.recv(1 << 16)
        return octets

    def send(self, command):
        self._socket.sendall(command.encode() + b"\r\n")

    def wait(self):
        """Until something has come."""
        self._socket.recv(1, socket.MSG_PEEK)

    def read(self, size):
        """So many octets; fewer only if the connection ended."""
        octets = bytearray()
        while len(octets) < size and (more := self._socket.recv(min(1 << 20, size - len(octets)))):
            octets += more
        return bytes(octets)


class SlowReaders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        # What is freed counts as free, with AddressSanitizer too.
        options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=options):
            cls.server = QuartetStore(cls.directory, BIN, 1, full_text_index="OFF")
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.wire = Wire(self.server.imap, user(0), PASSWORD)
        self.addCleanup(self.wire.close)
        self.wire.run("SELECT INBOX")
        self.wire.run("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
        self.wire.run("EXPUNGE")
        for file in self.bodies():
            file.unlink()
        tagged = self.wire.run(b"APPEND INBOX {%d+}\r\n" % len(MESSAGE) + MESSAGE)[1]
        self.uid = int(re.match(rb"OK \[APPENDUID \d+ (\d+)\]", tagged)[1])

    def bodies(self):
        """The files of large messages."""
        return list(pathlib.Path(self.server.site.directory).glob("**/payload/*.body"))

    def expunge(self):
        self.wire.run(f"UID STORE {self.uid} +FLAGS.SILENT (\\Deleted)")
        self.assertIn(b"1 EXPUNGE", self.wire.run("EXPUNGE")[0])

    def silent(self, item):
        client = Silent(self.server.imap)
        self.addCleanup(client.close)
        client.run(f"a LOGIN {user(0)} {PASSWORD}", rb"^a OK .*\r\n")
        client.run("a EXAMINE INBOX", rb"^a OK .*\r\n")
        client.send(f"a UID FETCH {self.uid} {item.replace('[', '.PEEK[') if '[' in item else item}")
        return client

    def fetched(self, item):
        """What such a client is to get, up to the end of the message."""
        name = re.sub(r"<(\d+)\.\d+>", r"<\1>", item)
        octets = ITEMS[item]
        literal8 = b"~" if b"\0" in octets else b""
        return b"* 1 FETCH (UID %d %s %s{%d}\r\n" % (self.uid, name.encode(), literal8, len(octets)) + octets + b")\r\n"

    def silent_pop3(self):
        client = Silent(self.server.site.endpoint("pop3"))
        self.addCleanup(client.close)
        client.run(f"USER {user(0)}", rb"^\+OK And.*\r\n")
        client.run(f"PASS {PASSWORD}", rb"^\+OK 1 .*\r\n")
        client.send("RETR 1")
        return client

    @staticmethod
    def retrieved():
        return b"+OK Here it is\r\n" + re.sub(rb"^\.", b"..", MESSAGE, flags=re.MULTILINE) + b".\r\n"

    def resident(self):
        status = pathlib.Path(f"/proc/{self.server.reading_pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) << 10

    def assert_same(self, got, expected):
        """Without megabytes in the message."""
        self.assertEqual(len(got), len(expected))
        self.assertTrue(got == expected)

    def test_who_does_not_read_costs_little_memory_and_gets_all_of_it_later(self):
        items = [item for item in ITEMS for _ in range(CLIENTS // len(ITEMS) + 1)][:CLIENTS]
        self.assertEqual(len(items), CLIENTS)
        for item in ITEMS:
            self.wire.run(f"UID FETCH {self.uid} {item}")
        before = self.resident()
        clients = [self.silent(item) for item in items]
        reader = self.silent_pop3()
        for client in [*clients, reader]:
            client.wait()
        grown = self.resident() - before
        print(f"{grown >> 20} MiB for {CLIENTS} clients and {CLIENTS * len(MESSAGE) >> 20} MiB", file=sys.stderr)
        self.assertLess(grown, CLIENTS * len(MESSAGE) / 5)
        for client, item in zip(clients, items):
            expected = self.fetched(item)
            self.assert_same(client.read(len(expected)), expected)
            self.assertTrue(client.run("b NOOP", rb"^b OK .*\r\n").startswith(b"a OK Fetched\r\n"))
        self.assert_same(reader.read(len(self.retrieved())), self.retrieved())
        reader.run("QUIT", rb"^\+OK Bye\r\n")

    def test_a_message_that_is_expunged_and_collected_meanwhile(self):
        items = ["BODY[]", "BODY[]<2.7000000>", "BODY[TEXT]"]
        clients = [self.silent(item) for item in items]
        reader = self.silent_pop3()
        for client in [*clients, reader]:
            client.wait()
        self.expunge()
        # As a collection does an hour later.
        files = self.bodies()
        self.assertEqual(len(files), 1)
        files[0].unlink()
        for client, item in zip(clients, items):
            expected = self.fetched(item)
            self.assert_same(client.read(len(expected)), expected)
            client.run("b NOOP", rb"^b OK .*\r\n")
        self.assert_same(reader.read(len(self.retrieved())), self.retrieved())
        reader.run("QUIT", rb"^\+OK Bye\r\n")

    def test_a_message_whose_bytes_get_lost_meanwhile_ends_the_connection(self):
        client, reader = self.silent("BODY[]"), self.silent_pop3()
        expected, retrieved = self.fetched("BODY[]"), self.retrieved()
        client.wait()
        reader.wait()
        os.truncate(self.bodies()[0], len(MESSAGE) * 9 // 10)
        got = client.read(len(expected))
        self.assertLess(len(got), len(expected))
        self.assertTrue(expected.startswith(got))
        got = reader.read(len(retrieved))
        self.assertLess(len(got), len(retrieved))
        self.assertTrue(retrieved.startswith(got))
        log = self.server.site.processes["imapd"]
        cut = wait_until(lambda: [event for event in log.events() if event.get("event") == "imap.cut_short"][1:], 20, "two events")
        self.assertEqual(cut[0]["account"], user(0))
        self.assertIn("OK", self.wire.run("NOOP")[1].decode())


if __name__ == "__main__":
    unittest.main()
