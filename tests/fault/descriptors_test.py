#!/usr/bin/env python3
"""A daemon without a free file descriptor says so, is not busy with it, and serves everybody once there are some again."""
import contextlib
import imaplib
import os
import resource
import select
import socket
import threading
import time
import unittest

from harness import SitesTestCase
from sites.process import wait_until

AGENTS = (("msa", "submission", b"220 "), ("mta", "mx", b"220 "), ("mda", "lmtp", b"220 "), ("imapd", "imap", b"* OK"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Descriptors(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A sanitizer looks at the first object of a class through a pipe, and takes the lack of one for a fault: what is
        # done without descriptors (a pause) is done once before.
        site = cls.pair.b
        for agent, service, _ in AGENTS:
            if agent == "imapd":
                cls.fail_to_log_in(site)
                continue
            with socket.create_connection((site.address, site.port(service)), timeout=60) as client:
                client.sendall(b"BAD\r\n" * 12)
                with client.makefile("rb") as replies:
                    for _ in range(13):
                        replies.readline()

    @classmethod
    def fail_to_log_in(cls, site):
        """A second failed login is answered after a pause."""
        client = imaplib.IMAP4_SSL(site.address, site.port("imaps"), ssl_context=cls.tls(), timeout=60)
        for _ in range(2):
            with contextlib.suppress(client.error):
                client.login("nobody@b.example", "wrong")
        client.shutdown()

    @contextlib.contextmanager
    def only(self, process, more):
        """Leaves the daemon no more than `more` descriptors beyond those in use."""
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (descriptors(process) + more, before[1]))
        try:
            yield
        finally:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)

    @staticmethod
    def call(address):
        """A client that comes, and goes when it has been greeted."""
        with socket.create_connection(address, timeout=60) as client:
            return client.recv(200)

    def test_connections_wait_for_descriptors(self):
        site = self.pair.b
        for agent, service, greeting in AGENTS:
            with self.subTest(agent):
                process = site.processes[agent]
                address = (site.address, site.port(service))
                with self.only(process, 10), contextlib.ExitStack() as closing:
                    waiting = [closing.enter_context(socket.create_connection(address, timeout=60))
                               for _ in range(40)]
                    process.wait_for_event("accept.failed")
                    begun, used = time.monotonic(), processor_seconds(process)
                    # Nobody needs a processor while nothing can happen.
                    wait_until(lambda: time.monotonic() > begun + 2, 10, "two seconds")
                    self.assertLess(processor_seconds(process) - used, 0.5)
                    # Each is served, none was closed, as those before it go.
                    while waiting:
                        greeted = select.select(waiting, [], [], 30)[0]
                        self.assertTrue(greeted, f"{len(waiting)} wait in vain")
                        for client in greeted:
                            self.assertEqual(client.recv(200)[:4], greeting)
                            client.close()
                            waiting.remove(client)
                self.assertTrue(self.call(address))

    def test_many_that_come_and_go(self):
        site = self.pair.b
        process = site.processes["mta"]
        address = (site.address, site.port("mx"))
        greeted = []

        def come_and_go():
            greeted.extend(self.call(address)[:3] for _ in range(20))

        with self.only(process, 10):
            threads = [threading.Thread(target=come_and_go) for _ in range(30)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(greeted, [b"220"] * 600)


if __name__ == "__main__":
    unittest.main()
