#!/usr/bin/env python3
"""Who is connected to the agents, as quartetctl shows it, and sessions that it ends."""
import smtplib
import socket
import subprocess
import unittest

from harness import SitesTestCase
from sites.process import wait_until


class Sessions(SitesTestCase):
    options = {"shared_spool": False}

    def sessions(self, agent, *words):
        return self.quartetctl(self.pair.a, agent, "session", "list", *words)

    def kick(self, agent, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target",
                               self.pair.a.endpoint(f"{agent}_control"), "session", "kick", *words],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_a_submission_is_listed_and_ended(self):
        a = self.pair.a
        client = self.submission(a, a.users[0])
        one = self.sessions("msa", "--login", a.users[0].address)[0]
        self.assertEqual((one["protocol"], one["hello"], one["last_command"], one["messages"]),
                         ("smtp", "client.example", "AUTH", 0))
        self.assertTrue(one["tls"].startswith("TLSv1.3 "), one)
        self.assertEqual(one["peer"].rsplit(":", 1)[1], str(client.sock.getsockname()[1]))
        client.sendmail(a.users[0].address, [a.users[1].address], "Subject: x\r\n\r\ntext\r\n")
        # In the middle of a transaction: nothing was taken, so nothing is lost.
        client.mail(a.users[0].address)
        self.assertEqual(self.sessions("msa", str(one["id"]))[0]["messages"], 1)
        self.assertIn("1 sessions would end", self.kick("msa", str(one["id"]), "--dry-run"))
        self.assertIn("1 sessions end", self.kick("msa", "--login", a.users[0].address, "--reason", "a test"))
        code, text = client.getreply()
        self.assertEqual((code, text.split()[0]), (421, b"4.3.2"))
        with self.assertRaises((smtplib.SMTPServerDisconnected, OSError)):
            client.noop()
        wait_until(lambda: not self.sessions("msa", str(one["id"])), 20, "the session to be gone")
        log = a.processes["msa"].log.read_text()
        self.assertRegex(log, r'"verb":"kick".*"reason":"a test".*"changed":1')
        self.kick("msa", str(one["id"]), code=1)

    def test_sessions_of_a_client(self):
        a = self.pair.a
        clients = [smtplib.SMTP(a.address, a.port("mx"), timeout=60) for _ in range(3)]
        for client in clients:
            self.addCleanup(client.close)
        address = clients[0].sock.getsockname()[0]
        wait_until(lambda: len(self.sessions("mta", "--client", address)) == 3, 20, "three sessions")
        self.assertEqual(self.sessions("mta", "--client", "192.0.2.1"), [])
        self.assertIn("3 sessions end", self.kick("mta", "--client", address))
        for client in clients:
            self.assertEqual(client.getreply()[0], 421)
        self.kick("mta", code=2)
        self.kick("mta", "first", code=2)

    def test_imap_idle_ends_with_bye(self):
        a = self.pair.a
        reader = self.reader(a, a.users[0])
        one = self.sessions("imapd", "--login", a.users[0].address)[0]
        self.assertEqual((one["protocol"], one["last_command"]), ("imap", "SELECT"))
        reader.send(b"x IDLE\r\n")
        self.assertTrue(reader.readline().startswith(b"+"))
        self.kick("imapd", str(one["id"]))
        self.assertEqual(reader.readline(), b"* BYE The operator ends this session\r\n")

    def test_lmtp(self):
        a = self.pair.a
        endpoint = a.endpoint("lmtp")
        if endpoint.startswith("unix:"):
            client = socket.socket(socket.AF_UNIX)
            client.connect(endpoint[len("unix:"):])
        else:
            client = socket.create_connection(endpoint.rsplit(":", 1))
        with client, client.makefile("rb") as replies:
            client.settimeout(60)
            self.assertTrue(replies.readline().startswith(b"220 "))
            ids = [one["id"] for one in self.sessions("mda") if one["protocol"] == "lmtp"]
            self.kick("mda", *map(str, ids))
            self.assertTrue(replies.readline().startswith(b"421 4.3.2 "))

    def test_an_agent_is_drained(self):
        a = self.pair.a
        agent = a.processes["imapd"]
        reader = self.reader(a, a.users[0])
        reader.idle()
        ctl = [self.pair.binaries / "quartetctl", "--target", a.endpoint("imapd_control"), "node", "drain", "--reason"]
        refused = subprocess.run([*ctl, "x" * 1001], capture_output=True, text=True, timeout=60)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        done = subprocess.run([*ctl, "a test"], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "draining; 1 sessions are to end, then the agent does\n"), done.stderr)
        self.assertIn(b"BYE", reader.wait_for(rb"BYE"))
        wait_until(lambda: not agent.is_running(), 60, "the end of the imapd")
        self.assertEqual(agent.stop(), 0)
        self.assertRegex(agent.log.read_text(), r'"verb":"drain".*"reason":"a test"')
        a.start_agent("imapd", self.pair.binaries)
        self.reader(a, a.users[0])


if __name__ == "__main__":
    unittest.main()
