#!/usr/bin/env python3
"""Sites that are treated differently: rates, source addresses, retry schedules; and new policies by SIGHUP."""
import datetime
import signal
import subprocess
import unittest

from harness import SitesTestCase
from sites import letter
from sites.process import wait_until

ABSENT = "192.0.2.1"  # RFC 5737: no address of any host
POLICIES = """
  site_policy { match: "rated.example" message_rate: "40/min" }
  site_policy { match: "slow.example" message_rate: "1/h" }
  site_policy { match: "mx.source.example" source_address: "NET.11" source_address: "NET.12" messages_per_connection: 1 }
  site_policy { match: "absent.example" source_address: "192.0.2.1" retry { delay_seconds: 3600 } }
  site_policy { match: "partly.example" source_address: "192.0.2.1" source_address: "NET.11" }
  site_policy { match: "dead.example" retry { delay_seconds: 1 lifetime_seconds: 3 } }
"""
# Their mail is taken by the mta at b.
DOMAINS = ("rated", "slow", "source", "absent", "partly")


def seconds(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class SitePolicies(SitesTestCase):
    options = {
        "shared_spool": False,
        "zones": {**{f"{name}.example": "@ MX 10 mx\nmx A NET.2\n" for name in DOMAINS},
                  "dead.example": "@ MX 10 mx\nmx A NET.99\n"},
        "overrides": {"b": {"directory": "".join(
            f'domain {{ name: "{name}.example" }}\nalias {{ address: "reader@{name}.example" target: "reader@b.example" }}\n'
            for name in DOMAINS)}},
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.net = cls.pair.network.prefix
        cls.configuration = cls.pair.a.config_file("mta").read_text()
        cls._configure(POLICIES)

    @classmethod
    def _configure(cls, policies):
        process = cls.pair.a.processes["mta"]
        logged = process.log.stat().st_size
        cls.pair.a.config_file("mta").write_text(
            cls.configuration.replace("sending {\n", "sending {\n" + policies.replace("NET.", cls.net + ".")))
        process.signal(signal.SIGHUP)
        process.wait_for_event("reload.done", start=logged)
        events = [event["event"] for event in process.events(logged)]
        assert "reload.ignored" not in events, events

    def ctl(self, *words):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                               *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def destination(self, policy):
        """The site with this policy; None while there is none."""
        return next((site for site in self.quartetctl(self.pair.a, "mta", "dest", "list")
                     if site.get("policy") == policy), None)

    def post(self, domain, count=1):
        """Sends so many letters to a reader there; gives the place in b's log before them."""
        logged = self.pair.b.processes["mta"].log.stat().st_size
        sender = self.pair.a.users[0]
        client = self.submission(self.pair.a, sender)
        for _ in range(count):
            address = f"reader@{domain}"
            client.send_message(letter.write(sender.address, address), sender.address, [address])
        client.quit()
        return logged

    def taken(self, domain, logged, count):
        """The events of b that took so many letters for the domain."""
        def find():
            events = [event for event in self.pair.b.processes["mta"].events(logged)
                      if event["event"] == "mta.accepted" and f"reader@{domain}" in event["to"]]
            return len(events) >= count and events

        return wait_until(find, 60, f"{count} letters for {domain} at b")

    def test_mail_goes_at_its_rate_and_others_pass_it(self):
        logged = self.post("rated.example", 6)
        # 1.5 seconds lie between two, so the last goes after 7.5 seconds; mail for others does not wait for it.
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        site = wait_until(lambda: (found := self.destination("rated.example")) and found.get("waits_for") and found, 30,
                          "the site that waits for its rate")
        self.assertEqual(site["waits_for"], "message_rate")
        self.assertEqual(site["message_rate"], "40/min")
        shown = self.ctl("dest", "show", site["site"])
        self.assertRegex(shown, r"waits for +the message rate, [01]\.\d s\n")
        self.assertRegex(shown, r"rates +40/min messages, - connections\n")
        self.assert_intact(sent, self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"]))
        times = [seconds(event) for event in self.taken("rated.example", logged, 6)]
        ends = seconds(next(event for event in self.pair.b.processes["mta"].events(logged)
                            if event["event"] == "mta.accepted" and "reader@b.example" in event["to"]))
        self.assertLess(ends, times[-1])
        # A letter may take longer than the one after it, but five intervals are five intervals.
        self.assertGreater(times[-1] - times[0], 5 * 1.5 - 1)

    def test_a_new_policy_lets_waiting_mail_go(self):
        logged = self.post("slow.example", 3)
        wait_until(lambda: (found := self.destination("slow.example")) and found.get("waits_for"), 30, "the slow site")
        self.assertEqual(len(self.taken("slow.example", logged, 1)), 1)
        self._configure(POLICIES.replace('message_rate: "1/h"', ""))
        self.assertEqual(len(self.taken("slow.example", logged, 3)), 3)

    def test_source_addresses_take_turns(self):
        logged = self.post("source.example", 6)
        peers = {event["peer"].rpartition(":")[0] for event in self.taken("source.example", logged, 6)}
        self.assertEqual(peers, {f"{self.net}.11", f"{self.net}.12"})

    def test_without_an_address_of_this_host_mail_waits(self):
        process = self.pair.a.processes["mta"]
        before = process.log.stat().st_size
        logged = self.post("absent.example")
        event = process.wait_for_event("relay.source_unusable", start=before)
        self.assertEqual(event["source"], ABSENT)
        self.assertEqual(event["level"], "error")
        deferred = process.wait_for_event("relay.deferred", start=before, to="reader@absent.example")
        self.assertEqual(deferred["status"], "4.3.5")
        self.assertIn(f"{ABSENT} is no address of this host", deferred["reply"])
        # Put right, the mail goes.
        self._configure(POLICIES.replace('"absent.example" source_address: "192.0.2.1"', '"absent.example"'))
        self.ctl("queue", "retry", "--recipient-domain", "absent.example")
        self.taken("absent.example", logged, 1)

    def test_one_address_that_is_there_is_enough(self):
        logged = self.post("partly.example", 3)
        peers = {event["peer"].rpartition(":")[0] for event in self.taken("partly.example", logged, 3)}
        self.assertEqual(peers, {f"{self.net}.11"})

    def test_a_schedule_of_its_own(self):
        process = self.pair.a.processes["mta"]
        before = process.log.stat().st_size
        self.post("dead.example")
        expired = process.wait_for_event("relay.expired", 60, start=before, to="reader@dead.example")
        self.assertGreaterEqual(expired["attempts"], 2)


if __name__ == "__main__":
    unittest.main()
