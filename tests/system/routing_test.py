#!/usr/bin/env python3
"""Where the mta sends by DNS, and what it tells the sender when there is no way (RFC 5321 section 5.1, RFC 3464)."""
import email
import email.policy
import re
import unittest

from harness import SitesTestCase
from sites import letter
from sites.process import wait_until


class Routing(SitesTestCase):
    options = {"shared_spool": False, "zones": {
        "b.example": "@ MX 5 dead\ndead A NET.99",  # the better host: nobody listens there
        "null.example": "@ MX 0 .",
        "ours.example": "@ MX 10 mx.a.example.",
        "empty.example": "@ TXT \"no address\"",
    }}

    def bounce_of(self, recipient):
        """The delivery status of a message to `recipient`, from the notification that its sender gets."""
        sender = self.pair.a.users[0]
        sent = self.send(self.pair.a, sender, recipient, letter.write(sender.address, recipient, "to bounce"))

        def find():
            for content in self.fetch_all(self.pair.a, sender):
                message = email.message_from_bytes(content, policy=email.policy.default)
                if message.get_content_type() == "multipart/report" and sent["Message-ID"] in content.decode():
                    return message
            return None

        report = wait_until(find, 60, f"the bounce of {sent['Message-ID']}")
        self.assertEqual(report["Return-Path"], "<>")
        self.assertEqual(report["To"], sender.address)
        status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
        fields = [block for block in status.get_payload() if block["Final-Recipient"]]
        self.assertEqual(len(fields), 1)
        self.assertEqual(fields[0]["Final-Recipient"].replace(" ", "").lower(), f"rfc822;{recipient}")
        self.assertEqual(fields[0]["Action"], "failed")
        return fields[0]["Status"]

    def test_the_next_host_when_the_best_is_down(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        self.assert_intact(sent, self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"]))

    def test_no_such_domain(self):
        self.assertEqual(self.bounce_of("x@nowhere.example"), "5.1.2")

    def test_null_mx(self):
        self.assertEqual(self.bounce_of("x@null.example"), "5.1.10")  # RFC 7505 section 4.2

    def test_we_are_the_best_host_of_a_domain_that_is_not_ours(self):
        self.assertEqual(self.bounce_of("x@ours.example"), "5.4.6")

    def test_no_address(self):
        self.assertRegex(self.bounce_of("x@empty.example"), r"^5\.(1\.2|4\.4)$")

    def test_unknown_user_at_the_other_site(self):
        self.assertEqual(self.bounce_of("nobody@b.example"), "5.1.1")


class BySender(SitesTestCase):
    """Mail of one user takes another way: to b, which does not relay for us, and so says who it is."""
    options = {"shared_spool": False}

    @classmethod
    def setUpClass(cls):
        cls.options = {**cls.options, "overrides": {"a": {"mta": cls.configuration}}}
        super().setUpClass()

    @staticmethod
    def configuration(text):
        b = re.search(r'listener { address: "([0-9.]+)\.1:', text)[1] + ".2:10025"
        return text + f'sender_route {{ sender: "other@a.example" next_hop {{ host: "{b}" }} }}\n'

    def status_for(self, sender):
        recipient = "x@nowhere.example"
        sent = self.send(self.pair.a, sender, recipient, letter.write(sender.address, recipient, "to bounce"))
        found = wait_until(lambda: next((content for content in self.fetch_all(self.pair.a, sender)
                                         if sent["Message-ID"].encode() in content), None), 60, "the bounce")
        return re.search(rb"(?m)^Status: ([0-9.]+)", found)[1].decode()

    def test_the_sender_decides(self):
        self.assertEqual(self.status_for(self.pair.a.users[0]), "5.1.2")
        self.assertEqual(self.status_for(self.pair.a.users[1]), "5.7.1")


class WhileAHostIsDown(SitesTestCase):
    """Mail waits in the queue and goes when the host is back; a message accepted is not lost by any restart."""
    options = {"shared_spool": False}

    def test_wait_and_retry(self):
        a, b = self.pair.a, self.pair.b
        b.processes["mta"].stop()
        sent = self.send(a, a.users[0], b.users[0].address)
        a.processes["mta"].wait_for_event("relay.deferred")
        a.processes["mta"].kill()
        a.start_agent("mta", self.pair.binaries)
        b.start_agent("mta", self.pair.binaries)
        self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "queue", "retry",
                         "--all")
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

    def test_the_mailbox_server_is_down(self):
        a, b = self.pair.a, self.pair.b
        b.processes["mda"].stop()
        sent = self.send(a, a.users[0], b.users[1].address)
        b.processes["mta"].wait_for_event("relay.deferred")
        b.start_agent("mda", self.pair.binaries)
        self.run_program(self.pair.binaries / "quartetctl", "--target", b.endpoint("mta_control"), "queue", "retry",
                         "--all")
        self.assert_intact(sent, self.wait_for_message(b, b.users[1], sent["Message-ID"]))


if __name__ == "__main__":
    unittest.main()
