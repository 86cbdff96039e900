#!/usr/bin/env python3
"""What operators do with a daemon: check its configuration, reload it, watch its health, end it."""
import imaplib
import json
import os
import pathlib
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import unittest
import unittest.mock
import urllib.error
import urllib.request

import harness
from harness import SitesTestCase
from sites import config, loopback
from sites.certificates import Authority
from sites.process import socket_address, wait_until
from sites.reader import Reader
from sites.site import Account, Site

AGENTS = ("msa", "mta", "mda", "imapd")


class WithoutServing(unittest.TestCase):
    def program(self, *words):
        return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=30)

    def test_help_and_version(self):
        for agent in (*AGENTS, "quartetctl"):
            shown = self.program(harness.BIN / agent, "--help")
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn("--version", shown.stdout)
            version = self.program(harness.BIN / agent, "--version")
            self.assertEqual(version.returncode, 0)
            self.assertRegex(version.stdout, r"^" + agent + r" .*\d+\.\d+\.\d+")

    def test_unknown_option(self):
        for agent in (*AGENTS, "quartetctl"):
            self.assertEqual(self.program(harness.BIN / agent, "--no-such-option").returncode, 2)

    def test_every_fault_at_its_place(self):
        with tempfile.TemporaryDirectory() as directory:
            included = pathlib.Path(directory, "limits.txtpb")
            included.write_text("limits {\n  hops: many\n}\n")
            path = pathlib.Path(directory, "mta.txtpb")
            path.write_text('agent { hostname: "mx.a.example" }\nlistener { address: "nowhere" }\nspol: "x"\n'
                            'include: "limits.txtpb"\n')
            checked = self.program(harness.BIN / "mta", "--config", path, "--check")
            self.assertEqual(checked.returncode, 2)
            self.assertIn(f"{path}:3:1: ", checked.stderr)
            self.assertIn(f"{included}:2:9: ", checked.stderr)
            path.write_text('agent { hostname: "mx.a.example" }\nlistener { address: "nowhere" }\n')
            checked = self.program(harness.BIN / "mta", "--config", path, "--check")
            self.assertEqual(checked.returncode, 2)
            self.assertIn(f"{path}:2:12: ", checked.stderr)

    def test_missing_file(self):
        checked = self.program(harness.BIN / "msa", "--config", "/nonexistent/msa.txtpb", "--check")
        self.assertEqual(checked.returncode, 2)
        self.assertIn("/nonexistent/msa.txtpb", checked.stderr)


