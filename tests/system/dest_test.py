#!/usr/bin/env python3
"""The relay's sites as quartetctl shows them, while a next hop is down and when it is there."""
import datetime
import subprocess
import time
import unittest

from harness import SitesTestCase
from sites.process import wait_until


class Destinations(SitesTestCase):
    options = {"shared_spool": False}

    def ctl(self, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                               *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def sites(self, *words):
        """Those of b, by their key."""
        return [site for site in self.quartetctl(self.pair.a, "mta", "dest", "list", *words)
                if "mx.b.example" in site["site"]]

    def test_a_site_in_backoff_and_open_again(self):
        a, b = self.pair.a, self.pair.b
        b.processes["mta"].stop()
        sent = self.send(a, a.users[0], b.users[0].address)
        dead = wait_until(lambda: self.sites("--dead"), 60, "the site of b in backoff")[0]
        self.assertEqual(dead["state"], "backoff")
        self.assertNotEqual(dead["last_failure"], "")
        self.assertIn("backoff", self.ctl("dest", "show", dead["site"]))
        b.start_agent("mta", self.pair.binaries)
        self.ctl("queue", "retry", "--all")
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        self.assertEqual([site["state"] for site in self.sites()], ["open"])
        self.assertEqual(self.sites("--dead"), [])

    def test_no_such_site(self):
        self.ctl("dest", "show", "smtp:nowhere", code=1)
        self.ctl("dest", "clear", "smtp:nowhere", code=1)
        self.ctl("dest", "resume", "nowhere.example", code=1)

    def withheld(self, message):
        """The recipient of `message` in the queue, as soon as it is put off for longer than a first retry would be."""
        def find():
            entries = self.quartetctl(self.pair.a, "mta", "queue", "list", "--recipient-domain", "b.example")
            later = time.time() + 50 * 60
            return [entry for entry in entries
                    if datetime.datetime.fromisoformat(entry["next_attempt"]).timestamp() > later]
        return wait_until(find, 60, f"{message['Message-ID']} to be withheld")[0]

    def test_a_suspended_domain_over_a_restart(self):
        a, b = self.pair.a, self.pair.b
        self.ctl("dest", "suspend", "b.example", "--for", "2h", "--reason", "they move")
        sent = self.send(a, a.users[0], b.users[0].address)
        entry = self.withheld(sent)
        self.assertEqual(entry["attempts"], 0)
        a.processes["mta"].stop()
        a.start_agent("mta", self.pair.binaries)
        suspended = self.quartetctl(a, "mta", "dest", "suspensions")
        self.assertEqual([(one["destination"], one["reason"]) for one in suspended], [("b.example", "they move")])
        self.withheld(sent)
        self.assertIn("1 recipients due now", self.ctl("dest", "resume", "b.example"))
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        self.assertEqual(self.quartetctl(a, "mta", "dest", "suspensions"), [])
        log = a.processes["mta"].log.read_text()
        self.assertRegex(log, r'"verb":"suspend".*"peer":"unix:uid=\d+,pid=\d+".*"reason":"they move"')
        self.assertRegex(log, r'"verb":"resume"')

    def test_a_suspended_site(self):
        a, b = self.pair.a, self.pair.b
        first = self.send(a, a.users[0], b.users[0].address)
        self.wait_for_message(b, b.users[0], first["Message-ID"])
        site = self.sites()[0]["site"]
        self.ctl("dest", "suspend", site, "--reason", "too slow")
        sent = self.send(a, a.users[0], b.users[1].address)
        self.withheld(sent)
        shown = self.sites("--suspended")[0]
        self.assertEqual((shown["state"], shown["suspension"]["reason"]), ("suspended", "too slow"))
        self.assertRegex(self.ctl("dest", "list"), r"SUSPENDED .*until 20.*too slow")
        self.assertIn("too slow", self.ctl("dest", "show", site))
        self.ctl("dest", "resume", site)
        self.wait_for_message(b, b.users[1], sent["Message-ID"])

    def test_a_cleared_backoff(self):
        a, b = self.pair.a, self.pair.b
        b.processes["mta"].stop()
        sent = self.send(a, a.users[0], b.users[0].address)
        dead = wait_until(lambda: self.sites("--dead"), 60, "the site of b in backoff")[0]
        b.start_agent("mta", self.pair.binaries)
        self.assertIn("1 recipients due now", self.ctl("dest", "clear", dead["site"]))
        self.wait_for_message(b, b.users[0], sent["Message-ID"])

    def test_an_address_is_explained(self):
        a, b = self.pair.a, self.pair.b
        found = self.quartetctl(a, "mta", "dest", "explain", b.users[0].address)
        self.assertEqual((found["table"], found["action"]), ("mx", "mx"))
        self.assertEqual([name["name"] for name in found["name"]], ["mx.b.example"])
        self.assertEqual(found["host"][0]["address"].rsplit(":", 1)[0], b.address)
        self.assertIn("mx.b.example", found["site"])
        text = self.ctl("dest", "explain", b.users[0].address)
        self.assertRegex(text, r"route +MX records")
        self.assertRegex(text, r"  name +\d+ mx.b.example " + b.address.replace(".", r"\."))
        self.ctl("dest", "suspend", ".example", "--reason", "all of it")
        self.assertRegex(self.ctl("dest", "explain", b.users[0].address), r"suspended +\.example .*all of it")
        self.ctl("dest", "resume", ".example")
        local = self.quartetctl(a, "mta", "dest", "explain", a.users[0].address)
        self.assertEqual((local["table"], local["protocol"]), ("local_domain", "lmtp"))
        self.assertRegex(self.ctl("dest", "explain", "nobody@nowhere.example"), r"failure +(550 5|451 4)\.")
        self.ctl("dest", "explain", "nobody", code=1)

    def test_what_makes_no_sense_is_refused(self):
        for words in (["nobody@b.example"], ["b..example"], ["b.example", "--for", "31d"]):
            self.ctl("dest", "suspend", *words, code=1)
        self.ctl("dest", "suspend", "b.example", "--for", "soon", code=2)
        self.assertEqual(self.quartetctl(self.pair.a, "mta", "dest", "suspensions"), [])


if __name__ == "__main__":
    unittest.main()
