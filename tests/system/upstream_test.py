#!/usr/bin/env python3
"""The customer's side: b.example is behind a wall and asks its provider a.example for its mail, by ATRN or ETRN."""
import json
import socket
import ssl
import subprocess
import threading
import unittest

from harness import SitesTestCase
from sites.process import wait_until

PORT = 10366
PASSWORD = "the-customer's own"


def _network(text):
    """The first three numbers of the addresses in a configuration."""
    return text.partition('mx_port')[0].partition('listener { address: "')[2].partition(":")[0].rpartition(".")[0]


class Wall:
    """Passes bytes between b and a's ODMR port, and cuts the connections when told to."""

    def __init__(self, address, to):
        self.to = to
        self.listener = socket.create_server(address)
        self.open = []
        self.passed = 0  # octets from a to b
        self.cut_after = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                inner = self.listener.accept()[0]
            except OSError:
                return
            outer = socket.create_connection(self.to)
            self.open += [inner, outer]
            for source, target, counts in ((inner, outer, False), (outer, inner, True)):
                threading.Thread(target=self._pass, args=(source, target, counts), daemon=True).start()

    def _pass(self, source, target, counts):
        try:
            while data := source.recv(4096):
                if counts:
                    self.passed += len(data)
                    if self.cut_after is not None and self.passed > self.cut_after:
                        self.cut_after = None
                        return self.cut()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        self.cut()
        for end in self.open:
            end.close()


class HalfProvider:
    """Under TLS from the first byte: offers ATRN and ETRN, and does not know ATRN when it is said."""

    def __init__(self, address, certificate, key):
        self.commands = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.listener = context.wrap_socket(socket.create_server(address), server_side=True)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            connection = self.listener.accept()[0]
        except OSError:
            return
        answers = {"EHLO": "250-half.example\r\n250-AUTH PLAIN\r\n250-ATRN\r\n250 ETRN", "AUTH": "235 yours",
                   "ATRN": "502 not here", "ETRN": "251 nothing waits", "QUIT": "221 bye"}
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 half.example\r\n")
            while line := lines.readline():
                self.commands.append(line.decode().strip())
                connection.sendall(answers.get(line.decode().split()[0], "500 what?").encode() + b"\r\n")

    def close(self):
        self.listener.close()


def provider(text):
    return text + f"""
odmr {{ address: "{_network(text)}.1:{PORT}" }}
link {{ name: "b" domain: "b.example" mode: ATRN login: "b" password: "{PASSWORD}" stay_seconds: 1 }}
link {{ name: "etrn" domain: "etrn.example" on_request: true allowed: "127.0.0.0/8" next_hop {{ host: "NET.2:10025" }} }}
""".replace("NET.", _network(text) + ".")


def customer(text):
    network = _network(text)
    return text + f"""
relay_domain: "etrn.example"
transport {{ match: "etrn.example" next_hop {{ host: "unix:/nowhere" protocol: LMTP }} }}
upstream {{ name: "isp" host: "{network}.9:{PORT}" domain: "b.example" login: "b" password: "{PASSWORD}" tls: ENCRYPT
           not_at_start: true }}
upstream {{ name: "wrong" host: "{network}.1:{PORT}" domain: "b.example" login: "b" password: "no" tls: ENCRYPT
           not_at_start: true }}
upstream {{ name: "unverified" host: "{network}.99:{PORT}" domain: "b.example" login: "b" password: "no"
           not_at_start: true }}
upstream {{ name: "half" host: "{network}.98:{PORT}" domain: "b.example" login: "b" password: "no" tls: ENCRYPT
           implicit_tls: true not_at_start: true }}
upstream {{ name: "old" host: "{network}.1:10025" method: ETRN domain: "etrn.example" tls: NONE not_at_start: true }}
"""


class Upstream(SitesTestCase):
    options = {"shared_spool": True, "overrides": {"a": {"mta": provider}, "b": {"mta": customer}}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        network = cls.pair.network.prefix
        cls.wall = Wall((f"{network}.9", PORT), (f"{network}.1", PORT))
        cls.addClassCleanup(cls.wall.close)

    def trigger(self, name, code=0):
        """The last that is said of the request."""
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.b.endpoint("mta_control"),
                               "--json", "upstream", "trigger", name], capture_output=True, timeout=100)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}

    def pending(self, link="b"):
        listed = self.quartetctl(self.pair.a, "mta", "link", "list")
        return next(int(each.get("pending", 0)) for each in listed if each["name"] == link)

    def listed(self, name):
        return next(each for each in self.quartetctl(self.pair.b, "mta", "upstream", "list") if each["name"] == name)

    def test_mail_is_fetched_by_atrn(self):
        a, b = self.pair.a, self.pair.b
        self.assertEqual(self.listed("isp")["state"], "idle")
        letters = [self.send(a, a.users[0], user.address) for user in b.users]
        wait_until(lambda: self.pending() == 2, 30, "2 recipients at the provider")
        last = self.trigger("isp")
        self.assertEqual(last["phase"], "ended")
        self.assertEqual(last["upstream"]["method"], "ATRN")
        for user, sent in zip(b.users, letters):
            self.assert_intact(sent, self.wait_for_message(b, user, sent["Message-ID"]))
        self.assertEqual(self.pending(), 0)

    def test_a_cut_in_the_middle_loses_and_doubles_nothing(self):
        a, b = self.pair.a, self.pair.b
        letters = [self.send(a, a.users[0], b.users[0].address) for _ in range(6)]
        wait_until(lambda: self.pending() == 6, 30, "6 recipients at the provider")
        self.wall.cut_after = self.wall.passed + 60_000
        self.trigger("isp", code=1)
        self.assertIsNone(self.wall.cut_after)

        def fetched():
            self.trigger("isp")
            return self.pending() == 0
        wait_until(fetched, 60, "all fetched")
        for sent in letters:
            self.wait_for_message(b, b.users[0], sent["Message-ID"])
        inbox = self.fetch_all(b, b.users[0])
        # What was cut off before its 250 was recorded may come twice (RFC 1047): at most that one.
        counts = [sum(sent["Message-ID"].encode() in message for message in inbox) for sent in letters]
        self.assertTrue(all(counts))
        self.assertLessEqual(sum(counts), len(letters) + 1)

    def test_what_is_refused(self):
        last = self.trigger("wrong", code=1)
        self.assertEqual(last["upstream"]["state"], "stopped")
        self.assertEqual(last["upstream"]["code"], 535)
        last = self.trigger("unverified", code=1)
        self.assertEqual(last["upstream"]["state"], "backing_off")
        self.assertEqual(self.trigger("nobody", code=1), {})

    def test_etrn(self):
        last = self.trigger("old")
        self.assertEqual((last["upstream"]["method"], last["upstream"]["code"]), ("ETRN", 251))

    def test_etrn_where_atrn_is_only_offered(self):
        half = HalfProvider((f"{self.pair.network.prefix}.98", PORT),
                            *self.pair.authority.issue("half.example", ["half.example"]))
        self.addCleanup(half.close)
        last = self.trigger("half")
        self.assertEqual((last["upstream"]["method"], last["upstream"]["code"]), ("ETRN", 251), last)
        self.assertEqual([command.split()[0] for command in half.commands], ["EHLO", "AUTH", "ATRN", "ETRN", "QUIT"])


if __name__ == "__main__":
    unittest.main()