class Serving(SitesTestCase):
    options = {"shared_spool": False,
               "overrides": {"b": {"imapd": "connections_per_client: 8\nunauthenticated_per_client: 3\n",
                                   "msa": "limits { connections_per_client: 2 }\n"}}}

    def get(self, site, agent, path):
        """(status, text) of an agent's HTTP server."""
        try:
            with urllib.request.urlopen(f"http://{site.endpoint(agent + '_metrics')}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_good_configurations(self):
        for site in self.pair.sites:
            for agent in AGENTS:
                self.run_program(self.pair.binaries / agent, "--config", site.config_file(agent), "--check")

    def test_health(self):
        for agent in AGENTS:
            self.assertEqual(self.get(self.pair.b, agent, "/healthz")[0], 200)
            self.assertEqual(self.get(self.pair.b, agent, "/readyz")[0], 200)
            self.assertEqual(self.get(self.pair.b, agent, "/other")[0], 404)
            status = self.quartetctl(self.pair.b, agent, "node", "status")
            self.assertEqual((status["agent"], status["hostname"]), (agent, "mx.b.example"))
            self.assertEqual(status["pid"], self.pair.b.processes[agent].pid)

    def test_metrics_count_deliveries(self):
        def delivered():
            text = self.get(self.pair.a, "mta", "/metrics")[1]
            return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
                       if line.startswith('quartet_relay_recipients_total{result="delivered",'))

        before = delivered()
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"])
        wait_until(lambda: delivered() == before + 1, 10, "one more delivery in the metrics")

    def metrics(self, site, agent):
        """{"name{labels}": value} of what an agent shows now."""
        lines = self.get(site, agent, "/metrics")[1].splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def test_metrics_of_every_agent(self):
        version = self.run_program(self.pair.binaries / "mta", "--version").split()[-1]
        for agent in AGENTS:
            shown = self.metrics(self.pair.a, agent)
            self.assertEqual(shown["quartet_ready"], 1)
            self.assertEqual(shown[f'quartet_build_info{{agent="{agent}",version="{version}"}}'], 1)
            if agent == "imapd":
                self.assertNotIn("quartet_queue_messages", shown)
                continue
            for state in ("queued", "active", "deferred", "held"):
                self.assertIn(f'quartet_queue_recipients{{state="{state}"}}', shown)
            self.assertIn("quartet_queue_log_segments", shown)
            self.assertIn("quartet_queue_log_live_bytes", shown)
            self.assertEqual(shown["quartet_queue_failing"], 0)

    def test_metrics_show_the_queue_as_it_is(self):
        site = self.pair.a
        deferred = 'quartet_queue_recipients{state="deferred"}'
        before = self.metrics(site, "mta")
        site.processes["mda"].stop()
        try:
            self.send(site, site.users[0], site.users[1].address)
            wait_until(lambda: self.metrics(site, "mta")[deferred] == before[deferred] + 1, 30,
                       "a deferred recipient in the metrics")
            shown = self.metrics(site, "mta")
            self.assertEqual(shown["quartet_queue_messages"], before["quartet_queue_messages"] + 1)
            self.assertGreater(shown["quartet_queue_body_bytes"], before["quartet_queue_body_bytes"] + 1000)
            self.assertGreater(shown["quartet_queue_log_live_bytes"], 1000)
        finally:
            site.start_agent("mda", self.pair.binaries)
        self.quartetctl(site, "mta", "queue", "retry", "--all")
        wait_until(lambda: self.metrics(site, "mta")["quartet_queue_messages"] == before["quartet_queue_messages"], 30,
                   "an empty queue in the metrics")

    def test_metrics_of_imap_sessions(self):
        site = self.pair.b
        good, bad = (f'quartet_logins_total{{protocol="imap",result="{result}"}}' for result in ("ok", "failed"))
        before = self.metrics(site, "imapd")
        reader = self.reader(site, site.users[0])
        reader.idle()
        with self.assertRaises(imaplib.IMAP4.error):
            self.reader(site, Account(site.users[0].address, "wrong"))
        wait_until(lambda: self.metrics(site, "imapd").get("quartet_imapd_idling") == 1, 10, "an idling session")
        shown = self.metrics(site, "imapd")
        self.assertEqual(shown["quartet_imapd_sessions"], 1)
        self.assertEqual(shown[good], before.get(good, 0) + 1)
        self.assertEqual(shown[bad], before.get(bad, 0) + 1)
        reader.done()
        reader.logout()
        wait_until(lambda: self.metrics(site, "imapd")["quartet_imapd_sessions"] == 0, 10, "no session")
        self.assertEqual(self.metrics(site, "imapd")["quartet_imapd_idling"], 0)

    def test_imap_connections_of_one_client(self):
        site = self.pair.b

        def connect():
            """A connection that was greeted, or None."""
            connection = socket.create_connection((site.address, site.port("imap")), timeout=30)
            self.addCleanup(connection.close)
            return connection if connection.recv(1000).startswith(b"* OK") else None

        strangers = [connect() for _ in range(3)]
        self.assertTrue(all(strangers))
        self.assertIsNone(connect())
        with socket.create_connection((site.address, site.port("imap")), timeout=30) as refused:
            self.assertRegex(refused.recv(1000), rb"^\* BYE \[UNAVAILABLE\] [^\r\n]+\r\n$")
        strangers.pop().close()
        wait_until(connect, 30, "room for a connection")
        for connection in strangers:
            connection.close()

    def test_smtp_connections_of_one_client(self):
        site = self.pair.b

        def connect():
            connection = socket.create_connection((site.address, site.port("submission")), timeout=30)
            self.addCleanup(connection.close)
            return connection, connection.recv(1000)

        taken = [connect() for _ in range(2)]
        self.assertTrue(all(greeting.startswith(b"220 ") for _, greeting in taken))
        self.assertRegex(connect()[1], rb"^421 4\.7\.0 [a-z.]+ Too many connections [^\r\n]+\r\n$")
        taken[0][0].close()
        wait_until(lambda: connect()[1].startswith(b"220 "), 30, "room for a connection")

    def test_imap_sessions_of_one_client(self):
        site = self.pair.b

        def log_in():
            try:
                return self.reader(site, site.users[1])
            except (imaplib.IMAP4.error, OSError):  # which includes a BYE in place of the greeting
                return None

        sessions = [wait_until(log_in, 30, "a session") for _ in range(8)]
        self.assertIsNone(log_in())
        sessions.pop().logout()
        wait_until(log_in, 30, "room for a session")

    def test_a_second_mta_on_the_spool_is_refused(self):
        site = self.pair.b
        text = site.config_file("mta").read_text()
        for service in ("mx", "mta_metrics", "relay"):
            text = text.replace(f":{site.port(service)}\"" if service != "relay" else "run/relay",
                                ":0\"" if service != "relay" else "run/relay2")
        other = self.scratch() / "mta.txtpb"
        other.write_text(text.replace("mta.control", "second.control"))
        done = subprocess.run([self.pair.binaries / "mta", "--config", other], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(site.directory / "spool"), done.stdout + done.stderr)

    def test_check_spool(self):
        found = self.run_program(self.pair.binaries / "mta", "--config", self.pair.b.config_file("mta"), "--check-spool")
        self.assertIn("messages", found)

    def test_reload_keeps_sessions_and_brings_accounts(self):
        site = self.pair.a
        newcomer = Account("newcomer@a.example", "just-arrived")
        session = self.submission(site, site.users[0])
        site.users.append(newcomer)
        site.config_file("directory").write_text(config.directory(site))
        for agent in AGENTS:
            process = site.processes[agent]
            size = process.log.stat().st_size
            process.signal(signal.SIGHUP)
            process.wait_for_event("reload.done", start=size)
        self.send(site, newcomer, site.users[1].address)
        self.assertEqual(session.noop()[0], 250)
        sent = self.send(site, site.users[0], newcomer.address)
        self.wait_for_message(site, newcomer, sent["Message-ID"])
        session.quit()

    def test_reload_of_the_log_level(self):
        site = self.pair.b
        # What is said of the end of a session is for finding faults.
        events = {"msa": ("submission", "msa.disconnected"), "mta": ("mx", "mta.disconnected"),
                  "mda": ("lmtp", "mda.session_ended"), "imapd": ("imap", "imap.disconnected")}
        for agent, (service, event) in events.items():
            process, path = site.processes[agent], site.config_file(agent)
            before = path.read_text()

            def reload(text):
                size = process.log.stat().st_size
                path.write_text(text)
                process.signal(signal.SIGHUP)
                process.wait_for_event("reload.done", start=size)

            try:
                reload(before.replace("agent {", "agent { log { level: DEBUG }", 1))
                size = process.log.stat().st_size
                socket.create_connection(socket_address(site.endpoint(service)), timeout=30).close()
                process.wait_for_event(event, start=size)
            finally:
                reload(before)

    def test_a_bad_reload_changes_nothing(self):
        site = self.pair.b
        process, path = site.processes["mta"], site.config_file("mta")
        before = path.read_text()
        try:
            path.write_text(before + "no_such_field: 1\n")
            size = process.log.stat().st_size
            process.signal(signal.SIGHUP)
            process.wait_for_event("reload.refused", start=size)
        finally:
            path.write_text(before)
        with smtplib.SMTP(site.address, site.port("mx"), timeout=30) as client:
            self.assertEqual(client.noop()[0], 250)


