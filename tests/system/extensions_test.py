#!/usr/bin/env python3
"""FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852) and MT-PRIORITY (RFC 6710), from submission over several hosts."""
import datetime
import email
import re
import smtplib
import unittest

from harness import SitesTestCase, as_bytes
from sites import letter
from sites.process import wait_until


def parse_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Extensions(SitesTestCase):
    options = {"zones": {"dead.example": "@ MX 10 mx\nmx A NET.99\n"}}  # nobody listens there

    def submit(self, recipient, *options):
        """(the letter, the answer to its end)"""
        a = self.pair.a
        message = letter.write(a.users[0].address, recipient, f"to {recipient}")
        client = self.submission(a, a.users[0])
        client.ehlo()
        code, text = client.mail(a.users[0].address, list(options))
        self.assertEqual(code, 250, text)
        self.assertEqual(client.rcpt(recipient)[0], 250)
        code, text = client.data(as_bytes(message))
        self.assertEqual(code, 250, text)
        client.quit()
        return message, text.decode()

    def refusal(self, *options):
        client = self.submission(self.pair.a, self.pair.a.users[0])
        client.ehlo()
        code, text = client.mail(self.pair.a.users[0].address, list(options))
        return f"{code} {text.decode()}"

    def notices(self, message, count=1):
        """The notifications about a letter, in the mailbox of its sender."""
        def find():
            parsed = map(email.message_from_bytes, self.fetch_all(self.pair.a, self.pair.a.users[0]))
            found = [text for text in parsed if text["In-Reply-To"] == message["Message-ID"]]
            return len(found) >= count and found
        return wait_until(find, 60, f"{count} notifications")

    def arrived(self, message):
        b = self.pair.b
        return email.message_from_bytes(self.wait_for_message(b, b.users[0], message["Message-ID"]))

    def test_offers(self):
        client = self.submission(self.pair.a, self.pair.a.users[0])
        client.ehlo()
        most, latest = client.esmtp_features["futurerelease"].split()
        self.assertEqual(most, "2592000")
        ahead = parse_time(latest) - datetime.datetime.now(datetime.timezone.utc)
        self.assertAlmostEqual(ahead.total_seconds(), 2592000, delta=100)
        self.assertTrue(client.has_extn("deliverby") and client.has_extn("mt-priority"))
        stranger = smtplib.SMTP(self.pair.b.address, self.pair.b.port("mx"), timeout=60)
        self.addCleanup(stranger.close)
        stranger.ehlo()
        self.assertTrue(stranger.has_extn("deliverby"))
        self.assertFalse(stranger.has_extn("mt-priority") or stranger.has_extn("futurerelease"))

    def test_held_until_its_release(self):
        a, b = self.pair.a, self.pair.b
        message, text = self.submit(b.users[0].address, "HOLDFOR=6")
        queue_id = text.split("queued as ")[1]
        selector = ("--id", queue_id)
        listed = self.quartetctl(a, "msa", "queue", "list", *selector)
        entry = listed[0] if isinstance(listed, list) else listed
        self.quartetctl(a, "msa", "queue", "retry", *selector)  # not even an operator makes it go earlier
        self.arrived(message)
        accepted = a.processes["msa"].wait_for_event("msa.accepted", message=queue_id)
        delivered = a.processes["msa"].wait_for_event("relay.delivered", message=queue_id)
        waited = (parse_time(delivered["time"]) - parse_time(accepted["time"])).total_seconds()
        self.assertGreater(waited, 5.5)
        due = re.search(r'"next_?[aA]ttempt": ?"([^"]+)"', str(entry).replace("'", '"'))[1]
        self.assertLessEqual(parse_time(due), parse_time(delivered["time"]))
        self.assertGreater(parse_time(due), parse_time(accepted["time"]) + datetime.timedelta(seconds=5))

    def test_held_too_long_or_not_to_be_understood(self):
        self.assertRegex(self.refusal("HOLDFOR=2592001"), "^501 5.5.4")
        self.assertRegex(self.refusal("HOLDUNTIL=2999-01-01T00:00:00Z"), "^501 5.5.4")
        self.assertRegex(self.refusal("HOLDUNTIL=soon"), "^501 5.5.4")
        self.assertRegex(self.refusal("HOLDFOR=1", "HOLDUNTIL=2026-01-01T00:00:00Z"), "^501 5.5.4")

    def test_a_time_that_has_passed_holds_nothing(self):
        message, _ = self.submit(self.pair.b.users[0].address, "HOLDUNTIL=2020-01-01T00:00:00Z")
        self.arrived(message)

    def test_priorities_are_lowered_told_and_passed_on(self):
        message, text = self.submit(self.pair.b.users[0].address, "MT-PRIORITY=6")
        self.assertRegex(text, "^2.3.6 4 is the new priority")
        received = self.arrived(message).get_all("Received")
        by = {re.search(r"by (\S+) with (\S+)", field).groups(): "PRIORITY 4" in field for field in received}
        self.assertEqual(sorted(by.values()), [False, False, True, True], received)  # b's hosts do not trust a
        self.assertEqual({host for (host, _), told in by.items() if told}, {"mx.a.example"})
        message, text = self.submit(self.pair.b.users[0].address, "MT-PRIORITY=-3")
        self.assertRegex(text, "^2.0.0 queued")
        self.arrived(message)

    def test_what_is_not_delivered_in_time_comes_back(self):
        message, _ = self.submit("x@dead.example", "BY=4;R")
        report = self.notices(message)[0].as_string()
        self.assertIn("Action: failed", report)
        self.assertIn("Status: 5.4.7", report)
        self.assertIn("Reporting-MTA: dns; mx.a.example", report)

    def test_a_deadline_that_only_tells(self):
        a = self.pair.a
        message, text = self.submit("y@dead.example", "BY=2;N")
        report = self.notices(message)[0].as_string()
        self.assertIn("Action: delayed", report)
        self.assertIn("Status: 4.4.7", report)
        listed = self.quartetctl(a, "mta", "queue", "count", "--where", 'rcpt="y@dead.example"')
        self.assertIn("1", str(listed))
        self.quartetctl(a, "mta", "queue", "drop", "--where", 'rcpt="y@dead.example"', "--reason", "the test ends")

    def test_a_trace_tells_of_each_relay(self):
        message, _ = self.submit(self.pair.b.users[0].address, "BY=600;RT")
        self.arrived(message)
        reports = [report.as_string() for report in self.notices(message, 2)]  # of msa and mta; b's mta delivers
        self.assertEqual(len(reports), 2)
        for report in reports:
            self.assertIn("Action: relayed", report)

    def test_what_makes_no_sense(self):
        for value in ("BY=0;R", "BY=-5;R", "BY=10", "BY=10;X", "MT-PRIORITY=10", "MT-PRIORITY=-0", "BY=1;R BY=1;R"):
            with self.subTest(value):
                self.assertRegex(self.refusal(*value.split()), "^501 5.5.4")


if __name__ == "__main__":
    unittest.main()
