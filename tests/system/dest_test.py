#!/usr/bin/env python3
"""The relay's sites as quartetctl shows them, while a next hop is down and when it is there."""
import datetime
import json
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

    def restart_a(self):
        """The msa too: over a connection that it keeps it would hear the last words of the mta that went."""
        for agent in ("msa", "mta"):
            self.pair.a.processes[agent].stop()
        for agent in ("mta", "msa"):
            self.pair.a.start_agent(agent, self.pair.binaries)

    def send_to_the_dead(self):
        """The message and the site, whose hosts are down. The relay is a new one: it gives a site that was good before
        more chances than one message takes."""
        a, b = self.pair.a, self.pair.b
        b.processes["mta"].stop()
        self.restart_a()
        sent = self.send(a, a.users[0], b.users[0].address)
        return sent, wait_until(lambda: self.sites("--dead"), 60, "the site of b in backoff")[0]

    def test_a_site_in_backoff_and_open_again(self):
        a, b = self.pair.a, self.pair.b
        sent, dead = self.send_to_the_dead()
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
        self.restart_a()
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
        b = self.pair.b
        sent, dead = self.send_to_the_dead()
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

    def probe(self, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"), "--json",
                               "dest", "probe", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_destination_is_probed(self):
        a, b = self.pair.a, self.pair.b
        user = b.users[0].address
        steps = self.probe("b.example", "--depth", "rcpt", "--rcpt", user)
        self.assertEqual([step["phase"] for step in steps[:2]], ["route", "connect"])
        said = [(step["command"], step["code"]) for step in steps if step["phase"] == "reply"]
        self.assertEqual(said, [("", 220), ("EHLO", 250), ("STARTTLS", 220), ("EHLO", 250),
                                ("MAIL", 250), ("RCPT", 250), ("RSET", 250)])
        self.assertIn("PIPELINING", steps[3]["line"])
        tls = next(step["tls"] for step in steps if step["phase"] == "tls")
        self.assertEqual(tls["version"], "TLSv1.3")
        self.assertEqual((steps[-1]["phase"], steps[-1]["failure"]), ("end", ""))
        self.assertIn(b.address, steps[-1]["host"])
        self.assertGreater(sum(step["took"] for step in steps), 0)
        refused = self.probe(user, "--depth", "rcpt", "--rcpt", "nobody@b.example")
        self.assertEqual([step["code"] for step in refused if step["command"] == "RCPT"], [550])
        self.assertEqual(len(self.probe("b.example", "--depth", "connect")), 3)
        plain = self.probe("b.example", "--depth", "ehlo")
        self.assertNotIn("STARTTLS", [step["command"] for step in plain])
        self.assertRegex(self.ctl("dest", "probe", "b.example"), r"ms +tls +TLSv1\.3 ")
        self.assertEqual(self.quartetctl(a, "mta", "queue", "list"), [])

    def test_a_probe_that_fails(self):
        b = self.pair.b
        b.processes["mta"].stop()
        steps = self.probe("b.example", code=1)
        b.start_agent("mta", self.pair.binaries)
        self.assertEqual([step["phase"] for step in steps[:3]], ["route", "connect", "end"])
        self.assertIn("refused", steps[1]["failure"])
        self.assertEqual([step["phase"] for step in self.probe("nowhere.example", code=1)], ["route"])
        self.ctl("dest", "probe", "smtp:nowhere/25", code=1)
        self.ctl("dest", "probe", "b.example", "--depth", "deep", code=2)

    def test_what_makes_no_sense_is_refused(self):
        for words in (["nobody@b.example"], ["b..example"], ["b.example", "--for", "31d"]):
            self.ctl("dest", "suspend", *words, code=1)
        self.ctl("dest", "suspend", "b.example", "--for", "soon", code=2)
        self.assertEqual(self.quartetctl(self.pair.a, "mta", "dest", "suspensions"), [])


if __name__ == "__main__":
    unittest.main()
