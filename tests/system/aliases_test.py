#!/usr/bin/env python3
"""Aliases, groups and lists that the mta follows itself: who gets what, who is told, and where bounces go."""
import email
import email.policy
import smtplib
import unittest

from harness import SitesTestCase, as_bytes
from sites import letter
from sites.process import wait_until

DIRECTORY = """
alias { address: "one@a.example" target: "other@a.example" }
alias { address: "team@a.example" target: "other@a.example" target: "inner@a.example" target: "second@b.example" }
alias { address: "inner@a.example" target: "sender@a.example" target: "team@a.example" target: "gone@a.example" }
alias { address: "list@a.example" target: "other@a.example" target: "nobody@b.example" owner: "sender@a.example" }
alias { address: "dead@a.example" target: "gone@a.example" }
alias_domain { from: "a.test" to: "a.example" }
"""
MTA = 'follow_aliases: true\nsrs { domain: "a.example" secret: "tops3cretword" }\n'
READER = "reader@b.example"


class Aliases(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"a": {"mta": MTA, "directory": DIRECTORY}}}

    def post(self, recipient, sender=READER, options=()):
        """To the mta of a, as another site does it; gives the message and where the log of that mta was."""
        a = self.pair.a
        start = a.processes["mta"].log.stat().st_size
        message = letter.write(sender, recipient)
        with smtplib.SMTP(a.address, a.port("mx"), local_hostname="client.example", timeout=60) as client:
            self.assertEqual(client.sendmail(sender, [recipient], as_bytes(message), rcpt_options=options), {})
        return message, start

    def received(self, site, account, sent):
        return email.message_from_bytes(self.wait_for_message(site, account, sent["Message-ID"]),
                                        policy=email.policy.default)

    def delivered(self, start):
        """Who got the message by what the mta says, as soon as nothing of it is left."""
        a = self.pair.a
        wait_until(lambda: self.quartetctl(a, "mta", "queue", "list") == [], 60, "an empty queue")
        return sorted(event["to"] for event in a.processes["mta"].events(start) if event.get("event") == "relay.delivered")

    def report(self, account, site, text):
        """A delivery status notification that has this text."""
        def find():
            for content in self.fetch_all(site, account):
                message = email.message_from_bytes(content, policy=email.policy.default)
                if message.get_content_type() == "multipart/report" and text in content.decode(errors="replace"):
                    return message
            return None

        return wait_until(find, 60, f"a report with {text}")

    def test_an_alias(self):
        sent, start = self.post("One+x@a.test")
        self.assertEqual(self.received(self.pair.a, self.pair.a.users[1], sent)["Return-Path"], f"<{READER}>")
        self.assertEqual(self.delivered(start), ["other@a.example"])

    def test_a_group(self):
        sent, start = self.post("team@a.example")
        self.assertEqual(self.received(self.pair.a, self.pair.a.users[1], sent)["Return-Path"], f"<{READER}>")
        self.received(self.pair.a, self.pair.a.users[0], sent)
        # The sender of what leaves for another site is ours, so that SPF there is content.
        self.assertRegex(self.received(self.pair.b, self.pair.b.users[1], sent)["Return-Path"],
                         r"^<SRS0=....=..=b\.example=reader@a\.example>$")
        self.assertEqual(self.delivered(start), ["other@a.example", "second@b.example", "sender@a.example"])
        self.pair.a.processes["mta"].wait_for_event("mta.dead_target", start=start, target="gone@a.example")

    def test_success_is_told_once(self):
        self.post("team@a.example", options=("NOTIFY=SUCCESS,FAILURE",))
        report = self.report(self.pair.b.users[0], self.pair.b, "Action: expanded")
        self.assertIn("rfc822;team@a.example", report.as_string().replace("rfc822; ", "rfc822;"))

    def test_a_list_and_its_owner(self):
        sent, _ = self.post("list@a.example", options=("NOTIFY=SUCCESS",))
        self.assertEqual(self.received(self.pair.a, self.pair.a.users[1], sent)["Return-Path"], "<sender@a.example>")
        # The owner hears of the member that there is not; who wrote to the list, that the list has it.
        self.report(self.pair.a.users[0], self.pair.a, "nobody@b.example")
        report = self.report(self.pair.b.users[0], self.pair.b, "Action: delivered")
        self.assertNotIn("nobody@b.example", report.as_string())

    def test_what_leads_nowhere_is_refused(self):
        with smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), timeout=60) as client:
            client.ehlo("client.example")
            client.mail(READER)
            self.assertEqual(client.rcpt("dead@a.example")[0], 550)
            self.assertEqual(client.rcpt("one@a.example")[0], 250)


if __name__ == "__main__":
    unittest.main()
