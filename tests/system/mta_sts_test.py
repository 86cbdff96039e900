#!/usr/bin/env python3
"""MTA-STS (RFC 8461): policies from an HTTPS server of our own, and what they do to deliveries."""
import http.server
import socket
import unittest

from harness import SitesTestCase
from https_server import HttpsServer
from no_tls import NoTlsNow
from sites import letter, loopback
from sites.process import wait_until

OWN_HOST = "@ MX 10 mx\nmx A NET.2"  # the certificate of b is not for this name
TO_B = "@ MX 10 mx.b.example."


def policy(mode, mx, max_age=86400):
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {max_age}\r\n"


# domain: (its MX, its policy or None for no TXT record)
DOMAINS = {
    "exact": (TO_B, policy("enforce", "mx.b.example")),
    "wild": (TO_B, policy("enforce", "*.b.example")),
    "unnamed": (TO_B, policy("enforce", "mx.other.example")),
    "badcert": (OWN_HOST, policy("enforce", "mx.badcert.example")),
    "testing": (OWN_HOST, policy("testing", "mx.testing.example")),
    "later": ("@ MX 10 mx\nmx A NET.61", policy("testing", "mx.later.example")),
    "astray": (TO_B, policy("testing", "mx.other.example")),
    "off": (OWN_HOST, policy("none", "mx.off.example")),
    "nonsense": (OWN_HOST, "<html>sorry</html>"),
    "moved": (OWN_HOST, policy("enforce", "mx.moved.example")),
    "impostor": (OWN_HOST, policy("enforce", "mx.impostor.example")),
    "silent": (OWN_HOST, None),
    "calm": (OWN_HOST, None),
}
SLOW = 17  # domains whose policy server takes connections and says nothing


def zone(mx, text):
    record = "" if text is None else "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A NET.60\n"
    return mx + "\n" + record


class PolicyServer(HttpsServer):
    """HTTPS for mta-sts.*; `hits` counts requests by host."""

    def __init__(self, address, certificate, key):
        self.hits = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers["Host"].split(":")[0]
                domain = host.removeprefix("mta-sts.").removesuffix(".example")
                outer.hits[domain] = outer.hits.get(domain, 0) + 1
                if self.path != "/.well-known/mta-sts.txt" or domain == "moved":
                    self.send_response(302)
                    self.send_header("Location", f"https://mta-sts.exact.example:{outer.port}/.well-known/mta-sts.txt")
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.end_headers()
                self.wfile.write(DOMAINS[domain][1].encode())

            def log_message(self, *_):
                pass

        self.port = loopback.PORTS["https"]
        super().__init__(address, self.port, certificate, key, Handler)


class MtaSts(SitesTestCase):
    options = {
        "shared_spool": True,
        "zones": {**{f"{name}.example": zone(*what) for name, what in DOMAINS.items()},
                  **{f"slow{number}.example": zone(TO_B, "").replace("NET.60", "NET.61") for number in range(SLOW)}},
        "overrides": {
            "a": {"mta": lambda text: text.replace(
                "sending {\n", f"sending {{\n  mta_sts: true\n  mta_sts_port: {loopback.PORTS['https']}\n")},
            "b": {"directory": "".join(f'domain {{ name: "{name}.example" }}\nalias {{ address: "reader@{name}.example" '
                                       f'target: "reader@b.example" }}\n' for name in DOMAINS)},
        },
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = [f"mta-sts.{name}.example" for name in DOMAINS if name != "impostor"]
        cls.server = PolicyServer(cls.pair.network.address(60), *cls.pair.authority.issue("policies.example", names))
        cls.addClassCleanup(cls.server.stop)

    def outcome(self, domain):
        """What the mta at a logs of a letter to that domain."""
        a = self.pair.a
        start = a.processes["mta"].log.stat().st_size
        sender, recipient = a.users[0].address, f"reader@{domain}.example"
        self.send(a, a.users[0], recipient, letter.write(sender, recipient, f"to {domain}"))
        return wait_until(lambda: next((event for event in a.processes["mta"].events(start)
                                        if event.get("event") in ("relay.delivered", "relay.deferred", "relay.bounced")
                                        and event.get("to") == recipient), None), 60, f"the outcome for {recipient}")

    def delivered(self, domain):
        event = self.outcome(domain)
        self.assertEqual(event["event"], "relay.delivered", event)
        return event["tls"]

    def deferred(self, domain):
        event = self.outcome(domain)
        self.assertEqual((event["event"], event["status"]), ("relay.deferred", "4.7.5"), event)
        return event["reply"]

    def log_of(self, event, **fields):
        return self.pair.a.processes["mta"].wait_for_event(event, **fields)

    def test_servers_that_say_nothing_keep_nobody_else_waiting(self):
        mta, sender = self.pair.a.processes["mta"], self.pair.a.users[0]
        start = mta.log.stat().st_size
        slow = [f"x@slow{number}.example" for number in range(SLOW)]
        with socket.create_server((self.pair.network.address(61), loopback.PORTS["https"]), backlog=2 * SLOW):
            client = self.submission(self.pair.a, sender)
            client.send_message(letter.write(sender.address, slow[0]), sender.address, slow)
            client.quit()
            self.delivered("calm")
            failed = [event for event in mta.events(start) if event.get("event") == "sts.fetch_failed"]
        self.assertEqual(failed, [])

    def test_a_host_of_the_policy_with_a_certificate(self):
        self.assertEqual(self.delivered("exact"), "TLSv1.3 authority")
        self.assertEqual(self.delivered("wild"), "TLSv1.3 authority")

    def test_a_host_outside_the_policy(self):
        self.assertIn("does not name it", self.deferred("unnamed"))

    def test_a_host_without_a_certificate_for_its_name(self):
        self.assertIn("hostname mismatch", self.deferred("badcert"))

    def test_testing_is_for_the_log(self):
        self.assertEqual(self.delivered("testing"), "TLSv1.3 unverified")
        self.assertIn("hostname mismatch", self.log_of("relay.sts_testing", host="mx.testing.example")["reason"])
        self.assertEqual(self.delivered("astray"), "TLSv1.3 unverified")
        self.log_of("relay.sts_testing", domain="astray.example")

    def test_testing_where_starttls_is_refused(self):
        host = NoTlsNow(self.pair.network.address(61), loopback.PORTS["mx"])
        self.addCleanup(host.stop)
        self.assertEqual(self.delivered("later"), "none")
        self.assertIn("not now", self.log_of("relay.sts_testing", host="mx.later.example")["reason"])

    def test_no_policy(self):
        for domain in ("off", "silent"):
            self.assertEqual(self.delivered(domain), "TLSv1.3 unverified")
        self.assertNotIn("silent", self.server.hits)

    def test_policies_that_cannot_be_had(self):
        for domain, reason in (("nonsense", "no field"), ("moved", "302"), ("impostor", "")):
            self.assertEqual(self.delivered(domain), "TLSv1.3 unverified")
            self.assertIn(reason, self.log_of("sts.fetch_failed", domain=f"{domain}.example")["reason"])
        self.assertNotIn("impostor", self.server.hits)

    def test_a_policy_survives_a_restart(self):
        self.assertEqual(self.delivered("exact"), "TLSv1.3 authority")
        hits = self.server.hits["exact"]
        a = self.pair.a
        self.assertEqual(a.processes["mta"].stop(), 0)
        a.start_agent("mta", self.pair.binaries)
        self.assertEqual(self.delivered("exact"), "TLSv1.3 authority")
        self.assertEqual(self.server.hits["exact"], hits)  # from disk


if __name__ == "__main__":
    unittest.main()
