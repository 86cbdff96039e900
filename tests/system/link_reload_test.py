#!/usr/bin/env python3
"""Links, the listeners of ODMR and upstreams are changed by a reload, while sessions go on."""
import signal
import smtplib
import unittest

from harness import SitesTestCase, network_of
from sites import letter
from sites.process import wait_until
from turned import Turned

PORT = 10366
PASSWORD = "the-island's own"


def odmr(network, port, more=""):
    return f'odmr {{ address: "{network}.1:{port}" {more} }}\n'


def link(name, more):
    return f'link {{ name: "{name}" domain: "{name}.example" {more} }}\n'


ISLAND = link("island", f'mode: ATRN login: "island" password: "{PASSWORD}" stay_seconds: 300')
REEF = link("reef", f'mode: ATRN login: "island" password: "{PASSWORD}"')
SITE = f'link {{ name: "site" domain: "b.example" mode: ATRN login: "b" password: "{PASSWORD}" stay_seconds: 300 }}\n'


def provider(text):
    network = network_of(text)
    return text + "# links\n" + odmr(network, PORT) + ISLAND + SITE + link(
        "ferry", f'on_request: true allowed: "127.0.0.0/8" next_hop {{ host: "{network}.2:10025" }}')


class LinkReload(SitesTestCase):
    options = {"shared_spool": True, "overrides": {"a": {"mta": provider}}}

    def setUp(self):
        self.network = self.pair.network.prefix
        self.before = {site: site.config_file("mta").read_text() for site in (self.pair.a, self.pair.b)}

    def tearDown(self):
        for site, text in self.before.items():
            self.reload(site, text)

    def reload(self, site, text, event="reload.done"):
        """What was logged meanwhile."""
        process = site.processes["mta"]
        size = process.log.stat().st_size
        site.config_file("mta").write_text(text)
        process.signal(signal.SIGHUP)
        process.wait_for_event(event, start=size)
        said = list(process.events(size))
        self.assertEqual([one for one in said if one["event"] == "reload.ignored"], [])
        return said

    def links(self, *parts):
        """a's configuration with these in place of its links."""
        return self.before[self.pair.a].partition("# links\n")[0] + "# links\n" + "".join(parts)

    def client(self, port=PORT, implicit=False):
        host, name = self.pair.a.address, "island.example"
        if implicit:
            client = smtplib.SMTP_SSL(host, port, local_hostname=name, timeout=60, context=self.tls())
        else:
            client = smtplib.SMTP(host, port, local_hostname=name, timeout=60)
            client.starttls(context=self.tls())
        self.addCleanup(client.close)
        client.ehlo()
        client.login("island", PASSWORD)
        return client

    def letter_to(self, recipient):
        account = self.pair.a.users[0]
        return self.send(self.pair.a, account, recipient, letter.write(account.address, recipient))

    def listed(self):
        return {each["name"]: each for each in self.quartetctl(self.pair.a, "mta", "link", "list")}

    def waits(self, name, count):
        wait_until(lambda: int(self.listed()[name].get("pending", 0)) == count, 30, f"{count} recipients for {name}")

    def upstream(self, **state):
        """The one upstream of b, as soon as it is like this."""
        def look():
            found = self.quartetctl(self.pair.b, "mta", "upstream", "list")
            return found and all(found[0].get(key) == value for key, value in state.items()) and found[0]
        return wait_until(look, 30, f"an upstream with {state}")

    def test_links_and_listeners(self):
        a = self.pair.a
        session = smtplib.SMTP(a.address, a.port("mx"), timeout=60)
        self.addCleanup(session.close)
        session.ehlo()
        client = self.client()
        self.assertEqual(client.docmd("ATRN")[0], 250)
        site = Turned(client)
        site.serve(until=lambda mails, command: command.startswith("EHLO"))
        wait_until(lambda: self.listed()["island"].get("attached"), 10, "attached")

        def mail_comes():
            sent = self.letter_to("x@island.example")
            site.serve(until=lambda mails, command: mails)
            self.assert_intact(sent, site.mails.pop()[1])

        mail_comes()
        other = odmr(self.network, PORT + 1, "implicit_tls: true")
        self.reload(a, self.links(odmr(self.network, PORT), other, ISLAND, REEF))
        self.assertEqual(set(self.listed()), {"island", "reef"})
        self.assertEqual(self.client(PORT + 1, implicit=True).docmd("ATRN", "reef.example")[0], 453)
        mail_comes()
        # The first listener goes, its session does not.
        self.reload(a, self.links(other, ISLAND, REEF))
        with self.assertRaises(ConnectionRefusedError):
            self.client()
        mail_comes()
        # It comes back in the other way.
        self.reload(a, self.links(odmr(self.network, PORT, "implicit_tls: true"), ISLAND, REEF))
        self.assertEqual(self.client(implicit=True).docmd("ATRN", "reef.example")[0], 453)
        mail_comes()
        # An address that is not there: nothing changes.
        said = self.reload(a, self.links(odmr("192.0.2", PORT), REEF), event="reload.refused")
        self.assertIn("cannot listen on 192.0.2.1:10366", str(said))
        mail_comes()
        # Without its link nothing can come over the connection.
        self.reload(a, self.links(odmr(self.network, PORT), REEF))
        self.assertTrue(site.serve())
        self.assertEqual(session.noop()[0], 250)

    def test_what_waited_for_a_request_goes(self):
        """b.example takes no mail for the domain: what counts is that it is sent there."""
        a = self.pair.a
        self.letter_to("x@ferry.example")
        self.waits("ferry", 1)
        before = self.before[a]
        with smtplib.SMTP(a.address, a.port("mx"), timeout=60) as client:
            client.ehlo()
            self.assertEqual(client.docmd("ETRN", "reef.example")[0], 459)
            self.reload(a, before + link("reef", 'on_request: true allowed: "127.0.0.0/8"'))
            self.assertEqual(client.docmd("ETRN", "reef.example")[0], 251)
            self.reload(a, before.replace('"ferry.example" on_request: true', '"ferry.example"'))
            self.waits("ferry", 0)
            self.assertEqual(client.docmd("ETRN", "ferry.example")[0], 251)

    def test_upstreams(self):
        a, b = self.pair.a, self.pair.b
        without = self.before[b]

        def isp(more):
            return (without + f'upstream {{ name: "isp" host: "{self.network}.1:{PORT}" domain: "b.example" login: "b" '
                    f'password: "{PASSWORD}" tls: ENCRYPT {more} }}\n')

        def mail_comes():
            sent = self.letter_to(b.users[0].address)
            self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))

        self.assertEqual(self.quartetctl(b, "mta", "upstream", "list"), [])
        self.reload(b, isp(""))
        self.upstream(state="receiving")
        mail_comes()
        # Others take its place when this request has ended, and not before.
        self.reload(b, isp("every_seconds: 3600"))
        self.upstream(state="idle")
        mail_comes()
        turned = [one["id"] for one in self.quartetctl(a, "mta", "session", "list") if one["protocol"] == "odmr"]
        self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "session", "kick",
                         *turned)
        self.upstream(state="receiving")
        mail_comes()
        self.reload(b, without)
        self.assertEqual(self.quartetctl(b, "mta", "upstream", "list"), [])
        mail_comes()


if __name__ == "__main__":
    unittest.main()
