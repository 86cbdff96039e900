#!/usr/bin/env python3
"""ETRN (RFC 1985): mail for a site that is seldom there waits for it, and goes when the site asks."""
import json
import smtplib
import subprocess
import unittest

from harness import SitesTestCase, network_of
from sites.process import wait_until


def links(pair):
    """Everything for b.example waits for ETRN from loopback; nobody on loopback may start the other link."""
    return f"""
link {{ name: "island" domain: "b.example" on_request: true allowed: "127.0.0.0/8"
       next_hop {{ host: "NET.2:10025" }} }}
link {{ name: "inland" domain: "inland.example" domain: ".inland.example" on_request: true allowed: "127.0.0.0/8"
       next_hop {{ host: "NET.2:10025" }} }}
link {{ name: "fortress" domain: "fortress.example" on_request: true allowed: "192.0.2.1"
       next_hop {{ host: "NET.2:10025" }} }}
link {{ name: "shy" domain: "shy.example" on_request: true allowed: "127.0.0.0/8" withhold_count: true
       next_hop {{ host: "NET.2:10025" }} }}
link {{ name: "hasty" domain: "hasty.example" on_request: true allowed: "127.0.0.0/8" min_interval_seconds: 3600
       next_hop {{ host: "NET.2:10025" }} }}
""".replace("NET.", pair + ".")


