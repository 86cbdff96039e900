#!/usr/bin/env python3
"""New settings for agents that run: what each changes is seen, while sessions and connections of before stay open."""
import http.server
import queue
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
import unittest

from harness import SitesTestCase
from https_server import HttpsServer
from sites import letter, loopback
from sites.certificates import Authority
from sites.nameserver import NameServer
from sites.process import wait_until

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.own.example\r\nmax_age: 86400\r\n"
# The certificate of b is not for mx.own.example.
OWN = "@ MX 10 mx\nmx A NET.2\n_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A NET.60"


class PolicyHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(POLICY)

    def log_message(self, *_):
        pass


class Sink:
    """An SMTP server with STARTTLS that asks for certificates: `shown` has what each session showed (None: nothing). It
    answers the end of a message when `open` is set, and then closes."""

    def __init__(self, host, certificate, key, authority):
        self.shown, self.received, self.open = queue.Queue(), queue.Queue(), threading.Event()
        self.open.set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.load_verify_locations(authority)
        self._context.verify_mode = ssl.CERT_OPTIONAL
        self._listener = socket.create_server((host, loopback.PORTS["mx"]))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(60)
        try:
            self._converse(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def _converse(self, connection):
        lines = self._greet(connection, b"220 sink\r\n", b"STARTTLS")
        lines.readline()
        connection.sendall(b"220 go\r\n")
        with self._context.wrap_socket(connection, server_side=True) as secured:
            self.shown.put(secured.getpeercert() or None)
            lines = self._greet(secured, b"", b"8BITMIME")
            for answer in (b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
                lines.readline()
                secured.sendall(answer)
            while lines.readline() not in (b".\r\n", b""):
                pass
            self.received.put(True)
            self.open.wait(60)
            secured.sendall(b"250 taken\r\n")

    @staticmethod
    def _greet(connection, greeting, extension):
        """Up to the answer to EHLO; gives what reads the lines that follow."""
        lines = connection.makefile("rb")
        connection.sendall(greeting)
        lines.readline()
        connection.sendall(b"250-sink\r\n250 " + extension + b"\r\n")
        return lines


class Reload(SitesTestCase):
    options = {
        "shared_spool": False,
        "zones": {"own.example": OWN, "sink.example": "@ MX 10 mx\nmx A NET.61"},
        "overrides": {"b": {"directory": "".join(
            f'domain {{ name: "{name}.example" }}\nalias {{ address: "reader@{name}.example" target: "reader@b.example" }}\n'
            for name in ("own", "later"))}},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net, authority = cls.pair.network, cls.pair.authority
        policies = HttpsServer(net.address(60), loopback.PORTS["https"],
                               *authority.issue("mta-sts.own.example"), PolicyHandler)
        cls.addClassCleanup(policies.stop)
        cls.sink = Sink(net.address(61), *authority.issue("mx.sink.example"), authority.file)
        cls.addClassCleanup(cls.sink.stop)
        cls.stranger = Authority(cls.directory / "stranger").file
        cls.a = cls.pair.a
        cls.usual = {agent: cls.a.config_file(agent).read_text() for agent in ("msa", "mta", "mda")}

    def setUp(self):
        """A client that is connected all the while; nothing is left of what others sent to the sink."""
        for past in (self.sink.shown, self.sink.received):
            while not past.empty():
                past.get()
        self.held = smtplib.SMTP(self.a.address, self.a.port("mx"), local_hostname="held.example", timeout=60)
        self.addCleanup(self.held.close)
        self.held.ehlo()

    def tearDown(self):
        self.assertEqual(self.held.noop()[0], 250)

    def reload(self, agent, *changes):
        """Changes texts of the usual configuration and gives what the agent says to that; the usual one comes back."""
        text = self.usual[agent]
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        self.a.config_file(agent).write_text(text)
        if changes:
            self.addCleanup(self.reload, agent)
        answer = self.quartetctl(self.a, agent, "node", "reload", "--reason", "a test")
        self.assertEqual(answer.get("fault", []), [])
        return answer.get("changed", []), answer.get("ignored", [])

    def outcome(self, act, recipient, agent="mta"):
        """What the agent logs of the recipient after act()."""
        process = self.a.processes[agent]
        start = process.log.stat().st_size
        act()
        return wait_until(lambda: next((event for event in process.events(start) if event.get("to") == recipient and
                                        event.get("event") in ("relay.delivered", "relay.deferred", "relay.bounced")),
                                       None), 60, f"the outcome for {recipient}")

    def post(self, recipient):
        sender = self.a.users[0]
        self.send(self.a, sender, recipient, letter.write(sender.address, recipient))

    def delivered(self, recipient, **fields):
        event = self.outcome(lambda: self.post(recipient), recipient)
        self.assertEqual({"event": "relay.delivered", **fields}, {key: event[key] for key in ("event", *fields)}, event)

    def deferred(self, recipient, reply):
        event = self.outcome(lambda: self.post(recipient), recipient)
        self.assertEqual((event["event"], event["status"]), ("relay.deferred", "4.7.5"), event)
        self.assertIn(reply, event["reply"])

    def retried(self, recipient, agent="mta", **fields):
        """What waits is delivered now."""
        event = self.outcome(lambda: self.quartetctl(self.a, agent, "queue", "retry", "--all"), recipient, agent)
        self.assertEqual({"event": "relay.delivered", **fields}, {key: event[key] for key in ("event", *fields)}, event)

    def sending(self, text):
        return ("sending {\n", "sending {\n" + text)

    def test_mta_sts(self):
        recipient = "reader@own.example"
        self.delivered(recipient, tls="TLSv1.3 unverified")
        changes = self.reload("mta", self.sending(f"mta_sts: true mta_sts_port: {loopback.PORTS['https']}\n"))
        self.assertEqual(changes, (["sending.mta_sts", "sending.mta_sts_port"], []))
        self.deferred(recipient, "hostname mismatch")
        self.reload("mta")
        self.retried(recipient, tls="TLSv1.3 unverified")

    def test_authorities(self):
        recipient = self.pair.b.users[0].address
        verify = self.sending('tls_policy { match: "b.example" policy: VERIFY }\n')
        stranger = (f'ca: "{self.a.authority_file}"', f'ca: "{self.stranger}"')
        self.assertEqual(self.reload("mta", verify, stranger), (["sending.ca", "sending.tls_policy"], []))
        self.deferred(recipient, "unable to get local issuer certificate")
        self.assertEqual(self.reload("mta", verify), (["sending.ca"], []))
        self.retried(recipient, tls="TLSv1.3 authority")

    def test_our_own_certificate(self):
        self.delivered("x@sink.example")
        self.assertIsNone(self.sink.shown.get(timeout=60))
        changes = self.reload("mta", self.sending(
            f'client_certificate {{ certificate: "{self.a.certificate}" key: "{self.a.key}" }}\n'))
        self.assertEqual(changes, (["sending.client_certificate"], []))
        self.delivered("x@sink.example")
        shown = self.sink.shown.get(timeout=60)
        self.assertEqual(shown["subject"], ((("commonName", "mx.a.example"),),))

    def test_name_servers(self):
        other = NameServer(self.directory / "other-dns", self.pair.network.address(54),
                           {"example": 'nothing TXT "exists"', "later.example": f"@ MX 10 mx\nmx A {self.pair.b.address}"})
        other.start()
        self.addCleanup(other.stop)
        event = self.outcome(lambda: self.post("reader@later.example"), "reader@later.example")
        self.assertEqual((event["event"], event["status"]), ("relay.bounced", "5.1.2"), event)
        changes = self.reload("mta", (self.a.name_server, other.address))
        self.assertEqual(changes, (["sending.dns.server"], []))
        self.delivered("reader@later.example")

    def test_dane(self):
        recipient = self.pair.b.users[0].address
        self.assertEqual(self.reload("mta", ("mx_port:", "mx_tls: DANE_ONLY mx_port:")), (["mx_tls"], []))
        self.deferred(recipient, "DANE is required")
        self.reload("mta")
        self.retried(recipient, tls="TLSv1.3 unverified")

    def test_reports_about_tls(self):
        counts = self.a.directory / "spool" / "tls-reports"
        report = 'tls_report {{ sender: "{}@a.example" period_seconds: {} }}\n'
        changes = self.reload("mta", self.sending(report.format("tls", 6000)))
        self.assertEqual(changes, (["sending.tls_report"], []))
        self.assertEqual(self.reload("mta", self.sending(report.format("reports", 6000))),
                         (["sending.tls_report.sender"], []))
        self.delivered(self.pair.b.users[0].address)
        # What is counted is written when reports end, too.
        self.assertEqual(self.reload("mta"), (["sending.tls_report"], []))
        wait_until(lambda: list(counts.glob("*.period")), 60, "counts on disk")

    def test_certificates_of_servers(self):
        for agent, service in (("mta", "mx"), ("msa", "submission")):
            before = smtplib.SMTP(self.a.address, self.a.port(service), timeout=60)
            self.addCleanup(before.close)
            before.starttls(context=self.tls())
            fresh = self.pair.authority.issue("fresh.a.example", [self.a.host_name], [self.a.address])
            self.keep(self.a.certificate, self.a.key)
            shutil.copy(fresh[0], self.a.certificate)
            shutil.copy(fresh[1], self.a.key)
            self.assertEqual(self.reload(agent), ([], []))
            after = smtplib.SMTP(self.a.address, self.a.port(service), timeout=60)
            self.addCleanup(after.close)
            after.starttls(context=self.tls())
            self.assertIn((("commonName", "fresh.a.example"),), after.sock.getpeercert()["subject"])
            self.assertIn((("commonName", "mx.a.example"),), before.sock.getpeercert()["subject"])
            self.assertEqual(before.noop()[0], 250)
            self.doCleanups()
            self.setUp()

    def keep(self, *files):
        """As they are, after the test."""
        for file in files:
            self.addCleanup(file.write_bytes, file.read_bytes())

    def test_a_transaction_goes_on(self):
        self.sink.open.clear()
        self.addCleanup(self.sink.open.set)

        def reload_meanwhile():
            self.post("y@sink.example")
            self.sink.received.get(timeout=60)
            self.reload("mta", self.sending("connections: 10 ready_recipients: 100\n"))
            self.sink.open.set()

        event = self.outcome(reload_meanwhile, "y@sink.example")
        self.assertEqual((event["event"], event["attempts"]), ("relay.delivered", 1), event)

    def test_a_kept_connection_is_used_on(self):
        b = self.pair.b
        recipient = b.users[1].address
        def carried():
            """{session: its messages}"""
            return {session["id"]: session["messages"] for session in self.quartetctl(b, "mta", "session", "list")}

        self.delivered(recipient)
        before = carried()
        self.reload("mta", self.sending("retry { delay_seconds: 7 }\n"))
        self.delivered(recipient)
        after = carried()
        self.assertIn(1, [after.get(session, 0) - messages for session, messages in before.items()], (before, after))

    def test_msa(self):
        recipient = self.a.users[1].address
        relay = f'smart_host {{ host: "{self.a.endpoint("relay")}" }}'
        verified = (relay, f'smart_host {{ host: "mx.a.example:{self.a.port("mx")}" tls: VERIFY }}')
        stranger = (f'ca: "{self.a.authority_file}"', f'ca: "{self.stranger}"')
        self.reload("msa", verified, stranger)
        event = self.outcome(lambda: self.post(recipient), recipient, "msa")
        self.assertEqual((event["event"], event["status"]), ("relay.deferred", "4.7.5"), event)
        self.assertEqual(self.reload("msa", verified), (["sending.ca"], []))
        self.retried(recipient, "msa", tls="TLSv1.3 authority")

    def test_mda(self):
        self.assertEqual(self.reload("mda", self.sending("retry { delay_seconds: 7 }\n")), (["sending.retry"], []))

    def test_what_takes_a_restart(self):
        changed, ignored = self.reload("mta", ("agent {\n", "agent {\n threads: 3\n"), ("spool: \"", "spool: \"/x"))
        self.assertEqual((changed, ignored), ([], ["agent.threads", "spool"]))
        self.a.processes["mta"].wait_for_event("reload.ignored", field="spool")

    def test_a_fault_changes_nothing(self):
        file = self.a.config_file("mta")
        file.write_text(self.usual["mta"].replace("sending {\n", "sending {\nmta_sts: maybe\n"))
        self.addCleanup(self.reload, "mta")
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.a.endpoint("mta_control"), "node",
                               "reload"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, rf"{file}:\d+:\d+: ")
        self.delivered(self.pair.b.users[0].address)


if __name__ == "__main__":
    unittest.main()
