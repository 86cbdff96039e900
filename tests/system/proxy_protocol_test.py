#!/usr/bin/env python3
"""Connections that come over HAProxy with the PROXY protocol, version 1 and 2, to all agents that listen."""
import imaplib
import shutil
import smtplib
import socket
import unittest

from harness import SitesTestCase
from sites.process import Process, wait_until

CLIENT = "70"      # of HAProxy's own address, from which it connects
FRONT = {"mx": 11025, "submission": 11587, "submissions": 11465, "imap": 11143, "lmtp": 11124}
MIXED = 11325      # an IPv6 socket to which IPv4 clients come, as with HAProxy's `v4v6`


def believed(text):
    """A configuration in which listeners on ports believe HAProxy."""
    lines = []
    for line in text.splitlines():
        if line.startswith("listener {") and "unix:" not in line:
            network = line.split('"')[1].rsplit(":", 1)[0].rsplit(".", 1)[0]
            line = line.removesuffix("}") + f'proxy_protocol: "{network}.{CLIENT}" }}'
        lines.append(line)
    return "\n".join(lines) + "\n"


class ProxyProtocol(SitesTestCase):
    options = {"overrides": {"b": {agent: believed for agent in ("msa", "mta", "mda", "imapd")}}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if not program:
            raise RuntimeError("haproxy is not installed; deploy/install-deps test installs it")
        cls.front = cls.pair.network.address(int(CLIENT))
        config = cls.directory / "haproxy.cfg"
        text = "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"
        for service, port in FRONT.items():
            for version, send in ((1, "send-proxy"), (2, "send-proxy-v2")):
                text += (f"listen {service}{version}\n  bind {cls.front}:{port + version}\n"
                         f"  source {cls.front}\n  server b {cls.pair.b.endpoint(service)} {send}\n")
                if service == "mx":
                    text += (f"listen mixed{version}\n  bind ipv6@::ffff:{cls.front}:{MIXED + version}\n"
                             f"  source {cls.front}\n  server b {cls.pair.b.endpoint(service)} {send}\n")
        config.write_text(text)
        cls.proxy = Process("haproxy", [program, "-db", "-f", config], cls.directory / "haproxy.log").start()
        cls.addClassCleanup(cls.proxy.stop)
        cls.proxy.wait_for_endpoints([f"{cls.front}:{port + 1}" for port in FRONT.values()])

    def tls_of_any_name(self):
        """HAProxy is reached by its address, which is not in the certificate behind it."""
        context = self.tls()
        context.check_hostname = False
        return context

    def visitor(self, number):
        """An address of this host that the agents see only if HAProxy's word counts."""
        return self.pair.network.address(number)

    def connect(self, service, version, number):
        return (self.front, FRONT[service] + version), (self.visitor(number), 0)

    def smtp(self, service, version, number):
        (host, port), source = self.connect(service, version, number)
        client = smtplib.SMTP(host, port, local_hostname="client.example", timeout=60, source_address=source)
        self.addCleanup(client.close)
        return client

    def test_mail_by_smtp_with_either_version(self):
        for version, number in ((1, 81), (2, 82)):
            with self.subTest(version):
                client = self.smtp("mx", version, number)
                client.starttls(context=self.tls_of_any_name())
                client.sendmail("x@a.example", self.pair.b.users[0].address, "Subject: x\r\n\r\n")
                event = self.pair.b.processes["mta"].wait_for_event("mta.accepted", helo="client.example", tls="TLSv1.3")
                wait_until(lambda: any(event["peer"].startswith(self.visitor(number) + ":")
                                       for event in self.pair.b.processes["mta"].events()
                                       if event.get("event") == "mta.accepted"), 20, "the client's address")
                self.assertNotIn(self.front, event["peer"])

    def test_submission_with_implicit_tls(self):
        (host, port), source = self.connect("submissions", 2, 83)
        client = smtplib.SMTP_SSL(host, port, timeout=60, source_address=source, context=self.tls_of_any_name())
        self.addCleanup(client.close)
        account = self.pair.b.users[0]
        client.login(account.address, account.password)
        event = self.pair.b.processes["msa"].wait_for_event("msa.login", login=account.address)
        self.assertTrue(event["peer"].startswith(self.visitor(83) + ":"), event)

    def test_imap(self):
        account = self.pair.b.users[0]
        client = imaplib.IMAP4(self.front, FRONT["imap"] + 1, timeout=60)
        client.starttls(self.tls_of_any_name())
        client.login(account.address, account.password)
        event = self.pair.b.processes["imapd"].wait_for_event("imap.login", account=account.address)
        self.assertTrue(event["peer"].startswith("127.0.0.1:"), event)
        client.logout()

    def test_the_limit_of_connections_is_that_of_the_client(self):
        """Fifty for each, however many come over one balancer."""
        clients = [self.smtp("mx", 2, 84 + i % 2) for i in range(80)]
        for client in clients:
            self.assertEqual(client.noop()[0], 250)

    def test_a_client_by_ipv4_of_a_socket_for_both(self):
        for version, number in ((1, 86), (2, 87)):
            client = smtplib.SMTP(self.front, MIXED + version, local_hostname=f"client{version}.example", timeout=60,
                                  source_address=(self.visitor(number), 0))
            self.addCleanup(client.close)
            client.sendmail("x@a.example", self.pair.b.users[0].address, "Subject: x\r\n\r\n")
            event = self.pair.b.processes["mta"].wait_for_event("mta.accepted", helo=f"client{version}.example")
            self.assertTrue(event["peer"].startswith(self.visitor(number) + ":"), event)

    def test_who_is_no_balancer_is_not_believed(self):
        host, port = self.pair.b.address, self.pair.b.port("mx")
        client = smtplib.SMTP(host, port, timeout=60)
        self.addCleanup(client.close)
        self.assertEqual(client.docmd("PROXY", "TCP4 192.0.2.7 192.0.2.1 1 2")[0], 500)

    def test_a_balancer_without_a_header_is_let_go(self):
        with socket.create_connection((self.pair.b.address, self.pair.b.port("mx")), 60, (self.front, 0)) as client:
            client.sendall(b"EHLO client.example\r\n")
            self.assertEqual(client.recv(100), b"")
        event = self.pair.b.processes["mta"].wait_for_event("connection.refused", reason="system error: no PROXY header")
        self.assertTrue(event["peer"].startswith(self.front))


if __name__ == "__main__":
    unittest.main()
