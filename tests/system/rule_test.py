#!/usr/bin/env python3
"""Standing rules at running agents: mail that is queued and mail that comes, over restarts, until they end; and the
operations that changed the queue, as they are read afterwards."""
import time
import unittest

from queue_test import QueueTestCase
from sites import letter
from sites.process import wait_until


class Rules(QueueTestCase):
    def submit(self, recipient):
        a = self.pair.a
        return self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient))

    def rules(self, agent="mta"):
        return self.quartetctl(self.pair.a, agent, "rule", "list")["rule"]

    def queue(self, agent, *words):
        return self.quartetctl(self.pair.a, agent, "queue", "list", *words)

    def operations(self, agent="mta", *words):
        return self.quartetctl(self.pair.a, agent, "operation", "list", *words)

    def restart(self, agent):
        """By a crash."""
        self.pair.a.processes[agent].kill()
        self.pair.a.start_agent(agent, self.pair.binaries)

    def test_a_hold_over_a_crash_until_it_is_cancelled(self):
        a, b = self.pair.a, self.pair.b
        self.submit("hold@dead.example")
        self.waiting("mta", "hold@dead.example")
        made = self.quartetctl(a, "mta", "rule", "add", "--kind", "hold", "--where", "rcpt.domain=dead.example,b.example",
                               "--for", "1h", "--reason", "a storm")
        rule = made["rule"]["id"]
        self.assertEqual((made["counts"]["changed"], made["operation"]["state"]), (1, "done"))
        self.restart("mta")
        sent = self.send(a, a.users[0], b.users[0].address)
        wait_until(lambda: len(self.queue("mta", "--where", f"rule={rule} and rcpt={b.users[0].address}")) == 1, 30,
                   "the letter on hold")
        self.assertEqual(len(self.queue("mta", "--where", f"rule={rule}")), 2)
        self.assertEqual([one["matches"] for one in self.rules()], [1])
        self.assertIn("a storm", self.ctl("mta", "rule", "list"))
        done = self.quartetctl(a, "mta", "rule", "cancel", rule)
        self.assertEqual(done["operation"]["changed"], 2)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        self.assertEqual(self.rules(), [])
        self.ctl("mta", "rule", "cancel", rule, code=1)
        self.ctl("mta", "queue", "drop", "--older-than", "0s", "--reason", "the end")

    def test_a_hold_ends_by_itself(self):
        a, b = self.pair.a, self.pair.b
        recipient = b.users[1].address
        begun = time.monotonic()
        self.ctl("mta", "rule", "add", "--kind", "hold", "--recipient", recipient, "--for", "3s")
        sent = self.send(a, a.users[0], recipient)
        self.assert_intact(sent, self.wait_for_message(b, b.users[1], sent["Message-ID"]))
        self.assertGreaterEqual(time.monotonic() - begun, 3)
        wait_until(lambda: self.rules() == [], 30, "no rule")
        a.processes["mta"].wait_for_event("relay.rule_ended", kind="hold", released=1)

    def test_a_bounce_of_what_comes(self):
        rule = self.quartetctl(self.pair.a, "mta", "rule", "add", "--kind", "bounce", "--recipient-domain",
                               "closed.example", "--reason", "The site is closed", "--code", "5.1.6")["rule"]["id"]
        sent = self.submit("one@closed.example")
        fields = self.notice_about(sent)
        self.assertEqual((fields[0]["Action"], fields[0]["Status"]), ("failed", "5.1.6"))
        self.assertIn("The site is closed", fields[0]["Diagnostic-Code"])
        self.ctl("mta", "rule", "cancel", rule)

    def test_a_drop_at_the_msa(self):
        """The msa's own queue has rules as well."""
        a, b = self.pair.a, self.pair.b
        rule = self.quartetctl(a, "msa", "rule", "add", "--kind", "drop", "--recipient", b.users[1].address,
                               "--reason", "a loop")["rule"]["id"]
        gone = self.send(a, a.users[0], b.users[1].address)
        wait_until(lambda: [one["matches"] for one in self.rules("msa")] == [1], 30, "the letter dropped")
        self.ctl("msa", "rule", "cancel", rule)
        sent = self.send(a, a.users[0], b.users[1].address)
        self.wait_for_message(b, b.users[1], sent["Message-ID"])
        self.assertNotIn(gone["Message-ID"], "".join(map(bytes.decode, self.fetch_all(b, b.users[1]))))

    def test_a_reroute_while_it_lasts(self):
        a, b = self.pair.a, self.pair.b
        self.submit("six@dead.example")
        self.waiting("mta", "six@dead.example")
        there = f"{b.address}:{b.port('mx')}"
        rule = self.quartetctl(a, "mta", "rule", "add", "--kind", "reroute", "--recipient-domain", "dead.example",
                               "--to", there)["rule"]["id"]
        # The other site has no such domain: its refusals are the proof, for what was queued and for what comes.
        second = self.submit("seven@dead.example")
        self.assertIn(b.address, self.notice_about(second)[0]["Remote-MTA"])
        wait_until(lambda: not self.queue("mta", "--recipient", "six@dead.example"), 30, "nothing left")
        self.ctl("mta", "rule", "cancel", rule)
        self.submit("eight@dead.example")
        self.waiting("mta", "eight@dead.example")
        self.ctl("mta", "queue", "drop", "--recipient", "eight@dead.example")

    def test_a_dry_run_and_a_test(self):
        self.submit("nine@dead.example")
        self.waiting("mta", "nine@dead.example")
        dry = self.ctl("mta", "rule", "add", "--kind", "drop", "--recipient", "nine@dead.example", "--dry-run")
        self.assertIn("1 queued recipients would be changed", dry)
        self.assertIn("nine@dead.example", self.ctl("mta", "rule", "test", "--where", "rcpt=nine@dead.example"))
        self.ctl("mta", "rule", "test", "--where", "state=held", code=1)
        self.ctl("mta", "rule", "add", "--kind", "drop", code=2)
        self.ctl("mta", "rule", "add", "--kind", "nothing", "--all", code=2)
        self.assertEqual(self.rules(), [])
        self.ctl("mta", "queue", "drop", "--recipient", "nine@dead.example")

    def test_operations_are_read_after_a_crash(self):
        self.submit("ten@dead.example")
        self.waiting("mta", "ten@dead.example")
        self.ctl("mta", "queue", "hold", "--recipient", "ten@dead.example", "--reason", "ticket 1")
        counts = self.quartetctl(self.pair.a, "mta", "queue", "drop", "--recipient", "ten@dead.example", "--reason",
                                 "ticket 2")
        self.restart("mta")
        drop, hold = self.operations("mta", "--limit", "2")
        self.assertEqual(drop["id"], counts["operation"])
        self.assertEqual((drop["verb"], drop["state"], drop["changed"], drop["reason"]), ("drop", "done", 1, "ticket 2"))
        self.assertEqual((hold["verb"], hold["reason"]), ("hold", "ticket 1"))
        self.assertIn("unix:uid=", drop["who"])
        self.assertIn("ticket 2", self.ctl("mta", "operation", "show", drop["id"]))
        self.assertIn("1 changed", self.ctl("mta", "operation", "watch", drop["id"]))
        self.ctl("mta", "operation", "cancel", drop["id"], code=1)
        self.ctl("mta", "operation", "show", "none", code=1)
        self.assertEqual(self.operations("mta", "--running"), [])


if __name__ == "__main__":
    unittest.main()
