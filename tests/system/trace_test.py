#!/usr/bin/env python3
"""One letter over four agents is one story, whichever name of it is asked for."""
import json
import re
import smtplib
import subprocess
import unittest

from harness import SitesTestCase
from sites.process import wait_until


class Trace(SitesTestCase):
    options = {"shared_spool": False}

    def controls(self):
        words = []
        for site in (self.pair.a, self.pair.b):
            for agent in ("msa", "mta", "mda", "imapd"):
                words += ["--control", site.endpoint(f"{agent}_control")]
        return words

    def trace(self, name, *words):
        return subprocess.run([str(self.pair.binaries / "quartetctl"), *words, "trace", name, *self.controls()],
                              capture_output=True, text=True, timeout=60)

    def steps(self, name):
        return [json.loads(line) for line in self.trace(name, "--json").stdout.splitlines()]

    def test_a_letter_over_all_hops(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"])
        # An agent writes down the answer of the next hop after that has the letter.
        steps = wait_until(lambda: len(found := self.steps(sent["Message-ID"])) >= 7 and found, 30, "all steps")
        a, b = self.pair.a.host_name, self.pair.b.host_name
        at = {(step["agent"], step["hostname"], step["kind"]): i for i, step in enumerate(steps)}
        self.assertEqual(len(steps), 7, steps)
        accepted = [at["msa", a, "accepted"], at["mta", a, "accepted"], at["mta", b, "accepted"], at["mda", b, "stored"]]
        self.assertEqual(accepted, sorted(accepted), steps)
        self.assertLess(at["msa", a, "accepted"], at["msa", a, "delivered"])
        self.assertLess(at["mta", b, "accepted"], at["mta", b, "delivered"])
        # The sites do not trust each other: each has a trace id of its own, and the Message-ID joins them.
        for host in (a, b):
            self.assertEqual(len({step["trace_id"] for step in steps if step["hostname"] == host}), 1, steps)
        self.assertEqual(len({step["trace_id"] for step in steps}), 2, steps)
        self.assertEqual(steps[at["mda", b, "stored"]]["reply"]["code"], 250)
        for name in (steps[0]["trace_id"], steps[0]["message_id"], steps[-1]["message_id"]):
            self.assertEqual(self.steps(name), steps)
        table = self.trace(sent["Message-ID"])
        self.assertEqual(table.returncode, 0, table.stderr)
        self.assertEqual(len(table.stdout.splitlines()), 8, table.stdout)

    def test_agents_that_trust_each_other_have_one_trace_id(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.a.users[1].address)
        self.wait_for_message(self.pair.a, self.pair.a.users[1], sent["Message-ID"])
        steps = wait_until(lambda: len(found := self.steps(sent["Message-ID"])) >= 5 and found, 30, "all steps")
        self.assertEqual(len({step["trace_id"] for step in steps}), 1, steps)
        self.assertEqual({step["agent"] for step in steps}, {"msa", "mta", "mda"}, steps)

    def test_nothing_is_known(self):
        done = self.trace("nobody-sent-this@a.example")
        self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_a_stranger_cannot_name_a_trace(self):
        with smtplib.SMTP(self.pair.b.address, self.pair.b.port("mx"), local_hostname="client.example") as client:
            client.ehlo()
            self.assertFalse(client.has_extn("XTRACE"))
            code, text = client.docmd("MAIL", "FROM:<eve@client.example> XTRACE=forged")
            self.assertEqual(code, 555, text)
            self.assertTrue(text.startswith(b"5.5.4"), text)
        self.assertEqual(self.trace("forged").returncode, 1)


def knows(*peers):
    """A change that gives an agent of site a its peers: (agent, site, whether mail goes on to it)."""
    def change(text):
        socket = re.search(r'control \{ socket: "([^"]*)/a/run/\w+\.control"', text)
        host = re.search(r'hostname: "([^"]*)"', text)[1]
        more = "".join(f' peer {{ name: "{agent}@{host.replace("a.example", site + ".example")}" '
                       f'address: "unix:{socket[1]}/{site}/run/{agent}.control" next: {str(following).lower()} }}'
                       for agent, site, following in peers)
        return text.replace(socket[0], socket[0] + more)
    return change


class Chain(SitesTestCase):
    """The agents know each other, and one is asked for all."""
    options = {"shared_spool": False, "overrides": {"a": {
        "msa": knows(("mta", "a", True)),
        "mta": knows(("mda", "a", True), ("mta", "b", False), ("mta", "c", False)),
    }}}

    def ask(self, agent, *words):
        return subprocess.run([str(self.pair.binaries / "quartetctl"), "--target",
                               self.pair.a.endpoint(f"{agent}_control"), *words],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_a_message_over_the_chain(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.a.users[1].address)
        self.wait_for_message(self.pair.a, self.pair.a.users[1], sent["Message-ID"])

        def steps():
            told = self.ask("msa", "--json", "trace", sent["Message-ID"], "--scope", "chain")
            return [json.loads(line) for line in told.stdout.splitlines()]
        found = wait_until(lambda: len(told := steps()) >= 5 and told, 30, "all steps")
        self.assertEqual([each["agent"] for each in found if each["kind"] in ("accepted", "stored")],
                         ["msa", "mta", "mda"])

    def test_the_queues_of_the_chain_and_of_the_same_kind(self):
        told = self.ask("msa", "queue", "count", "--scope", "chain")
        self.assertEqual(told.returncode, 0, told.stderr)
        host = self.pair.a.host_name
        self.assertEqual([line for line in told.stdout.splitlines() if line.endswith(":")],
                         [f"mta@{host}:", f"mda@{host}:"])
        told = self.ask("mta", "--json", "node", "status", "--scope", "role")
        # The one that is not there is said to be missing.
        self.assertEqual(told.returncode, 3)
        self.assertIn("mta@", told.stderr)
        answers = [json.loads(line) for line in told.stdout.splitlines()]
        self.assertEqual([answers[0]["hostname"], answers[1]["get_status"]["hostname"]],
                         [host, self.pair.b.host_name])
        for words in (("queue", "list"), ("queue", "shape"), ("dest", "list")):
            self.assertEqual(self.ask("msa", *words, "--scope", "chain").returncode, 0, words)
        self.assertEqual(self.ask("msa", "queue", "list", "--scope", "world").returncode, 2)
        self.assertIn("yes", self.ask("msa", "node", "peers").stdout)


if __name__ == "__main__":
    unittest.main()
