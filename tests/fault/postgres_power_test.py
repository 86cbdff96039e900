#!/usr/bin/env python3
"""The power fails at any moment under load on a store in PostgreSQL, whose server's files are what is recorded (power.py)."""
import os
import pathlib
import shutil
import sys
import unittest

import harness
import power

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import with_postgres


class StoreInPostgres(power.PowerFailure):
    rounds = power.ROUNDS if harness.FULL else 1  # its images are large
    entries_too = True

    @classmethod
    def prepare(cls):
        context = with_postgres.server(durable=True)
        cls.server = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.server.stop()
        database = f'store_database: "{cls.server.conninfo} dbname=postgres"\n'
        return {"mda": lambda text: power.without_end(text + database), "imapd": database}

    def setUp(self):
        super().setUp()
        self.owner = self.server.data.stat()
        self.recording = self.record_to(self.server.data, self.server.directory)

    def start_disk(self, recorded):
        if recorded:
            self.server.start(self.recording)
        else:
            self.give_to_owner()
            self.server.start(settings="-c fsync=off")  # recovery would sync every file

    def end_disk(self, in_order):
        self.server.stop("fast" if in_order else "immediate")

    def give_to_owner(self):
        """An image is ours, and its server does not run any more."""
        for directory, names, files in os.walk(self.server.data):
            for name in (".", *names, *files):
                shutil.chown(os.path.join(directory, name), self.owner.st_uid, self.owner.st_gid)
        self.server.data.chmod(0o700)
        (self.server.data / "postmaster.pid").unlink(missing_ok=True)

    def test_a_cut_at_any_point(self):
        self.cut_at_any_point()


if __name__ == "__main__":
    unittest.main()
