#!/usr/bin/env python3
"""A disk that takes nothing: full, read-only or failing. Clients hear a 4yz, health is red, deliveries go on, and when
the disk takes writes again so does the agent; what was acknowledged comes, whatever happens meanwhile.

One test makes the calls of the mta fail (disk_fault.c), the other, as root, gives it a small file system and fills it.
"""
import ctypes
import errno
import functools
import os
import pathlib
import subprocess
import unittest
import urllib.error
import urllib.request

import harness
import traffic
from kill_test import KillTestCase
from sites.process import Process, wait_until

_HERE = pathlib.Path(__file__).parent
_CLONE_NEWNS = 0x20000
_SMALL = 200 << 20  # of a file system: a segment, two that are kept for use, and some
_IN_SEGMENT, _LARGE = 250_000, 400_000  # octets of bodies in the log, and in files of their own


class DiskTestCase(KillTestCase):
    """The mta's queue; a recorder is its smart host."""

    @classmethod
    def prepare(cls):
        return {"mta": cls.to_recorder()}

    def setUp(self):
        super().setUp()
        self.acknowledged = set()
        self.number = 0

    def open(self):
        return self.loop.run(traffic.open_smtp((self.site.address, self.site.port("mx"))))

    def send(self, size=None):
        """One message, with a body of about `size` octets; the answer if it was refused, else None."""
        self.number += 1
        session = self.open()
        try:
            self.acknowledged |= self.loop.run(traffic.send_by_smtp(session, self.number, size=size))
        except traffic.Refused as refusal:
            self.assertFalse(refusal.permanent, str(refusal))
            return str(refusal)
        finally:
            self.loop.run(self._close(session))
        return None

    @staticmethod
    async def _close(session):
        session.close()

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.site.endpoint('mta_metrics')}/readyz", timeout=10) as reply:
                return reply.status == 200
        except urllib.error.HTTPError as error:
            self.assertEqual(error.code, 503)
            return False

    def all_came(self, before):
        wait_until(lambda: before <= set(self.recorder.came) or self.recorder.faults, 60, "deliveries")
        self.assertEqual(self.recorder.faults, [])

    def figure(self, name):
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"http://{self.site.endpoint('mta_metrics')}/metrics", timeout=10) as reply:
            return sum(float(line.rpartition(" ")[2]) for line in reply.read().decode().splitlines()
                       if line.startswith((name + " ", name + "{")))

    def kill_and_drain(self):
        """After a crash nothing acknowledged is missing, and nothing that was delivered goes out again."""
        wait_until(lambda: self.figure("quartet_queue_recipients") == 0, 60, "an empty queue")
        # Outcomes go to the disk with the next commit, and this one is done when the message has its 250.
        self.recorder.refusing = True
        self.assertIsNone(self.send())
        self.recorder.refusing = False
        came = dict(self.recorder.came)
        self.site.processes["mta"].kill()
        self.site.start_agent("mta", harness.BIN)
        self.all_came(self.acknowledged)
        wait_until(lambda: self.figure("quartet_queue_recipients") == 0, 60, "an empty queue")
        again = [key for key, times in came.items() if self.recorder.came[key] != times]
        self.assertEqual(again, [])


class Failing(DiskTestCase):
    def test_errors_of_every_call(self):
        library = self.directory / "disk_fault.so"
        subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", library, _HERE / "disk_fault.c"], check=True)
        fault = self.directory / "fault"
        self.site.processes["mta"] = Process(
            "mta@a", [harness.BIN / "mta", "--config", self.site.config_file("mta")],
            self.site.directory / "log/mta.log",
            {"LD_PRELOAD": str(library), "DISK_FAULT": str(fault), "DISK_FAULT_UNDER": str(self.site.directory / "spool")})
        self.site.start_agent("mta", harness.BIN)
        for number, code in ((errno.ENOSPC, "452 4.3.1"), (errno.EROFS, "451 4.3.0"), (errno.EIO, "451 4.3.0")):
            with self.subTest(errno.errorcode[number]):
                self.fail_for_a_while(fault, number, code)

    def fail_for_a_while(self, fault, number, code):
        self.recorder.refusing = True
        for _ in range(20):
            self.assertIsNone(self.send())
        waiting = set(self.acknowledged)
        self.assertTrue(self.ready())
        fault.write_text(str(number))
        refused = self.send()
        self.assertTrue(refused and refused.startswith(code), refused)
        self.assertFalse(self.ready())
        self.recorder.refusing = False
        self.all_came(waiting)
        self.assertTrue(self.send())  # still
        self.assertFalse(self.ready())
        fault.write_text("0")
        wait_until(self.ready, 30, "an agent that is ready again")
        self.assertIsNone(self.send())
        wait_until(lambda: self.figure("quartet_queue_log_waiting_records") == 0, 30, "outcomes to be written")
        self.kill_and_drain()


@unittest.skipUnless(os.geteuid() == 0, "only root can mount a small file system")
class Full(DiskTestCase):
    @classmethod
    def setUpClass(cls):
        # A namespace of our own: the mount goes with this process, however it ends.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNS) != 0:
            raise unittest.SkipTest(f"unshare: {os.strerror(ctypes.get_errno())}")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        super().setUpClass()
        spool = cls.site.directory / "spool"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SMALL}", "tmpfs", spool], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", spool], check=True)

    def test_a_file_system_that_is_filled(self):
        self.site.start_agent("mta", harness.BIN)
        self.recorder.refusing = True
        filler = self.site.directory / "spool/filler"
        for _ in range(20):
            self.assertIsNone(self.send())
        with filler.open("wb") as file:
            while (left := self.left()) > 0:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(left, 1 << 20))
                file.seek(0, os.SEEK_END)
        # What was allocated before still takes messages.
        self.assertIsNone(self.send(_IN_SEGMENT))
        wait_until(lambda: (self.send(_IN_SEGMENT) or "").startswith("452 4.3.1"), 300, "a full disk")
        self.assertTrue(self.send(_LARGE).startswith("452 4.3.1"))
        self.assertFalse(self.ready())
        waiting = set(self.acknowledged)
        self.recorder.refusing = False
        self.all_came(waiting)
        filler.unlink()
        wait_until(lambda: self.send() is None and self.ready(), 30, "an agent that takes mail again")
        self.assertIsNone(self.send(_LARGE))
        self.kill_and_drain()

    def left(self):
        status = os.statvfs(self.site.directory / "spool")
        return status.f_bavail * status.f_frsize


if __name__ == "__main__":
    unittest.main()