@unittest.skipUnless(os.geteuid() == 0, "only root can start daemons that become another user")
class AsAnotherUser(unittest.TestCase):
    """agent.user: what daemons bind or make as root belongs to the user they become."""
    user = "nobody"

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.directory.chmod(0o755)
        self.owner = pwd.getpwnam(self.user).pw_uid

    def _site(self):
        network = loopback.Network()
        self.addCleanup(network.close)
        becomes = {agent: lambda text: text.replace("agent {", f'agent {{ user: "{self.user}"', 1) for agent in AGENTS}
        limits = f'login_limits {{ file: "{self.directory}/a/run/logins" }}\n'
        becomes["mta"] = lambda text: text.replace("agent {", f'{limits}agent {{ user: "{self.user}"', 1)
        site = Site(self.directory / "a", "a.example", network.address(1), [("sender", "sends"), ("other", "reads")],
                    lmtp_socket=True, overrides=becomes)
        self.authority = Authority(self.directory / "ca")
        site.prepare(self.authority, network.address(53))
        for name in ("store", "spool", "msa-spool", "mda-spool"):
            (site.directory / name).rmdir()
        os.chown(site.directory / "run", self.owner, -1)
        return site

    def test_sockets_and_directories(self):
        site = self._site()
        # Who has changed its user cannot be traced, and so not be looked through for leaks.
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="detect_leaks=0"):
            self.addCleanup(site.stop)
            site.start(harness.BIN)
        for agent in AGENTS:
            status = pathlib.Path(f"/proc/{site.processes[agent].pid}/status").read_text()
            self.assertRegex(status, rf"Uid:\s{self.owner}\s{self.owner}\s{self.owner}\s{self.owner}\n")
        sockets = [site.endpoint(service).removeprefix("unix:") for service in
                   ("relay", "lmtp", *(f"{agent}_control" for agent in AGENTS))]
        made = ("store", "spool", "msa-spool", "mda-spool", "run/logins")
        for path in (*sockets, *(site.directory / name for name in made)):
            self.assertEqual(os.stat(path).st_uid, self.owner, path)
            self.assertEqual(os.stat(path).st_mode & 0o007, 0, path)
        self._send_and_read(site)
        for process, code in site.stop():
            self.assertEqual(code, 0, process.log.read_text())
        self.assertEqual([path for path in sockets if os.path.exists(path)], [])

    def _send_and_read(self, site):
        """By submission, relay socket, LMTP socket and IMAP."""
        sender, other = site.users
        tls = ssl.create_default_context(cafile=self.authority.file)
        with smtplib.SMTP(site.address, site.port("submission"), timeout=60) as client:
            client.starttls(context=tls)
            client.login(sender.address, sender.password)
            client.sendmail(sender.address, [other.address], f"From: {sender.address}\r\nSubject: as a user\r\n\r\nx\r\n")
        reader = Reader(site.address, site.port("imap"), timeout=60)
        reader.starttls(tls)
        reader.login(other.address, other.password)
        reader.select()
        wait_until(lambda: reader.noop() and reader.search(None, "SUBJECT", '"as a user"')[1][0], 60, "the message")
        reader.logout()

    def test_check_by_anybody(self):
        path = self.directory / "mta.txtpb"
        path.write_text(f"""agent {{ hostname: "mx.a.example" user: "root" control {{ socket: "/run/mta.control" }} }}
listener {{ address: "0.0.0.0:25" }}
spool: "{self.directory}/spool"
sending {{ dns {{ server: "127.0.0.1" }} }}
""")
        # The build tree may be where only root may look.
        program = shutil.copy(harness.BIN / "mta", self.directory)
        done = subprocess.run([program, "--config", path, "--check"], capture_output=True, text=True, timeout=60,
                              user=self.user, cwd="/")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertFalse((self.directory / "spool").exists())


