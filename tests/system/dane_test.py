#!/usr/bin/env python3
"""Outbound TLS: policies, and DANE (RFC 7672) over signed zones, with every way it may fail."""
import functools
import unittest

import dnssec
from harness import SitesTestCase
from sites import letter, loopback
from sites.process import wait_until

PORT = loopback.PORTS["mx"]
WRONG = "3 1 1 " + 64 * "7"
POLICIES = """
  tls_policy { match: "only.example" policy: DANE_ONLY }
  tls_policy { match: "plain.example" policy: NONE }
  tls_policy { match: ".encrypt.example" policy: NONE }
  tls_policy { match: "encrypt.example" policy: ENCRYPT }
"""
# Their mail is taken by the mta at b, each under a host name of its own.
DOMAINS = ("match", "ta", "foreign", "mismatch", "next", "unusable", "none", "bogus", "badmx", "insecure", "only", "plain",
           "encrypt", "alias", "leaving")


def take_all(domains):
    """For the directory of b: mail for the domains is a local reader's."""
    return "".join(f'domain {{ name: "{name}.example" }}\n'
                   f'alias {{ address: "reader@{name}.example" target: "reader@b.example" }}\n' for name in domains)


def host(records=""):
    return f"@ MX 10 mx\nmx A NET.2\n{records}"


