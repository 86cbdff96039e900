#!/usr/bin/env python3
"""Reports about TLS (RFC 8460): what is counted, and that reports arrive by mail, signed, and by HTTPS."""
import base64
import email
import email.policy
import gzip
import http.server
import json
import queue
import subprocess
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whatever python3 this is
import dkim

from harness import SitesTestCase
from https_server import HttpsServer
from sites import letter, loopback
from sites.process import wait_until

PERIOD = 6  # seconds
OWN_HOST = "@ MX 10 mx\nmx A NET.2"  # the certificate of b is not for this name
# All on one host, which is one site: their sessions are shared, and count for each.
SHARED = "@ MX 10 mx.b.example.\n_smtp._tls TXT \"v=TLSRPTv1; rua=https://collector.web.example:PORT/tls?x=1\"\n"
ANNOUNCED = SHARED + "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A NET.60"
# Domains with a policy that cannot be had, and what is wrong with it.
UNFETCHED = {"missing": "sts-policy-fetch-error", "nonsense": "sts-policy-invalid", "impostor": "sts-webpki-invalid"}
DOMAINS = {
    "twin": SHARED,
    **{name: ANNOUNCED for name in UNFETCHED},
    "plain": "@ MX 10 mx.b.example.\n_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:reports@b.example\"",
    "web": OWN_HOST + "\n_smtp._tls TXT \"v=TLSRPTv1; rua=https://collector.web.example:PORT/tls?x=1\"\ncollector A NET.60\n"
           "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A NET.60",
    "silent": OWN_HOST,
}
# Its policy does not name its host: no mail gets there but the report about that.
STRICT = ("@ MX 10 mx.b.example.\n_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:reader@strict.example\"\n"
          "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A NET.60")


class Collector(HttpsServer):
    """HTTPS: MTA-STS policies, and a place for reports. The first report is refused."""

    def __init__(self, address, certificate, key):
        self.reports, self.refused = queue.Queue(), 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if "missing" in self.headers["Host"]:
                    self._answer(404, b"")
                elif "nonsense" in self.headers["Host"]:
                    self._answer(200, b"<html>")
                elif "strict" in self.headers["Host"]:
                    self._answer(200, b"version: STSv1\r\nmode: enforce\r\nmx: mx.strict.example\r\nmax_age: 86400\r\n")
                else:
                    self._answer(200, b"version: STSv1\r\nmode: testing\r\nmx: mx.web.example\r\nmax_age: 86400\r\n")

            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if not outer.refused:
                    outer.refused += 1
                    self._answer(503, b"")
                    return
                outer.reports.put((self.path, self.headers["Content-Type"], content))
                self._answer(201, b"")

            def _answer(self, code, body):
                self.send_response(code)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(address, loopback.PORTS["https"], certificate, key, Handler)


