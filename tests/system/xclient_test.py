#!/usr/bin/env python3
"""XCLIENT and XFORWARD as Postfix has them: by hand, by swaks, and from a Postfix that passes mail on."""
import smtplib
import subprocess
import unittest

from harness import SitesTestCase
from postfix import Postfix, why_not

PROXY = "71"  # of the host that may say both


def forwarders(text):
    network = next(line.split('"')[1].rsplit(":", 1)[0].rsplit(".", 1)[0] for line in text.splitlines()
                   if line.startswith("listener {") and "unix:" not in line)
    return text + f'xclient: "{network}.{PROXY}"\nxforward: "{network}.{PROXY}"\n'


class Xclient(SitesTestCase):
    options = {"overrides": {"b": {
        "msa": forwarders,
        # A network in which nobody is: only XCLIENT can bring a client from there.
        "mta": lambda text: forwarders(text) + 'trusted: "192.0.2.0/24"\n',
    }}}

    def client(self, service="mx", number=PROXY):
        host = self.pair.network.address(int(number))
        client = smtplib.SMTP(self.pair.b.address, self.pair.b.port(service), local_hostname="proxy.example", timeout=60,
                              source_address=(host, 0))
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def accepted(self, start, **fields):
        return self.pair.b.processes["mta"].wait_for_event("mta.accepted", start=start, **fields)

    def log_end(self):
        return self.pair.b.processes["mta"].log.stat().st_size

    def test_offered_to_those_that_are_named(self):
        client = self.client()
        self.assertEqual(client.esmtp_features["xclient"], "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT")
        self.assertEqual(client.esmtp_features["xforward"], "NAME ADDR PORT PROTO HELO IDENT SOURCE")
        other = self.client(number="72")
        self.assertFalse(other.has_extn("xclient") or other.has_extn("xforward"))
        self.assertEqual(other.docmd("XCLIENT", "ADDR=192.0.2.7")[0], 550)
        self.assertEqual(other.docmd("XFORWARD", "ADDR=192.0.2.7")[0], 550)

    def test_an_operator_sees_and_ends_the_clients_session(self):
        account = self.pair.b.users[1]
        client = self.client("submission")
        self.assertEqual(client.docmd("XCLIENT", f"LOGIN={account.address} ADDR=192.0.2.7 PORT=4000")[0], 220)
        listed = self.quartetctl(self.pair.b, "msa", "session", "list")
        self.assertIn(("192.0.2.7:4000", account.address), [(each["peer"], each.get("login")) for each in listed])
        self.run_program(self.pair.binaries / "quartetctl", "--target", self.pair.b.endpoint("msa_control"), "session", "kick",
                         "--login", account.address)
        self.assertEqual(client.getreply()[0], 421)

    def test_the_session_is_the_clients(self):
        client = self.client()
        self.assertFalse(client.has_extn("xtrace"))
        self.assertEqual(client.docmd("MAIL", "FROM:<x@a.example>")[0], 250)
        self.assertEqual(client.docmd("RCPT", "TO:<x@elsewhere.example>")[0], 550)
        client.rset()
        self.assertEqual(client.docmd("XCLIENT", "ADDR=192.0.2.7 PORT=4000 HELO=client.example")[0], 220)
        client.ehlo()
        self.assertTrue(client.has_extn("xtrace"))  # 192.0.2.7 is trusted
        start = self.log_end()
        client.sendmail("x@a.example", self.pair.b.users[0].address, "Subject: x\r\n\r\n")
        event = self.accepted(start, peer="192.0.2.7:4000")
        self.assertEqual(event["helo"], "client.example")
        self.assertEqual(client.docmd("XCLIENT", "ADDR=198.51.100.7")[0], 550)  # the client may have said it
        client = self.client()
        self.assertEqual(client.docmd("XCLIENT", "ADDR=198.51.100.7")[0], 220)
        client.ehlo()
        self.assertFalse(client.has_extn("xtrace"))
        self.assertEqual(client.docmd("MAIL", "FROM:<x@a.example>")[0], 250)
        self.assertEqual(client.docmd("RCPT", "TO:<x@elsewhere.example>")[0], 550)

    def test_a_login_without_a_password(self):
        account = self.pair.b.users[0]
        client = self.client("submission")
        client.starttls(context=self.tls())
        client.ehlo()
        self.assertEqual(client.docmd("MAIL", f"FROM:<{account.address}>")[0], 530)
        self.assertEqual(client.docmd("XCLIENT", f"LOGIN={account.address} ADDR=192.0.2.7")[0], 220)
        client.ehlo()
        self.assertEqual(client.docmd("MAIL", f"FROM:<{self.pair.b.users[1].address}>")[0], 550)
        self.assertEqual(client.docmd("MAIL", f"FROM:<{account.address}>")[0], 250)
        client.rset()
        self.assertEqual(client.docmd("XCLIENT", f"LOGIN={self.pair.b.users[1].address}")[0], 550)

    def test_a_proxy_has_more_connections_than_a_client_may_have(self):
        for service in ("submission", "mx"):
            clients = [self.client(service) for _ in range(60)]
            self.assertEqual({client.noop()[0] for client in clients}, {250})
            for client in clients:
                client.close()

    def test_by_swaks(self):
        start = self.log_end()
        done = subprocess.run(["swaks", "--server", self.pair.b.address, "--port", str(self.pair.b.port("mx")),
                               "--local-interface", self.pair.network.address(int(PROXY)), "--helo", "proxy.example",
                               "--xclient", "ADDR=198.51.100.9 NAME=host.example HELO=swaks.example PROTO=ESMTP",
                               "--from", "x@a.example", "--to", self.pair.b.users[0].address], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.accepted(start, helo="swaks.example")["peer"].rsplit(":", 1)[0], "198.51.100.9")

    def test_xforward_is_for_the_log_and_one_message(self):
        client = self.client()
        start = self.log_end()
        self.assertEqual(client.docmd("XFORWARD", "NAME=host.example ADDR=192.0.2.8 PORT=4001")[0], 250)
        self.assertEqual(client.docmd("XFORWARD", "HELO=host.example IDENT=4BX SOURCE=REMOTE")[0], 250)
        recipient = self.pair.b.users[0].address
        client.sendmail("x@a.example", recipient, "Subject: x\r\n\r\n")
        event = self.accepted(start, client="192.0.2.8:4001")
        self.assertTrue(event["peer"].startswith(self.pair.network.address(int(PROXY)) + ":"), event)
        self.assertEqual(client.docmd("MAIL", "FROM:<x@a.example>")[0], 250)
        self.assertEqual(client.docmd("RCPT", "TO:<x@elsewhere.example>")[0], 550)  # it gives no rights
        client.rset()
        start = self.log_end()
        client.sendmail("x@a.example", recipient, "Subject: y\r\n\r\n")
        event = self.accepted(start)
        self.assertEqual(event["client"], event["peer"])

    def test_a_postfix_that_passes_mail_on(self):
        if reason := why_not():
            self.skipTest(reason)
        b = self.pair.b
        self.directory.chmod(0o711)  # Postfix's processes pass it as the user postfix
        listen = f"{self.pair.network.address(int(PROXY))}:{b.port('mx')}"
        postfix = Postfix(self.directory / "c", listen, {
            "myhostname": "mx.c.example", "smtp_send_xforward_command": "yes",
            "transport_maps": f"inline:{{ b.example=smtp:[{b.address}]:{b.port('mx')} }}"})
        self.addCleanup(postfix.stop)
        postfix.start()
        start = self.log_end()
        host, _, port = listen.rpartition(":")
        client = smtplib.SMTP(host, int(port), local_hostname="first.example", timeout=60,
                              source_address=(self.pair.network.address(75), 0))
        self.addCleanup(client.close)
        client.sendmail("x@a.example", b.users[0].address, "Subject: x\r\n\r\n")
        event = self.accepted(start, helo="mx.c.example")
        self.assertTrue(event["client"].startswith(self.pair.network.address(75) + ":"), event)
        self.assertTrue(event["peer"].startswith(host + ":"), event)


if __name__ == "__main__":
    unittest.main()
