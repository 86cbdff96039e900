#!/usr/bin/env python3
"""quartetctl store: check, backup and restore while mda and imapd work on the store."""
import functools
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fault"))
import traffic
from sites.process import wait_until


class Store(harness.SitesTestCase):
    def setUp(self):
        self.site = self.pair.b
        self.store = self.site.directory / "store"

    def call(self, *words, code=0):
        done = subprocess.run([str(self.pair.binaries / "quartetctl"), *map(str, words)], capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_backup_under_load_and_restore(self):
        users = [user.address for user in self.site.users]
        loop = traffic.Loop()
        self.addCleanup(loop.close)
        senders = traffic.Senders(
            functools.partial(traffic.open_lmtp, (self.site.address, self.site.port("lmtp"))),
            functools.partial(traffic.deliver_by_lmtp, recipients=users))
        running = loop.start(senders.run(4))
        wait_until(lambda: len(senders.acknowledged) > 100, 60, "messages")
        backup = self.scratch() / "store"
        before = set(senders.acknowledged)
        first = json.loads(self.call("--json", "store", "backup", self.store, backup).stdout)
        self.assertEqual(first["copied_files"], first["files"])
        wait_until(lambda: len(senders.acknowledged) > len(before) + 100, 60, "more messages")
        before = set(senders.acknowledged)
        second = json.loads(self.call("--json", "store", "backup", self.store, backup).stdout)
        self.assertLess(second["copied_files"], second["files"])
        self.assertTrue(json.loads(self.call("--json", "store", "check", self.store).stdout)["healthy"])
        self.assertIn("healthy", self.call("store", "check", backup).stdout)
        senders.stop()
        running.result(90)
        self.assertEqual(senders.faults, [])

        validity = self.validity()
        for agent in ("imapd", "mda"):
            self.assertEqual(self.site.processes[agent].stop(), 0)
        shutil.rmtree(self.store)
        self.call("store", "restore", backup, self.store)
        for agent in ("mda", "imapd"):
            self.site.start_agent(agent, harness.BIN)
        came = {(traffic.number_of(message), user.address) for user in self.site.users
                for message in self.fetch_all(self.site, user)}
        self.assertEqual(before - came, set())
        self.assertNotEqual(self.validity(), validity)
        self.assertTrue(json.loads(self.call("--json", "store", "check", self.store).stdout)["healthy"])

    def validity(self):
        reader = self.reader(self.site, self.site.users[0])
        return reader.response("UIDVALIDITY")[1]

    def test_what_is_no_store(self):
        self.assertIn("is this a store", self.call("store", "check", self.directory, code=1).stderr)
        self.assertIn("not empty", self.call("store", "backup", self.store, self.site.directory, code=1).stderr)
        self.call("store", "backup", self.store, code=2)


if __name__ == "__main__":
    unittest.main()
