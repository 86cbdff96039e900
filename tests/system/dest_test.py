#!/usr/bin/env python3
"""The relay's sites as quartetctl shows them, while a next hop is down and when it is there."""
import subprocess
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


if __name__ == "__main__":
    unittest.main()
