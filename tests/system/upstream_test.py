#!/usr/bin/env python3
"""The customer's side: b.example is behind a wall and asks its provider a.example for its mail, by ATRN or ETRN."""
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import unittest

from harness import FULL, SitesTestCase, network_of
from sites.process import wait_until

PORT = 10366
PASSWORD = "the-customer's own"


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


class ScriptedProvider:
    """Under TLS from the first byte: offers ATRN and ETRN, answers each verb as it is told, else with 500. After 250 to ATRN
    `turned` gets the connection and its lines.
    """

    def __init__(self, address, certificate, key, answers, turned=None):
        self.commands = []
        self.answers = {"EHLO": "250-half.example\r\n250-AUTH PLAIN\r\n250-ATRN\r\n250 ETRN", "AUTH": "235 yours",
                        "QUIT": "221 bye", **answers}
        self.turned = turned
        self.failure = None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.listener = context.wrap_socket(socket.create_server(address), server_side=True)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            connection = self.listener.accept()[0]
        except OSError:
            return
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 half.example\r\n")
            while line := lines.readline():
                self.commands.append(line.decode().strip())
                verb = line.decode().split()[0]
                answer = self.answers.get(verb, "500 what?")
                if callable(answer):
                    answer = answer()
                connection.sendall(answer.encode() + b"\r\n")
                if verb == "ATRN" and answer.startswith("250"):
                    try:
                        self.turned(connection, lines)
                    except Exception as failure:  # for the test's own thread
                        self.failure = failure
                    return

    def close(self):
        self.listener.close()


class BrokenTls(socketserver.StreamRequestHandler):
    """Offers STARTTLS, and hangs up in the middle of it; nothing waits there."""

    def handle(self):
        self.wfile.write(b"220 broken.example\r\n")
        while line := self.rfile.readline():
            verb = line.decode().split()[0]
            self.server.commands.append(verb)
            answer = {"EHLO": "250-broken.example\r\n250-STARTTLS\r\n250 ETRN", "STARTTLS": "220 begin",
                      "ETRN": "251 nothing waits"}.get(verb, "221 bye")
            self.wfile.write(answer.encode() + b"\r\n")
            if verb == "STARTTLS":
                self.connection.recv(1)
                return


def provider(text):
    return text + f"""
odmr {{ address: "{network_of(text)}.1:{PORT}" }}
link {{ name: "b" domain: "b.example" mode: ATRN login: "b" password: "{PASSWORD}" stay_seconds: 1 }}
link {{ name: "etrn" domain: "etrn.example" on_request: true allowed: "127.0.0.0/8" next_hop {{ host: "NET.2:10025" }} }}
""".replace("NET.", network_of(text) + ".")


