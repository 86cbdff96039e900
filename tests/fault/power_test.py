#!/usr/bin/env python3
"""The power fails at any moment under load on a store in files (power.py)."""
import functools
import re
import unittest

import power


class StoreOfFiles(power.PowerFailure):
    @classmethod
    def prepare(cls):
        move = functools.partial(re.sub, r'store: "(.*)/store"', r'store: "\1/disk/store"')
        return {"mda": lambda text: power.without_end(move(text)), "imapd": move}

    def setUp(self):
        super().setUp()
        disk = self.site.directory / "disk"
        disk.mkdir()
        self.agents_environment = self.record_to(disk, self.directory)

    def test_a_cut_at_any_point(self):
        self.cut_at_any_point()


if __name__ == "__main__":
    unittest.main()
