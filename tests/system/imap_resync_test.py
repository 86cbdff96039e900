#!/usr/bin/env python3
"""A client that keeps what it knows of a mailbox, follows RFC 7162 section 6 to the letter, and loses its connection at
any time: each time it comes back, it must know the mailbox as it is, having asked for nothing but what it missed."""
import random
import re
import unittest

from harness import FULL, SitesTestCase

BOX = "cached"


def expand(numbers):
    for part in numbers.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


def flags_in(line):
    found = re.search(r"FLAGS \(([^)]*)\)", line)
    return found and frozenset(found[1].split()) - {r"\Recent"}


class Cache:
    """What the client knows; survives its connections."""

    def __init__(self, choose):
        self._random = choose
        self._uidvalidity = None
        self._modseq = 0  # all up to it is known
        self._uidnext = 1  # of what has been fetched
        self.flags = {}  # by UID

    def come_back(self, reader):
        reader.say("ENABLE QRESYNC")
        opened = reader.say(f"SELECT {BOX}{self._parameter()}")
        text = "\n".join(opened)
        self._uidvalidity = re.search(r"UIDVALIDITY (\d+)", text)[1]
        for line in opened:
            if line.startswith("* VANISHED (EARLIER) "):
                self._forget(line.rpartition(" ")[2])
            elif " FETCH " in line:
                self._take_fetch(line)
        self._modseq = int(re.search(r"HIGHESTMODSEQ (\d+)", text)[1])
        self.take(reader.say(f"UID FETCH {self._uidnext}:* (FLAGS)"))
        self._uidnext = max([self._uidnext, *(uid + 1 for uid in self.flags)])

    def _parameter(self):
        """QRESYNC, now and then with the UIDs that are known, and with pairs of numbers and UIDs."""
        if self._uidvalidity is None:
            return ""
        known, more = sorted(self.flags), ""
        kind = self._random.randrange(3)
        if known and kind > 0:
            more = f" 1:{self._uidnext - 1}"
        if known and kind > 1:
            places = sorted(self._random.sample(range(len(known)), min(3, len(known))))
            more += f" ({','.join(str(n + 1) for n in places)} {','.join(str(known[n]) for n in places)})"
        return f" (QRESYNC ({self._uidvalidity} {self._modseq}{more}))"

    def take(self, lines):
        """An answer. Mod-sequences count only once it is complete, and HIGHESTMODSEQ before them."""
        highest, said = self._modseq, None
        for line in lines:
            if match := re.fullmatch(r"\* VANISHED ([\d:,]+)", line):
                self._forget(match[1])
            if " FETCH " in line:
                highest = max(highest, self._take_fetch(line))
            if match := re.search(r"\[HIGHESTMODSEQ (\d+)\]", line):
                said = int(match[1])
        self._modseq = highest if said is None else said

    def _forget(self, numbers):
        for uid in expand(numbers):
            self.flags.pop(uid, None)

    def _take_fetch(self, line):
        uid, modseq = (re.search(pattern, line) for pattern in (r"UID (\d+)", r"MODSEQ \((\d+)\)"))
        flags = flags_in(line)
        if uid and flags is not None:
            self.flags[int(uid[1])] = flags
        return int(modseq[1]) if uid and modseq else 0


class Resync(SitesTestCase):
    def setUp(self):
        self.account = self.pair.b.users[0]
        self.other = self.reader(self.pair.b, self.account, None)
        self.other.create(BOX)
        self.addCleanup(self.other.delete, BOX)
        for _ in range(10):
            self.append()
        self.other.select(BOX)

    def append(self):
        self.assertEqual(self.other.append(BOX, "", None, b"Subject: x\r\n\r\nText\r\n")[0], "OK")

    def change(self, choose):
        """What others do."""
        uid, sign = choose.randint(1, 40), choose.choice("+-")
        kind = choose.choice(("seen", "flagged", "deleted", "expunge", "append", "move"))
        if kind == "append":
            return self.append()
        command = {"seen": rf"UID STORE {uid}:{uid + 9} {sign}FLAGS (\Seen)",
                   "flagged": rf"UID STORE {uid}:{uid + 9} {sign}FLAGS (\Flagged)",
                   "deleted": rf"UID STORE {uid}:{uid + 1} +FLAGS (\Deleted)",
                   "expunge": "EXPUNGE", "move": f"UID MOVE {uid} Archive"}[kind]
        self.assertTrue(self.other.say(command)[-1].startswith("OK"))

    def as_it_is(self):
        reader = self.reader(self.pair.b, self.account, BOX)
        lines = reader.say("UID FETCH 1:* (FLAGS)")[:-1]
        reader.logout()
        return {int(re.search(r"UID (\d+)", line)[1]): flags_in(line) for line in lines}

    def test_a_cache_is_right_whenever_its_client_comes_back(self):
        for seed in range(40 if FULL else 4):
            self.lose_connections(seed)

    def lose_connections(self, seed):
        choose = random.Random(seed)
        cache = Cache(choose)
        # Commands by number, during which expunges wait, and others.
        commands = ("FETCH 1 (FLAGS)", "FETCH 1 (UID)", r"STORE 1 +FLAGS (\Answered)", r"STORE 1:2 FLAGS (\Answered)",
                    r"UID STORE 1:9 +FLAGS (\Answered)", "SEARCH 1", "UID SEARCH 1", "NOOP", None, None)
        for turn in range(15):
            reader = self.reader(self.pair.b, self.account, None)
            cache.come_back(reader)
            self.assertEqual(cache.flags, self.as_it_is(), (seed, turn))
            for _ in range(choose.randint(1, 8)):
                self.change(choose)
                if command := choose.choice(commands):
                    cache.take(reader.say(command))
            reader.shutdown()


if __name__ == "__main__":
    unittest.main()
