#!/usr/bin/env python3
"""Recipients verified at their next hop while the client waits for the answer to RCPT: behind the mta are another
mta, an mda (LMTP) and a Postfix, and nothing is accepted that these would refuse.
"""
import email.message
import re
import smtplib
import unittest
import urllib.request

from harness import SitesTestCase, as_bytes
from postfix import Postfix, why_not
from sites import letter


def backup(text):
    """mta@a relays for b.example."""
    return {"a": {"mta": f'relay_domain: "b.example"\n{text}\n'}}


class AtTheNextHop(SitesTestCase):
    options = {"shared_spool": False, "overrides": backup("verify_recipients {}")}

    def client(self):
        host = self.pair.a.address
        client = smtplib.SMTP(host, self.pair.a.port("mx"), local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("someone@elsewhere.example")
        return client

    def metric(self, site, name):
        with urllib.request.urlopen(f"http://{site.endpoint('mta_metrics')}/metrics", timeout=20) as page:
            lines = page.read().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def test_only_users_of_the_next_hop_are_accepted(self):
        b = self.pair.b
        code, text = self.client().rcpt("nobody@b.example")
        self.assertEqual((code, text.split()[0]), (550, b"5.1.1"))
        sent = letter.write("someone@elsewhere.example", b.users[0].address)
        client = self.client()
        self.assertEqual(client.rcpt(b.users[0].address)[0], 250)
        self.assertEqual(client.data(as_bytes(sent))[0], 250)
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

    def test_an_answer_is_remembered(self):
        name = 'quartet_verifications_total{result="refused"}'
        self.assertEqual(self.client().rcpt("once@b.example")[0], 550)
        before = self.metric(self.pair.a, name)
        for _ in range(5):
            self.assertEqual(self.client().rcpt("once@b.example")[0], 550)
        self.assertEqual(self.metric(self.pair.a, name), before)

    def test_who_does_not_ask_for_it_is_not_verified(self):
        """The own domain is decided by the directory."""
        self.assertEqual(self.client().rcpt("nobody@a.example")[0], 550)
        self.assertEqual(self.client().rcpt(self.pair.a.users[0].address)[0], 250)


class AtTheMda(AtTheNextHop):
    """By LMTP: the mda of b has a port."""
    options = {"shared_spool": False}

    @classmethod
    def setUpClass(cls):
        cls.options = {**cls.options, "overrides": {"a": {"mta": cls.configuration}}}
        super().setUpClass()

    @classmethod
    def configuration(cls, text):
        address = re.search(r'address: "([0-9.]+)\.1:', text)[1]
        return text + ('relay_domain: "b.example"\nverify_recipients {}\n'
                       f'transport {{ match: "b.example" next_hop {{ protocol: LMTP host: "{address}.2:10024" }} }}\n')


NOBODY_THERE = 'transport { match: "b.example" next_hop { host: "127.0.0.1:9" } }\n'


class WhileTheNextHopIsDown(SitesTestCase):
    options = {"shared_spool": False, "overrides": backup(NOBODY_THERE + "verify_recipients {}")}
    expected = (450, b"4.4.1")

    def test_the_setting_decides(self):
        client = smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("someone@elsewhere.example")
        code, text = client.rcpt("reader@b.example")
        self.assertEqual((code, text.split()[0]), self.expected)


class AcceptedWhileTheNextHopIsDown(WhileTheNextHopIsDown):
    options = {"shared_spool": False,
               "overrides": backup(NOBODY_THERE + "verify_recipients { when_unknown: ACCEPT }")}
    expected = (250, b"2.1.5")


class BehindIsPostfix(SitesTestCase):
    options = {"shared_spool": False, "zones": {"c.example": "@ MX 10 mx\nmx A NET.9"},
               "overrides": {"a": {"mta": 'relay_domain: "c.example"\nverify_recipients { domain: "c.example" }\n'}}}

    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        super().setUpClass()
        cls.directory.chmod(0o711)  # Postfix's processes pass it as the user postfix
        cls.postfix = Postfix(cls.directory / "c", f"{cls.pair.network.address(9)}:{cls.pair.b.port('mx')}", {
            "myhostname": "mx.c.example", "virtual_alias_domains": "",
            "relay_domains": "c.example", "relay_transport": "discard:", "smtpd_relay_restrictions":
            "reject_unauth_destination", "relay_recipient_maps": "inline:{ reader@c.example=OK }",
        })
        cls.addClassCleanup(cls.postfix.stop)
        cls.postfix.start()

    def test_the_users_of_postfix(self):
        a = self.pair.a
        message = email.message.EmailMessage()
        message["Subject"] = "verified"
        message.set_content("text")
        with smtplib.SMTP(a.address, a.port("mx"), local_hostname="client.example", timeout=60) as client:
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
                client.sendmail("x@elsewhere.example", ["nobody@c.example"], as_bytes(message))
            code, text = refused.exception.recipients["nobody@c.example"]
            self.assertEqual((code, text.split()[0]), (550, b"5.1.1"), text)
            self.assertIn(b"mx.c.example", text)
            self.assertEqual(client.sendmail("x@elsewhere.example", ["reader@c.example"], as_bytes(message)), {})
        self.postfix.wait_for_log("to=<reader@c.example>")


if __name__ == "__main__":
    unittest.main()