class Dane(SitesTestCase):
    options = {
        "shared_spool": False,
        "zones": {f"{name}.example": host() for name in DOMAINS},
        "name_server": functools.partial(
            dnssec.Validated, insecure=["insecure.example"],
            broken={"bogus.example": {"TLSA\t3 1 1 77": "TLSA\t3 1 1 78"}, "badmx.example": {"MX\t10 mx.": "MX\t11 mx."}}),
        "overrides": {
            "a": {"mta": lambda text: text.replace("sending {\n", "sending {\n" + POLICIES)},
            "b": {"directory": take_all(DOMAINS)},
        },
    }

    @classmethod
    def setUpClass(cls):
        # `broken` needs something to break from the start.
        records = f"_{PORT}._tcp.mx TLSA {WRONG}\n"
        cls.options["zones"]["bogus.example"] = host(records)
        super().setUpClass()
        site, authority = cls.pair.b, cls.pair.authority.file
        key = dnssec.tlsa(site.certificate, site.host_name, 3, 1, 1)
        ca = cls._authority_record(authority)

        def tlsa(data, name="mx"):
            return f"_{PORT}._tcp.{name} TLSA {data}\n"

        zones = {
            "match": host(tlsa(key)),
            "b": site.zone() + tlsa(ca),
            "ta": "@ MX 10 mx.b.example.\n",
            "foreign": host(tlsa(ca)),  # the certificate of b is for mx.b.example
            "mismatch": host(tlsa(WRONG)),
            "next": "@ MX 10 mx.mismatch.example.\n@ MX 20 mx.match.example.\n",
            "unusable": host(tlsa("1 1 1 " + 64 * "7") + tlsa("3 1 1 7777")),
            "insecure": host(tlsa(WRONG)),
            "alias": f"@ MX 10 mx\nmx CNAME mx.match.example.\n",
            "leaving": "@ MX 10 mx\nmx CNAME mx.insecure.example.\n" + tlsa(WRONG),
        }
        prefix = cls.pair.network.prefix + "."
        cls.pair.name_server.set_zones({f"{name}.example": text.replace("NET.", prefix) for name, text in zones.items()})

    @classmethod
    def _authority_record(cls, file):
        """DANE-TA with the whole certificate: the authority is not in the chain that b sends."""
        der = cls.directory / "ca.der"
        dnssec.run("openssl", "x509", "-in", file, "-outform", "DER", "-out", der)
        return "2 0 0 " + der.read_bytes().hex()

    def outcome(self, domain):
        """What the mta at a logs of a letter to that domain: it has ended one way or the other."""
        a = self.pair.a
        log = a.processes["mta"].log
        start = log.stat().st_size
        sender, recipient = a.users[0].address, f"reader@{domain}.example"
        self.send(a, a.users[0], recipient, letter.write(sender, recipient, f"to {domain}"))
        ends = ("relay.delivered", "relay.deferred", "relay.bounced")
        found = []

        def ended():
            found[:] = [event for event in a.processes["mta"].events(start)
                        if event.get("event") in ends and event.get("to") == recipient]
            return found

        wait_until(ended, 60, f"the outcome for {recipient}")
        return found[0]

    def delivered(self, domain):
        event = self.outcome(domain)
        self.assertEqual(event["event"], "relay.delivered", event)
        return event["tls"]

    def deferred(self, domain):
        event = self.outcome(domain)
        self.assertEqual(event["event"], "relay.deferred", event)
        self.assertEqual(event["tls"], "")
        return event["status"], event["reply"]

    def test_a_key_that_matches(self):
        self.assertEqual(self.delivered("match"), "TLSv1.3 dane-ee")

    def test_an_authority_that_matches(self):
        self.assertEqual(self.delivered("ta"), "TLSv1.3 dane-ta")

    def test_a_name_that_the_authority_did_not_sign(self):
        status, reply = self.deferred("foreign")
        self.assertEqual(status, "4.7.5")
        self.assertIn("hostname mismatch", reply)

    def test_a_key_that_does_not_match(self):
        status, reply = self.deferred("mismatch")
        self.assertEqual(status, "4.7.5")
        self.assertIn("no matching DANE TLSA records", reply)

    def test_the_next_host_when_the_key_of_the_best_does_not_match(self):
        self.assertEqual(self.delivered("next"), "TLSv1.3 dane-ee")
        self.pair.a.processes["mta"].wait_for_event("relay.host_failed", host="mx.mismatch.example")

    def test_records_that_nobody_can_use(self):
        self.assertEqual(self.delivered("unusable"), "TLSv1.3 unverified")

    def test_no_records(self):
        self.assertEqual(self.delivered("none"), "TLSv1.3 unverified")

    def test_records_with_a_bad_signature(self):
        status, reply = self.deferred("bogus")
        self.assertEqual(status, "4.7.5")
        self.assertIn("TLSA", reply)

    def test_an_mx_set_with_a_bad_signature(self):
        self.assertEqual(self.deferred("badmx")[0], "4.4.3")

    def test_a_zone_that_is_not_signed(self):
        self.assertEqual(self.delivered("insecure"), "TLSv1.3 unverified")  # its TLSA record is wrong, and does not count

    def test_the_host_is_an_alias(self):
        self.assertEqual(self.delivered("alias"), "TLSv1.3 dane-ee")

    def test_an_alias_out_of_a_signed_zone(self):
        status, reply = self.deferred("leaving")
        self.assertEqual(status, "4.7.5")
        self.assertIn("no matching DANE TLSA records", reply)

    def test_policies(self):
        status, reply = self.deferred("only")
        self.assertEqual(status, "4.7.5")
        self.assertIn("DANE is required", reply)
        self.assertEqual(self.delivered("plain"), "none")
        self.assertEqual(self.delivered("encrypt"), "TLSv1.3 unverified")

    def test_figures(self):
        self.assertEqual(self.delivered("match"), "TLSv1.3 dane-ee")
        figures = self.run_program("curl", "-sS", "--noproxy", "*", f"http://{self.pair.a.endpoint('mta_metrics')}/metrics")
        line = 'quartet_relay_tls_recipients_total{version="TLSv1.3",verified="dane-ee"} '
        count = next(text for text in figures.splitlines() if text.startswith(line))
        self.assertGreaterEqual(int(count.removeprefix(line)), 1)


class WithoutAValidatingResolver(SitesTestCase):
    """The same default where nothing is signed: TLS as it is offered."""
    options = {"shared_spool": False}

    def test_opportunistic(self):
        a, b = self.pair.a, self.pair.b
        self.send(a, a.users[0], b.users[0].address)
        event = a.processes["mta"].wait_for_event("relay.delivered", to=b.users[0].address)
        self.assertEqual(event["tls"], "TLSv1.3 unverified")


if __name__ == "__main__":
    unittest.main()
