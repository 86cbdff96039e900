#!/usr/bin/env python3
"""The host's clock is set, by years or back by a day: mail that waits is tried as if it had not been, and none of it
bounces for that; sessions go on.
"""
import pathlib
import subprocess
import unittest

import harness
import traffic
from kill_test import KillTestCase
from sites.process import Process, wait_until

_HERE = pathlib.Path(__file__).parent
_DAY = 86400
_RETRY = 4  # seconds from an attempt to the next


class Clock(KillTestCase):
    @classmethod
    def prepare(cls):
        return {"mta": cls.to_recorder(_RETRY)}

    def setUp(self):
        super().setUp()
        library = self.directory / "clock_shift.so"
        subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", library, _HERE / "clock_shift.c"], check=True)
        self.shift = self.directory / "shift"
        self.set_clock(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(self.shift)}
        self.mta = self.start("mta")

    def start(self, agent):
        self.site.processes[agent] = Process(
            f"{agent}@a", [harness.BIN / agent, "--config", self.site.config_file(agent)],
            self.site.directory / f"log/{agent}.log", self.environment)
        self.site.start_agent(agent, harness.BIN)
        return self.site.processes[agent]

    def set_clock(self, seconds):
        new = self.shift.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.shift)

    def defer_one(self, number):
        """A message that the next hop does not take yet."""
        self.recorder.refusing = True
        session = self.loop.run(traffic.open_smtp((self.site.address, self.site.port("mx"))))
        self.key = next(iter(self.loop.run(traffic.send_by_smtp(session, number))))
        self.loop.run(self._close(session))
        self.wait_for_attempts(1)

    @staticmethod
    async def _close(session):
        session.close()

    def attempts(self):
        return [entry["attempts"] for entry in self.quartetctl(self.site, "mta", "queue", "list")]

    def wait_for_attempts(self, count):
        wait_until(lambda: min(self.attempts(), default=0) >= count, 40, f"attempt {count}")

    def take_it(self):
        self.recorder.refusing = False
        wait_until(lambda: self.recorder.came[self.key], 40, "a delivery")
        wait_until(lambda: not self.attempts(), 20, "an empty queue")

    def test_set_back_by_a_day(self):
        self.defer_one(3)
        self.set_clock(-_DAY)
        self.take_it()
        self.mta.wait_for_event("relay.clock_set")

    def test_ten_years_ahead_for_a_while(self):
        user = self.site.users[0]
        self.start("imapd")
        idler = self.loop.run(traffic.open_imap((self.site.address, self.site.port("imaps")), self.tls(),
                                                (user.address, user.password)))
        idler.write(b"b SELECT INBOX\r\nc IDLE\r\n")
        while not self.loop.run(idler.line()).startswith(b"+"):
            pass
        self.defer_one(6)
        self.set_clock(3652 * _DAY)
        self.wait_for_attempts(3)
        self.set_clock(0)
        self.take_it()
        self.assertEqual([event for event in self.mta.events() if event["event"] in ("relay.expired", "relay.bounced")], [])
        idler.write(b"DONE\r\nd NOOP\r\n")
        while not (line := self.loop.run(idler.line())).startswith(b"d "):
            self.assertFalse(line.startswith(b"* BYE"), line)
        self.loop.run(self._close(idler))


if __name__ == "__main__":
    unittest.main()
