#!/usr/bin/env python3
"""REQUIRETLS and "TLS-Required: No" (RFC 8689): over several hosts, signed zones, and with every way it may fail."""
import email
import functools
import smtplib
import unittest

import dnssec
from harness import SitesTestCase, as_bytes
from sites import letter, loopback
from sites.process import Process, wait_until

PORT = loopback.PORTS["mx"]
TO_B = "@ MX 10 mx.b.example.\n"
OWN_HOST = "@ MX 10 mx\nmx A NET.2\n"  # the certificate of b is not for this name
ZONES = {
    "good": TO_B,
    "insecure": TO_B,
    "badcert": OWN_HOST,
    "wrongkey": OWN_HOST + f"_{PORT}._tcp.mx TLSA 3 1 1 {64 * '7'}\n",
    "old": "@ MX 10 mx\nmx A NET.3\n",
    "next": "@ MX 10 mx.old.example.\n@ MX 20 mx.b.example.\n",
    "away": "@ MX 10 mx.a.example.\n",
}


class RequireTls(SitesTestCase):
    options = {
        "shared_spool": False,
        "zones": {f"{name}.example": text for name, text in ZONES.items()},
        "name_server": functools.partial(dnssec.Validated, insecure=["insecure.example", "away.example"]),
        "overrides": {"b": {"directory": "".join(
            f'domain {{ name: "{name}.example" }}\nalias {{ address: "reader@{name}.example" target: "reader@b.example" }}\n'
            for name in ZONES if name != "away") + 'alias { address: "on@b.example" target: "x@away.example" }\n'}},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.old_host = cls._start_old_host()

    @classmethod
    def _start_old_host(cls):
        """An mta that offers STARTTLS, but not REQUIRETLS."""
        directory = cls.directory / "old"
        (directory / "spool").mkdir(parents=True)
        address = cls.pair.network.address(3)
        certificate, key = cls.pair.authority.issue("mx.old.example", [], [address])
        config = directory / "mta.txtpb"
        config.write_text(f"""
agent {{ hostname: "mx.old.example" }}
listener {{ address: "{address}:{PORT}" }}
tls {{ certificate: "{certificate}" key: "{key}" }}
spool: "{directory}/spool"
withhold: REQUIRETLS
sending {{ dns {{ server: "{cls.pair.name_server.address}" }} }}
""")
        process = Process("mta@old", [cls.pair.binaries / "mta", "--config", config], directory / "mta.log").start()
        cls.addClassCleanup(process.stop)
        process.wait_for_endpoints([f"{address}:{PORT}"])
        return f"{address}:{PORT}"

    def submit(self, recipient, options=("REQUIRETLS",), **header):
        """Submits a letter at a; (the letter, the place in the log of a's mta from which its fate is told)."""
        a = self.pair.a
        start = a.processes["mta"].log.stat().st_size
        message = letter.write(a.users[0].address, recipient, f"to {recipient}")
        for name, value in header.items():
            message[name.replace("_", "-")] = value
        client = self.submission(a, a.users[0])
        self.assertEqual(client.sendmail(a.users[0].address, [recipient], as_bytes(message), list(options)), {})
        client.quit()
        return message, start

    def outcome(self, recipient, start, process=None):
        process = process or self.pair.a.processes["mta"]
        return wait_until(lambda: next((event for event in process.events(start)
                                        if event.get("event") in ("relay.delivered", "relay.deferred", "relay.bounced")
                                        and event.get("to") == recipient), None), 60, f"the outcome for {recipient}")

    def fate(self, domain, options=("REQUIRETLS",), **header):
        recipient = f"reader@{domain}.example"
        return self.outcome(recipient, self.submit(recipient, options, **header)[1])

    def notice(self, message):
        """The notification about a letter, in the mailbox of its sender."""
        def find():
            for text in self.fetch_all(self.pair.a, self.pair.a.users[0]):
                found = email.message_from_bytes(text)
                if found["In-Reply-To"] == message["Message-ID"]:
                    return found
            return None
        return wait_until(find, 60, "the notification")

    def test_it_is_offered_within_tls_only(self):
        client = smtplib.SMTP(self.pair.b.address, PORT, timeout=60)
        self.addCleanup(client.close)
        client.ehlo()
        self.assertFalse(client.has_extn("requiretls"))
        self.assertEqual(client.docmd("MAIL", "FROM:<x@a.example> REQUIRETLS")[0], 555)
        client.starttls(context=self.tls())
        client.ehlo()
        self.assertTrue(client.has_extn("requiretls"))
        self.assertEqual(client.docmd("MAIL", "FROM:<x@a.example> REQUIRETLS")[0], 250)

    def test_it_may_be_withheld(self):
        host, _, port = self.old_host.rpartition(":")
        client = smtplib.SMTP(host, int(port), timeout=60)
        self.addCleanup(client.close)
        client.starttls(context=self.tls())
        client.ehlo()
        self.assertFalse(client.has_extn("requiretls"))

    def test_a_host_named_by_signed_records_with_a_certificate(self):
        event = self.fate("good")
        self.assertEqual((event["event"], event["tls"]), ("relay.delivered", "TLSv1.3 authority"), event)

    def test_the_next_host_when_the_first_does_not_offer_it(self):
        event = self.fate("next")
        self.assertEqual((event["event"], event["tls"]), ("relay.delivered", "TLSv1.3 authority"), event)
        self.assertIn("mx.b.example", event["host"])

    def test_failures_are_told_with_the_header_alone(self):
        for domain, status, reason in (("insecure", "5.7.10", "neither DNSSEC nor MTA-STS"),
                                       ("badcert", "5.7.10", "hostname mismatch"),
                                       ("wrongkey", "5.7.10", "TLSA"),
                                       ("old", "5.7.30", "REQUIRETLS is not offered")):
            with self.subTest(domain):
                recipient = f"reader@{domain}.example"
                message, start = self.submit(recipient, ("REQUIRETLS", "RET=FULL"))
                event = self.outcome(recipient, start)
                self.assertEqual((event["event"], event["status"]), ("relay.bounced", status), event)
                self.assertIn(reason, event["reply"])
                report = self.notice(message)
                kinds = [part.get_content_type() for part in report.walk()]
                self.assertIn("text/rfc822-headers", kinds)
                self.assertNotIn("message/rfc822", kinds)
                self.assertIn(f"Status: {status}", report.as_string())

    def test_it_goes_on_over_hops_and_within_a_host(self):
        """a's msa, a's mta, b's mta, b's mda by LMTP, and from there to a site that is not secure."""
        start = self.submit("on@b.example")[1]
        event = self.outcome("on@b.example", start)
        self.assertEqual((event["event"], event["tls"]), ("relay.delivered", "TLSv1.3 authority"), event)
        event = self.outcome("x@away.example", 0, self.pair.b.processes["mda"])
        self.assertEqual((event["event"], event["status"]), ("relay.bounced", "5.7.10"), event)

    def test_without_it_mail_goes_as_usual(self):
        event = self.fate("insecure", ())
        self.assertEqual((event["event"], event["tls"]), ("relay.delivered", "TLSv1.3 unverified"), event)
        event = self.fate("wrongkey", ())
        self.assertEqual((event["event"], event["status"]), ("relay.deferred", "4.7.5"), event)

    def test_tls_not_required(self):
        event = self.fate("wrongkey", (), TLS_Required="No")
        self.assertEqual((event["event"], event["tls"]), ("relay.delivered", "TLSv1.3 unverified"), event)


if __name__ == "__main__":
    unittest.main()
