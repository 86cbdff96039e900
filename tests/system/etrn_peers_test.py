#!/usr/bin/env python3
"""ETRN (RFC 1985) between Quartet, Postfix and Exim. a.example keeps mail for sites that are a Postfix and an Exim; for
b.example a Postfix and an Exim keep mail that its mta asks for.
"""
import json
import shutil
import smtplib
import subprocess
import unittest

import exim
import postfix
from harness import SitesTestCase, as_bytes, network_of
from sites import letter
from sites.process import wait_until

POSTFIX, EXIM = 9, 10  # in our network


def provider(text):
    """a's mta: mail for c.example and e.example waits for its site."""
    network = network_of(text)
    return text + f"""
link {{ name: "postfix" domain: "c.example" on_request: true allowed: "127.0.0.0/8"
       next_hop {{ host: "{network}.{POSTFIX}:10025" }} }}
link {{ name: "exim" domain: "e.example" on_request: true allowed: "127.0.0.0/8"
       next_hop {{ host: "{network}.{EXIM}:10025" }} }}
"""


def customer(text):
    """b's mta: asks either for its mail."""
    network = network_of(text)
    upstream = 'upstream {{ name: "{}" host: "{}.{}:10025" method: ETRN domain: "b.example" not_at_start: true {} }}\n'
    return (text + upstream.format("postfix", network, POSTFIX, "") +
            upstream.format("exim", network, EXIM, 'etrn_node: "#b.example"') +
            upstream.format("exim-domain", network, EXIM, "") +
            upstream.format("outbound", network, POSTFIX, "on_outbound_connect: true") +
            f'transport {{ match: "c.example" next_hop {{ host: "{network}.{POSTFIX}:10025" }} }}\n')


class EtrnPeers(SitesTestCase):
    options = {"shared_spool": True, "overrides": {"a": {"mta": provider}, "b": {"mta": customer}}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory.chmod(0o711)  # their processes pass it as other users

    def own(self, name):
        """A directory that no other test uses: what one left in a queue is not there for the next."""
        return self.directory / self._testMethodName / name

    def start_postfix(self):
        if reason := postfix.why_not():
            self.skipTest(reason)
        directory = self.own("postfix")
        mail = directory / "mail"
        mail.mkdir(parents=True, exist_ok=True)
        shutil.chown(mail, "postfix", "postfix")
        b = self.pair.b
        server = postfix.Postfix(directory, f"{self.pair.network.address(POSTFIX)}:{b.port('mx')}", {
            "myhostname": "mx.c.example",
            "virtual_mailbox_domains": "c.example", "virtual_mailbox_base": mail,
            "virtual_mailbox_maps": "inline:{ reader@c.example=reader/ }",
            "virtual_uid_maps": f"static:{mail.stat().st_uid}", "virtual_gid_maps": f"static:{mail.stat().st_gid}",
            # As ETRN_README has it for sites that are seldom there: nothing goes to them before they ask.
            "relay_domains": "b.example", "fast_flush_domains": "b.example", "defer_transports": "relay",
            "transport_maps": f"inline:{{ b.example=relay:[{b.address}]:{b.port('mx')} }}",
        })
        self.addCleanup(server.stop)
        return server.start(), mail / "reader"

    def start_exim(self):
        if reason := exim.why_not():
            self.skipTest(reason)
        b = self.pair.b
        server = exim.Exim(self.own("exim"), f"{self.pair.network.address(EXIM)}:{b.port('mx')}", "mx.e.example",
                           "e.example", {"b.example": b.address}, queue_only=True)
        self.addCleanup(server.stop)
        self.addCleanup(lambda: self._outcome.success or print(f"--- Exim\n{server.read_log()}"))
        return server.start()

    def give(self, server, sender, kept):
        """A letter for b.example that `server` keeps; `kept` tells how many it would send if it were asked."""
        host, _, port = server.listen.rpartition(":")
        sent = letter.write(sender, self.pair.b.users[0].address)
        with smtplib.SMTP(host, int(port), local_hostname="client.example", timeout=60) as client:
            client.sendmail(sender, [self.pair.b.users[0].address], as_bytes(sent))
        wait_until(lambda: kept() == 1, 30, "the letter in its queue")
        return sent

    def trigger(self, name, code=0):
        """The last thing that is heard of it."""
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.b.endpoint("mta_control"),
                               "--json", "upstream", "trigger", name], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout.splitlines()[-1])["upstream"]

    def has_come(self, sent):
        b = self.pair.b
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

    @staticmethod
    def wait_for_file(mail, sent):
        """The letter in a Maildir of Postfix, as bytes with CRLF."""
        def find():
            found = (path.read_bytes() for path in mail.glob("new/*"))
            return next((one for one in found if sent["Message-ID"].encode() in one), None)
        return wait_until(find, 60, "the letter in Postfix's mailbox").replace(b"\n", b"\r\n")

    def etrn(self, node):
        with smtplib.SMTP(self.pair.a.address, self.pair.a.port("mx"), timeout=60) as client:
            client.ehlo("mx.c.example")
            return client.docmd("ETRN", node)[0]

    def letter_waits(self, link, recipient):
        a = self.pair.a
        sent = self.send(a, a.users[0], recipient)

        def waits():
            links = self.quartetctl(a, "mta", "link", "list")
            return next(int(each.get("pending", 0)) for each in links if each["name"] == link) == 1
        wait_until(waits, 30, f"a letter for {link}")
        return sent

    def test_postfix_is_asked(self):
        server, _ = self.start_postfix()
        sent = self.give(server, "reader@c.example", server.deferred)
        done = self.trigger("postfix")
        # It says the same whether there is mail or not, and is not asked for ever.
        self.assertEqual((done["method"], done["code"], done["state"]), ("ETRN", 250, "idle"))
        self.has_come(sent)

    def test_exim_is_asked(self):
        server = self.start_exim()
        sent = self.give(server, "reader@e.example", server.queued)
        done = self.trigger("exim")
        self.assertEqual((done["method"], done["code"], done["state"]), ("ETRN", 250, "idle"))
        self.has_come(sent)
        wait_until(lambda: server.queued() == 0, 30, "its queue empty")
        # By a domain's name it does not know the command, and is left alone.
        done = self.trigger("exim-domain", code=1)
        self.assertEqual((done["code"], done["state"]), (501, "stopped"))

    def test_postfix_is_the_site(self):
        sent = self.letter_waits("postfix", "reader@c.example")
        self.assertEqual(self.etrn("c.example"), 253)  # it is not there yet
        _, mail = self.start_postfix()
        self.assertIn(self.etrn("c.example"), (250, 253))

        self.assert_intact(sent, self.wait_for_file(mail, sent))

    def test_exim_is_the_site(self):
        server = self.start_exim()
        server.stop()
        server.queue_only = False
        sent = self.letter_waits("exim", "reader@e.example")
        self.assertEqual(self.etrn("#exim"), 253)  # it is not there yet
        server.start()
        self.assertIn(self.etrn("e.example"), (250, 253))
        self.assert_intact(sent, server.wait_for_mail(sent["Message-ID"]))

    def test_asked_when_mail_goes_out_to_it(self):
        server, mail = self.start_postfix()
        sent = self.give(server, "reader@c.example", server.deferred)
        b = self.pair.b
        going = self.send(b, b.users[0], "reader@c.example")
        self.has_come(sent)
        self.wait_for_file(mail, going)
        wait_until(lambda: self.quartetctl(b, "mta", "upstream", "list")[3].get("method") == "ETRN", 60, "its end")


if __name__ == "__main__":
    unittest.main()
