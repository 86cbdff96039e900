#!/usr/bin/env python3
"""What an operator wants of mail that is being delivered just then holds when the mta is killed before the delivery ends."""
import contextlib
import json
import socket
import threading
import unittest

import harness
from harness import SitesTestCase
from sites import letter
from sites.process import wait_until


class Silent:
    """A next hop that takes connections and says nothing."""

    def __init__(self):
        self.connections = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            if self._closed:
                connection.close()

    def close(self):
        self._closed = True
        # Else the thread that waits would take one more, which nobody closes.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()


class Pending(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        cls.silent = Silent()
        cls.addClassCleanup(cls.silent.close)
        silent = f'transport {{ match: "silent.example" next_hop {{ host: "127.0.0.1:{cls.silent.port}" tls: NONE }} }}\n'
        cls.options = {"shared_spool": False, "overrides": {"a": {"mta": lambda text: text + silent}}}
        super().setUpClass()

    def ctl(self, *words):
        return json.loads(self.run_program(harness.BIN / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                                           "--json", *words))

    def states(self):
        return {entry["recipient"].partition("@")[0]: entry["state"] for entry in self.ctl("queue", "list")}

    def test_orders_for_what_is_under_way_outlive_a_kill(self):
        a = self.pair.a
        names = ["hold", "drop", "free"]
        for name in names:
            recipient = f"{name}@silent.example"
            self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient))
        wait_until(lambda: self.states() == dict.fromkeys(names, "active"), 30, "all under way")
        wait_until(lambda: self.silent.connections, 30, "a connection")
        for verb in ("hold", "drop"):
            counts = self.ctl("queue", verb, "--recipient", f"{verb}@silent.example", "--reason", "a test")
            self.assertEqual((counts["changed"], counts["pending"]), (0, 1))
        # What is in the log with the next commit: it takes some milliseconds, and this message more.
        self.send(a, a.users[0], "last@silent.example", letter.write(a.users[0].address, "last@silent.example"))
        a.processes["mta"].kill()
        before = len(self.silent.connections)
        a.start_agent("mta", harness.BIN)
        wait_until(lambda: self.states().get("free") == "active", 30, "the other one under way again")
        wait_until(lambda: len(self.silent.connections) > before, 30, "a connection")
        states = self.states()
        self.assertEqual(states.get("hold"), "held")
        self.assertNotIn("drop", states)
        self.assertEqual(self.ctl("queue", "list", "--state", "held")[0]["last"]["text"], "a test")
        self.ctl("queue", "drop", "--older-than", "0s")
        self.silent.close()  # the mta need not wait for it when it ends


if __name__ == "__main__":
    unittest.main()
