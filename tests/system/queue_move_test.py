#!/usr/bin/env python3
"""Messages leave a queue as files and come back, and go from one host's queue to another's, as they are; guards."""
import re
import subprocess
import unittest

from harness import SitesTestCase
from sites import letter
from sites.process import wait_until
from trace_test import knows

DEAD = 'transport { match: "dead.example" next_hop { host: "127.0.0.1:9" } }\n'  # nobody listens there


class Move(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"a": {"mta": lambda text: knows(("mta", "b", False))(text) + DEAD}}}

    def ctl(self, site, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", site.endpoint("mta_control"), *words],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def queue(self, site, *words):
        return self.quartetctl(site, "mta", "queue", "list", *words)

    def waiting(self, recipient):
        """A letter that was tried in vain, and its entry."""
        a = self.pair.a
        sent = self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient))

        def look():
            entries = self.queue(a, "--recipient", recipient)
            return entries and entries[0]["state"] == "deferred" and entries[0]

        return sent, wait_until(look, 30, f"{recipient} waits")

    def test_out_and_in_again(self):
        a = self.pair.a
        sent, entry = self.waiting("one@dead.example")
        self.ctl(a, "queue", "hold", entry["message_id"], "--reason", "to be looked at")
        held = self.queue(a, "--recipient", "one@dead.example")
        place = self.scratch()
        self.ctl(a, "queue", "export", entry["message_id"], "--to", str(place))
        self.assertIn("are in the queue already", self.ctl(a, "queue", "import", str(place), code=1))
        self.ctl(a, "queue", "drop", entry["message_id"])
        self.assertIn("1 messages imported", self.ctl(a, "queue", "import", str(place), "--reason", "looked at"))
        a.processes["mta"].kill()
        a.start_agent("mta", self.pair.binaries)
        self.assertEqual(self.queue(a, "--recipient", "one@dead.example"), held)
        again = self.scratch()
        self.ctl(a, "queue", "export", entry["message_id"], "--to", str(again))
        for name in (f"{entry['message_id']}.eml", f"{entry['message_id']}.json"):
            self.assertEqual((again / name).read_bytes(), (place / name).read_bytes())
        # What makes no sense, and what is not there, is said to be so.
        (place / f"{entry['message_id']}.json").write_text("{")
        self.assertIn(".json: not our JSON", self.ctl(a, "queue", "import", str(place), code=1))
        (place / f"{entry['message_id']}.eml").unlink()
        self.assertIn("No such file", self.ctl(a, "queue", "import", str(again / "nothing.json"), code=1))
        self.ctl(a, "queue", "reroute", entry["message_id"], "--to", f"{self.pair.b.address}:{self.pair.b.port('mx')}")
        self.ctl(a, "queue", "release", entry["message_id"])
        wait_until(lambda: not self.queue(a, "--recipient", "one@dead.example"), 30, "the letter to go")
        self.assertIsNotNone(sent)

    def test_from_queue_to_queue(self):
        a, b = self.pair.sites
        rule = self.quartetctl(a, "mta", "rule", "add", "--kind", "hold", "--recipient", b.users[0].address)["rule"]["id"]
        sent = self.send(a, a.users[0], b.users[0].address)
        entry = wait_until(lambda: self.queue(a, "--recipient", b.users[0].address), 30, "the letter on hold")[0]
        where = ("--id", entry["message_id"])
        peer = f"mta@{b.host_name}"
        self.assertIn(peer, self.ctl(a, "node", "peers"))
        self.ctl(a, "queue", "transfer", *where, code=2)  # where to?
        self.assertIn("no peer", self.ctl(a, "queue", "transfer", *where, "--to", "mta@nowhere.example", code=1))
        self.assertIn(f"1 recipients would be moved to {peer}",
                      self.ctl(a, "queue", "transfer", *where, "--to", peer, "--dry-run"))
        self.assertIn("not 2", self.ctl(a, "queue", "transfer", *where, "--to", peer, "--expect", "2", code=1))
        self.assertIn(f"1 recipients moved to {peer}", self.ctl(a, "queue", "transfer", *where, "--to", peer))
        self.assertEqual(self.queue(a, *where), [])
        self.assertEqual(self.queue(b, *where), [entry])
        b.processes["mta"].kill()
        b.start_agent("mta", self.pair.binaries)
        self.ctl(b, "queue", "release", *where)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        self.ctl(a, "rule", "cancel", rule)
        # It is told of where it went: one timeline over both hosts.
        told = self.ctl(a, "trace", sent["Message-ID"])
        self.assertIn(entry["trace_id"], told)

    def test_all_has_to_be_confirmed(self):
        a = self.pair.a
        self.waiting("two@dead.example")
        drop = ("queue", "drop", "--all", "--reason", "the end")
        self.assertIn("dry run", self.ctl(a, *drop, code=1))
        said = self.ctl(a, *drop, "--dry-run")
        token = re.search(r"--confirm (\S+)", said)[1]
        self.ctl(a, "queue", "expire", "--all", "--reason", "the end", "--confirm", token, code=1)
        self.assertTrue(self.queue(a, "--recipient", "two@dead.example"))
        self.ctl(a, *drop, "--confirm", token, "--on-active", "wait", code=1)  # that is another change
        self.ctl(a, *drop, "--confirm", token)
        wait_until(lambda: not self.queue(a), 30, "an empty queue")
        self.ctl(a, "queue", "hold", "--all", "--on-active", "never", code=2)


if __name__ == "__main__":
    unittest.main()