class Etrn(SitesTestCase):
    options = {"shared_spool": True,
               "overrides": {"a": {"mta": lambda text: text + links(network_of(text))}}}

    def client(self):
        client = smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), local_hostname="island.b.example", timeout=30)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def etrn(self, argument):
        client = self.client()
        code, text = client.docmd("ETRN", argument)
        client.quit()
        return code, text.decode()

    def waiting(self, count, domain="b.example"):
        """Until so many recipients are queued at a's mta."""
        def look():
            done = self.quartetctl(self.pair.a, "mta", "queue", "count", "--recipient-domain", domain)
            return done["matched"] == count
        wait_until(look, 30, f"{count} recipients in the queue")

    def setUp(self):
        """A start that a test before left behind has ended."""
        wait_until(lambda: not any(link["running"] for link in self.quartetctl(self.pair.a, "mta", "link", "list")), 30,
                   "no start under way")

    def test_offered(self):
        self.assertIn("etrn", self.client().esmtp_features)

    def test_mail_waits_and_goes_when_asked_for(self):
        a, b = self.pair.a, self.pair.b
        self.assertEqual(self.etrn("b.example")[0], 251)
        letters = [self.send(a, a.users[0], user.address) for user in b.users]
        self.waiting(2)
        code, text = self.etrn("b.example")
        self.assertEqual(code, 253, text)
        self.assertIn("2", text)
        for user, sent in zip(b.users, letters):
            self.assert_intact(sent, self.wait_for_message(b, user, sent["Message-ID"]))
        self.waiting(0)
        self.assertEqual(self.etrn("b.example")[0], 251)
        # By the link's name (the # form).
        sent = self.send(a, a.users[0], b.users[0].address)
        self.waiting(1)
        self.assertEqual(self.etrn("#island")[0], 253)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

    def test_a_start_that_is_under_way(self):
        a, b = self.pair.a, self.pair.b
        b.processes["mta"].stop()
        sent = self.send(a, a.users[0], b.users[1].address)
        self.waiting(1)
        self.assertEqual(self.etrn("b.example")[0], 253)
        self.assertEqual(self.etrn("b.example")[0], 250)
        b.start_agent("mta", self.pair.binaries)
        self.quartetctl(a, "mta", "queue", "retry", "--all")
        self.assert_intact(sent, self.wait_for_message(b, b.users[1], sent["Message-ID"]))

    def test_subdomains(self):
        self.assertEqual(self.etrn("@inland.example")[0], 251)
        self.assertEqual(self.etrn("port.inland.example")[0], 251)
        # The link has b.example and nothing below it.
        self.assertEqual(self.etrn("@b.example")[0], 459)
        self.assertEqual(self.etrn("@example")[0], 459)

    def test_who_may_not(self):
        for node in ("fortress.example", "#fortress", "unknown.example", "#unknown", "a.example"):
            self.assertEqual(self.etrn(node)[0], 459, node)

    def test_a_count_that_is_withheld(self):
        a = self.pair.a
        self.send(a, a.users[0], "x@shy.example")
        self.waiting(1, "shy.example")
        self.assertEqual(self.etrn("shy.example"), (252, "2.0.0 pending messages for node shy.example started"))
        self.waiting(0, "shy.example")

    def test_syntax(self):
        client = self.client()
        self.assertEqual(client.docmd("ETRN")[0], 500)
        self.assertEqual(client.docmd("ETRN", "b..example")[0], 501)
        self.assertEqual(client.docmd("ETRN", "b.example c.example")[0], 501)
        client.mail("x@island.b.example")
        self.assertEqual(client.docmd("ETRN", "b.example")[0], 503)

    def link(self, name):
        return next(link for link in self.quartetctl(self.pair.a, "mta", "link", "list") if link["name"] == name)

    def start(self, *words, code):
        """The answer to `link start`."""
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                               "--json", "link", "start", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout.splitlines()[0])

    def test_paused(self):
        a, b = self.pair.a, self.pair.b
        paused = self.quartetctl(a, "mta", "link", "pause", "island", "--reason", "the line is repaired")
        self.addCleanup(subprocess.run, [self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"),
                                         "link", "resume", "island"], capture_output=True)
        self.assertEqual(paused["pause"]["destination"], "island")
        self.assertEqual(self.etrn("b.example"), (458, "4.3.2 unable to queue messages for node b.example: "
                                                       "delivery is paused"))
        self.assertEqual(self.etrn("unknown.example")[0], 459)
        self.assertEqual(self.etrn("inland.example")[0], 251)
        sent = self.send(a, a.users[0], b.users[0].address)
        self.waiting(1)
        self.assertEqual(self.start("island", code=1)["answer"], "paused")
        a.processes["mta"].stop()
        a.start_agent("mta", self.pair.binaries)
        self.assertEqual(self.link("island")["pause"]["reason"], "the line is repaired")
        table = self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "link",
                                 "list")
        self.assertIn("PAUSED until resumed by unix:uid=", table)
        self.assertEqual(self.etrn("#island")[0], 458)
        self.waiting(1)
        self.quartetctl(a, "mta", "link", "resume", "island")
        self.assertNotIn("pause", self.link("island"))
        self.assertEqual(self.etrn("b.example")[0], 253)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

    def test_too_soon(self):
        """The mail bounces in the end, as b.example takes none for that domain: what counts is that it was sent."""
        a = self.pair.a

        def letter_waits():
            self.send(a, a.users[0], "x@hasty.example")
            self.waiting(1, "hasty.example")
        letter_waits()
        self.assertEqual(self.etrn("hasty.example")[0], 253)
        self.waiting(0, "hasty.example")
        self.assertEqual(self.etrn("hasty.example")[0], 251)
        letter_waits()
        code, text = self.etrn("hasty.example")
        self.assertEqual(code, 458)
        self.assertRegex(text, r"^4.7.0 .* asked too often, try again in 3[56]\d\d seconds$")
        refused = self.start("hasty", code=1)
        self.assertEqual((refused["answer"], refused["etrn_code"]), ("too_soon", 458))
        self.waiting(1, "hasty.example")
        self.assertEqual(self.start("hasty", "--now", code=0)["answer"], "started")
        self.waiting(0, "hasty.example")

    def test_fetchmail_asks(self):
        a, b = self.pair.a, self.pair.b
        sent = self.send(a, a.users[0], b.users[1].address)
        self.waiting(1)
        scratch = self.scratch()
        control = scratch / "fetchmailrc"
        control.write_text(f"poll {a.address} proto ETRN service {a.port('mx')} fetchdomains b.example\n")
        control.chmod(0o600)
        self.run_program("fetchmail", "-f", control, "--nodetach", "--nosyslog", "-v", "--pidfile", scratch / "pid",
                         environment={"HOME": str(scratch), "FETCHMAILHOME": str(scratch)})
        self.assert_intact(sent, self.wait_for_message(b, b.users[1], sent["Message-ID"]))

    def test_gRPC_starts_and_follows(self):
        a, b = self.pair.a, self.pair.b
        sent = self.send(a, a.users[0], b.users[0].address)
        self.waiting(1)
        output = self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "--json",
                                  "link", "start", "island")
        self.assertIn('"island"', output)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        self.waiting(0)


if __name__ == "__main__":
    unittest.main()