def customer(text):
    network = network_of(text)
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
upstream {{ name: "broken" host: "{network}.97:{PORT}" method: ETRN domain: "etrn.example" not_at_start: true }}
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

    def fetch_rest(self, letters, user):
        """All that is still at the provider, after an end in the middle: nothing is missing, and hardly anything twice."""
        def fetched():
            self.trigger("isp")
            return self.pending() == 0
        wait_until(fetched, 60, "all fetched")
        for sent in letters:
            self.wait_for_message(self.pair.b, user, sent["Message-ID"])
        inbox = self.fetch_all(self.pair.b, user)
        counts = [sum(sent["Message-ID"].encode() in message for message in inbox) for sent in letters]
        self.assertTrue(all(counts))
        # What was taken, and whose 250 the provider did not see, comes twice (RFC 1047): at most what was under way.
        self.assertLessEqual(sum(counts), len(letters) + 1)

    def scripted(self, answers, turned=None):
        """What the upstream "half" is."""
        provider = ScriptedProvider((f"{self.pair.network.prefix}.98", PORT),
                                    *self.pair.authority.issue("half.example", ["half.example"]), answers, turned)
        self.addCleanup(provider.close)
        return provider

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
        self.fetch_rest(letters, b.users[0])

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

    def test_etrn_where_tls_is_broken(self):
        """Without a login it is only taken where it is offered."""
        with socketserver.ThreadingTCPServer((f"{self.pair.network.prefix}.97", PORT), BrokenTls) as server:
            server.daemon_threads, server.commands = True, []
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            last = self.trigger("broken")
            self.assertEqual(last["upstream"]["code"], 251, last)
            self.assertEqual(server.commands, ["EHLO", "STARTTLS", "EHLO", "ETRN", "QUIT"])
            server.shutdown()
            thread.join()

    def test_etrn_where_atrn_is_only_offered(self):
        half = self.scripted({"ATRN": "502 not here", "ETRN": "251 nothing waits"})
        last = self.trigger("half")
        self.assertEqual((last["upstream"]["method"], last["upstream"]["code"]), ("ETRN", 251), last)
        self.assertEqual([command.split()[0] for command in half.commands], ["EHLO", "AUTH", "ATRN", "ETRN", "QUIT"])

    def test_all_codes_of_etrn(self):
        """RFC 1985 section 5.1; "half" has one domain, and after 250, 252 and 253 it is asked again."""
        for answers, state in (("250 253 252 251", "idle"), ("250 250 250", "idle"), ("253 458", "idle"),
                               ("458", "backing_off"), ("459", "backing_off"), ("500", "stopped"), ("501", "stopped")):
            with self.subTest(answers):
                left = answers.split()
                half = self.scripted({"ATRN": "502 not here", "ETRN": lambda: left.pop(0) + " as told"})
                last = self.trigger("half", code=0 if state == "idle" else 1)["upstream"]
                self.assertEqual((last["method"], last["state"], left), ("ETRN", state, []), last)
                self.assertEqual(half.commands[-1], "QUIT")
                half.close()

    def test_all_codes_of_atrn(self):
        """RFC 2645 section 5.2.1."""
        for answer, state in (("453 no mail", "idle"), ("450 refused", "backing_off"), ("451 not now", "backing_off"),
                              ("530 log in", "stopped"), ("550 never", "stopped")):
            with self.subTest(answer):
                half = self.scripted({"ATRN": answer})
                last = self.trigger("half", code=0 if state == "idle" else 1)["upstream"]
                self.assertEqual((last["method"], last["code"], last["state"]), ("ATRN", int(answer[:3]), state))
                self.assertEqual(half.commands[-2:], ["ATRN b.example", "QUIT"])
                half.close()

    def test_the_answer_to_atrn_may_take_ten_minutes(self):
        """RFC 2645 section 5.2.1: the customer waits at least so long. The short form sees only that it still waits."""
        asked = threading.Event()
        go_on = threading.Event()

        def answer():
            asked.set()
            go_on.wait(601 if FULL else 2)
            return "453 no mail"
        self.scripted({"ATRN": answer})
        self.addCleanup(go_on.set)
        subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.b.endpoint("mta_control"), "upstream",
                        "trigger", "half", "--follow", "0s"], check=True, timeout=60, stdout=subprocess.DEVNULL)
        self.assertTrue(asked.wait(30))
        self.assertEqual(self.listed("half")["state"], "asking")
        wait_until(lambda: self.listed("half")["state"] == "idle", 700, "the answer")
        self.assertEqual(self.listed("half")["code"], 453)

    def test_on_the_turned_connection_only_our_mail_is_taken(self):
        b = self.pair.b
        said = {}

        def turned(connection, lines):
            def hear():
                reply = [lines.readline().decode()]
                while reply[-1][3:4] == "-":
                    reply.append(lines.readline().decode())
                return reply

            def say(command):
                connection.sendall(command.encode() + b"\r\n")
                said[command] = hear()
            hear()
            say("EHLO half.example")
            for command in ("ATRN b.example", "ETRN b.example", "AUTH PLAIN AGEAYg==", "STARTTLS", "MAIL FROM:<x@else.test>",
                            f"RCPT TO:<{self.pair.a.users[0].address}>", "RCPT TO:<nobody@b.example>",
                            f"RCPT TO:<{b.users[1].address}>", "DATA"):
                say(command)
            say("Subject: turned\r\nMessage-ID: <turned@half.example>\r\n\r\ntext\r\n.")
            say("QUIT")
        half = self.scripted({"ATRN": "250 your turn"}, turned)
        last = self.trigger("half")["upstream"]
        half.thread.join(30)
        self.assertIsNone(half.failure)
        self.assertEqual((last["state"], int(last["received"])), ("idle", 1))
        offered = " ".join(said["EHLO half.example"])
        for keyword in ("ATRN", "ETRN", "AUTH", "STARTTLS"):
            self.assertNotIn(keyword, offered)
        codes = {command.partition(":")[2] or command.split()[0]: int(reply[-1][:3]) for command, reply in said.items()}
        for command in ("ATRN", "ETRN", "AUTH", "STARTTLS"):
            self.assertGreaterEqual(codes[command], 500, command)
        self.assertEqual(codes[f"<{self.pair.a.users[0].address}>"], 550)
        self.assertEqual(codes["<nobody@b.example>"], 550)
        self.assertEqual(codes[f"<{b.users[1].address}>"], 250)
        self.wait_for_message(b, b.users[1], "<turned@half.example>")

    def test_the_customer_ends_in_the_middle(self):
        a, b = self.pair.a, self.pair.b
        letters = [self.send(a, a.users[0], b.users[1].address) for _ in range(8)]
        wait_until(lambda: self.pending() == 8, 30, "8 recipients at the provider")
        subprocess.run([self.pair.binaries / "quartetctl", "--target", b.endpoint("mta_control"), "upstream", "trigger",
                        "isp", "--follow", "0s"], check=True, timeout=60, stdout=subprocess.DEVNULL)
        wait_until(lambda: self.pending() < 8, 30, "the first to come")
        b.processes["mta"].kill()
        b.start_agent("mta", self.pair.binaries)
        self.fetch_rest(letters, b.users[1])


if __name__ == "__main__":
    unittest.main()