class TlsReports(SitesTestCase):
    options = {
        "shared_spool": True,
        "zones": {f"{name}.example": zone.replace("PORT", str(loopback.PORTS["https"]))
                  for name, zone in (*DOMAINS.items(), ("strict", STRICT))},
        "overrides": {
            "b": {"directory": "".join(f'domain {{ name: "{name}.example" }}\nalias {{ address: "reader@{name}.example" '
                                       f'target: "reader@b.example" }}\n' for name in (*DOMAINS, "strict")) +
                  'alias { address: "reports@b.example" target: "reader@b.example" }\n'},
        },
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        names = ["collector.web.example", *(f"mta-sts.{name}.example" for name in ("web", "missing", "nonsense", "strict"))]
        cls.collector = Collector(cls.pair.network.address(60), *cls.pair.authority.issue("collector.example", names))
        cls.addClassCleanup(cls.collector.stop)
        cls.public_key = cls._turn_reports_on()

    @classmethod
    def _turn_reports_on(cls):
        """Gives the mta at a a key and starts it anew; the public half as a TXT record has it."""
        key = cls.directory / "dkim.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
                       check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        file = cls.pair.a.config_file("mta")
        file.write_text(file.read_text().replace("sending {\n", f"""sending {{
  mta_sts: true
  mta_sts_port: {loopback.PORTS['https']}
  tls_report {{
    sender: "tls-reports@a.example"
    organization: "A and partners"
    dkim {{ selector: "tls" key: "{key}" }}
    period_seconds: {PERIOD}
  }}
"""))
        cls._restart()
        return b"v=DKIM1; k=rsa; s=tlsrpt; p=" + base64.b64encode(der)

    @classmethod
    def _restart(cls):
        a = cls.pair.a
        code = a.processes["mta"].stop()
        assert code == 0, code
        a.start_agent("mta", cls.pair.binaries)

    def deliver(self, domain, event="relay.delivered"):
        a = self.pair.a
        recipient = f"reader@{domain}.example"
        self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient, domain))
        a.processes["mta"].wait_for_event(event, to=recipient)

    def check(self, report, domain):
        self.assertEqual(report["organization-name"], "A and partners")
        self.assertEqual(report["contact-info"], "tls-reports@a.example")
        self.assertEqual(set(report["date-range"]), {"start-datetime", "end-datetime"})
        self.assertIn(f"_{domain}.example@", report["report-id"])
        self.assertEqual(len(report["policies"]), 1, report)
        self.assertEqual(report["policies"][0]["policy"]["policy-domain"], f"{domain}.example")
        return report["policies"][0]

    def is_signed(self, message):
        records = {b"tls._domainkey.a.example.": self.public_key}
        return dkim.verify(message, dnsfunc=lambda name, timeout=5: records.get(name), tlsrpt=True)

    def mailed(self, domain):
        """The message that brings the report."""
        site = self.pair.b
        reader = self.reader(site, site.users[0])

        def find():
            reader.noop()
            numbers = reader.search(None, "HEADER", "TLS-Report-Domain", f"{domain}.example")[1][0].split()
            return numbers and reader.fetch(numbers[0], "(BODY.PEEK[])")[1][0][1]

        return wait_until(find, 60, f"the report for {domain}.example")

    def collected(self, names):
        """{domain: its part} of the reports that came by HTTPS."""
        results = {}
        while set(results) != set(names):
            path, kind, content = self.collector.reports.get(timeout=60)
            self.assertEqual((path, kind), ("/tls?x=1", "application/tlsrpt+gzip"))
            report = json.loads(gzip.decompress(content))
            name = report["policies"][0]["policy"]["policy-domain"].removesuffix(".example")
            results[name] = self.check(report, name)
        return results

    def test_reports(self):
        for domain in DOMAINS:
            self.deliver(domain)
        self.deliver("strict", "relay.deferred")
        self._restart()  # what was counted is not forgotten

        raw = self.mailed("plain")
        # What the hosts on the way put in front does not break the signature.
        self.assertTrue(self.is_signed(raw))
        self.assertFalse(self.is_signed(raw.replace(b"Report Domain:", b"report Domain:")))
        message = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "tlsrpt")
        self.assertEqual(message["From"], "tls-reports@a.example")
        self.assertEqual(message["TLS-Report-Submitter"], "a.example")
        attached = [part for part in message.walk() if part.get_content_type() == "application/tlsrpt+gzip"]
        result = self.check(json.loads(gzip.decompress(attached[0].get_content())), "plain")
        self.assertEqual(result["policy"]["policy-type"], "no-policy-found")
        # One letter may open more than one session.
        self.assertGreaterEqual(result["summary"]["total-successful-session-count"], 1)
        self.assertEqual(result["summary"]["total-failure-session-count"], 0)

        message = email.message_from_bytes(self.mailed("strict"), policy=email.policy.default)
        attached = [part for part in message.walk() if part.get_content_type() == "application/tlsrpt+gzip"]
        result = self.check(json.loads(gzip.decompress(attached[0].get_content())), "strict")
        self.assertEqual(result["summary"]["total-successful-session-count"], 0)
        self.assertEqual({details["result-type"] for details in result["failure-details"]}, {"validation-failure"})

        results = self.collected(["web", "twin", *UNFETCHED])
        self.assertEqual(self.collector.refused, 1)
        self.assertEqual(results["twin"]["policy"]["policy-type"], "no-policy-found")
        self.assertGreaterEqual(results["twin"]["summary"]["total-successful-session-count"], 1)
        for domain, failure in UNFETCHED.items():
            result = results[domain]
            self.assertEqual(result["policy"]["policy-type"], "sts")
            self.assertEqual(result["summary"]["total-successful-session-count"], 0)
            self.assertEqual([details["result-type"] for details in result["failure-details"]], [failure])
        result = results["web"]
        self.assertEqual(result["policy"]["policy-type"], "sts")
        self.assertIn("mode: testing", result["policy"]["policy-string"])
        self.assertEqual(result["summary"]["total-successful-session-count"], 0)
        details = result["failure-details"][0]
        self.assertEqual(details["result-type"], "certificate-host-mismatch")
        self.assertEqual(details["failed-session-count"], result["summary"]["total-failure-session-count"])
        self.assertEqual(details["receiving-mx-hostname"], "mx.web.example")
        self.assertEqual(details["sending-mta-ip"].split(".")[0], "127")

        counts = next(self.directory.rglob("tls-reports"))
        wait_until(lambda: not list(counts.glob("*.period")), 60, "no report left to be sent")
        sent = {event["domain"] for event in self.pair.a.processes["mta"].events() if event.get("event") == "tls_report.sent"}
        self.assertEqual(sent, {f"{name}.example" for name in (*DOMAINS, "strict") if name != "silent"})


if __name__ == "__main__":
    unittest.main()