class Draining(SitesTestCase):
    def test_idle_sessions_are_told_and_the_daemon_ends(self):
        site = self.pair.a
        client = smtplib.SMTP(site.address, site.port("mx"), timeout=30)
        self.addCleanup(client.close)
        client.ehlo()
        reader = self.reader(site, site.users[0])
        reader.idle()
        site.processes["mta"].signal(signal.SIGTERM)
        self.assertEqual(client.getreply()[0], 421)
        site.processes["imapd"].signal(signal.SIGTERM)
        reader.wait_for(rb"BYE", 30)
        # Sooner than after the time that sessions have for ending what is under way: nothing is.
        wait_until(lambda: not site.processes["imapd"].is_running(), 10, "the end of imapd")
        # stop() sends a second signal, and a daemon that drains does not wait any longer then.
        wait_until(lambda: not site.processes["mta"].is_running(), 30, "the end of mta")
        for agent in ("mta", "imapd"):
            self.assertEqual(site.processes[agent].stop(), 0)
            site.start_agent(agent, self.pair.binaries)

    def test_log_lines_are_json(self):
        lines = [line for line in self.pair.a.processes["msa"].log.read_text().splitlines() if line]
        self.assertTrue(lines)
        for line in lines:
            self.assertEqual(json.loads(line)["agent"], "msa")


if __name__ == "__main__":
    unittest.main()
