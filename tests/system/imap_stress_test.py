#!/usr/bin/env python3
"""100 clients do at random to the same mailboxes what clients do, and each holds the server to what it was told: what it
sees must always fit together, and in the end all must see the same."""
import collections
import itertools
import pathlib
import random
import re
import shutil
import sys
import tempfile
import threading
import time
import unittest

from harness import BIN, FULL
from imap_sequences import FLAGS, MESSAGES
from imap_wire import Wire, parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from stores import PASSWORD, QuartetStore, user

CLIENTS = 100
SECONDS = 600 if FULL else 20
BOXES = ["one", "two", "three"]


class Fault(Exception):
    """The server contradicts itself."""


class Ledger:
    """What all clients know together. Of each mailbox: the size of the message with a UID, which UIDs came, and which may go:
    since they were given \\Deleted, or moved."""

    def __init__(self):
        self._lock = threading.Lock()
        self.sizes = collections.defaultdict(dict)
        self.came = collections.defaultdict(set)
        self.doomed = collections.defaultdict(set)
        self.copies = []

    def size(self, box, uid, size):
        with self._lock:
            if self.sizes[box].setdefault(uid, size) != size:
                raise Fault(f"{box}: UID {uid} had {self.sizes[box][uid]} octets and has {size}")

    def come(self, box, uids):
        with self._lock:
            if again := self.came[box] & set(uids):
                raise Fault(f"{box}: UIDs given twice: {again}")
            self.came[box].update(uids)

    def doom(self, box, uids):
        """Before it is done: whoever sees it done then finds it here."""
        with self._lock:
            self.doomed[box].update(uids)

    def copy(self, box, uids, other, copies):
        """Flags are copied as well."""
        self.come(other, copies)
        with self._lock:
            self.copies += [((box, uid), (other, copy)) for uid, copy in zip(uids, copies)]

    def may_be_gone(self):
        """{(mailbox, UID)}, when all is done."""
        gone = {(box, uid) for box, uids in self.doomed.items() for uid in uids}
        while more := {copy for original, copy in self.copies if original in gone} - gone:
            gone |= more
        return gone


def expand(numbers):
    for part in numbers.split(","):
        first, _, last = part.partition(":")
        yield from range(int(first), int(last or first) + 1)


class Client:
    def __init__(self, endpoint, number, ledger):
        self._random = random.Random(number)
        self._ledger = ledger
        self._wire = Wire(endpoint, user(0), PASSWORD)
        self._qresync = number % 4 == 0
        self.box = None
        self.commands = 0
        self.messages = []  # [UID, flags] by sequence number; None: not told yet
        self.modseqs = {}   # by UID
        self.close = self._wire.close
        if self._qresync:
            self._run("ENABLE QRESYNC")
        elif number % 4 == 1:
            self._run("ENABLE CONDSTORE")

    # What the server says

    def _run(self, command, tells_expunges=True):
        """The tagged response. Everything else is believed, if it can be."""
        self.last = command if isinstance(command, str) else command[:60]
        self.commands += 1
        untagged, tagged = self._wire.run(command)
        for response in untagged:
            self._take(response, tells_expunges)
        if tagged.startswith(b"BAD"):
            raise Fault(f"{self.last}: {tagged}")
        return tagged.decode()

    def _take(self, response, tells_expunges):
        if match := re.fullmatch(rb"(\d+) EXISTS", response):
            count = int(match[1])
            if count < len(self.messages):
                raise Fault(f"{self.last}: {count} EXISTS after {len(self.messages)}")
            self.messages += [[None, None] for _ in range(count - len(self.messages))]
        elif match := re.fullmatch(rb"(\d+) EXPUNGE", response):
            # RFC 3501 section 7.4.1
            if not tells_expunges or self._qresync or int(match[1]) > len(self.messages):
                raise Fault(f"{self.last}: {response} of {len(self.messages)}")
            self.messages.pop(int(match[1]) - 1)
        elif match := re.fullmatch(rb"VANISHED ([\d:,]+)", response):
            if not tells_expunges or not self._qresync:
                raise Fault(f"{self.last}: {response}")
            uids = set(expand(match[1].decode()))
            count = len(self.messages) - len(uids)
            # From the first of unknown UID on, it is not known which of them went: they are asked for again.
            known = list(itertools.takewhile(lambda message: message[0] is not None, self.messages))
            self.messages = [message for message in known if message[0] not in uids]
            if count < len(self.messages):
                raise Fault(f"{self.last}: {response} names messages that it never told of")
            self.messages += [[None, None] for _ in range(count - len(self.messages))]
        elif match := re.match(rb"(\d+) FETCH ", response):
            values = parse(response[match.end():])[0]
            self._fetched(int(match[1]), {str(name): value for name, value in zip(values[::2], values[1::2])})

    def _fetched(self, number, items):
        if number > len(self.messages):
            raise Fault(f"{self.last}: FETCH of {number} of {len(self.messages)}")
        message = self.messages[number - 1]
        if "UID" in items:
            uid = int(items["UID"])
            if message[0] not in (None, uid):
                raise Fault(f"{self.last}: message {number} was UID {message[0]} and is {uid}")
            message[0] = uid
            known = [each[0] for each in self.messages if each[0] is not None]
            if known != sorted(set(known)):
                raise Fault(f"{self.last}: UIDs do not ascend: {known}")
        if "FLAGS" in items:
            message[1] = {str(flag) for flag in items["FLAGS"]} - {"\\Recent"}
        if "RFC822.SIZE" in items and self.box:
            self._ledger.size(self.box, message[0], int(items["RFC822.SIZE"]))
        if "MODSEQ" in items and message[0] is not None:
            modseq = int(items["MODSEQ"][0])
            if modseq < self.modseqs.get(message[0], 0):
                raise Fault(f"{self.last}: MODSEQ of UID {message[0]} went back to {modseq}")
            self.modseqs[message[0]] = modseq

    # What the client does

    def learn(self):
        """Asks for what it was not told."""
        missing = [number for number, message in enumerate(self.messages, 1) if None in message]
        if missing:
            self._run(f"FETCH {','.join(map(str, missing))} (UID FLAGS RFC822.SIZE)", tells_expunges=False)

    def select(self, box=None):
        if self.box and self._random.random() < 0.3:
            self._run(self._random.choice(["UNSELECT", "CLOSE"]))
        self.box, self.messages, self.modseqs = None, [], {}
        box = box or self._random.choice(BOXES)
        if not self._run(f"SELECT {box}").startswith("OK"):
            raise Fault(f"SELECT {box}")
        self.box = box
        self.learn()

    def step(self):
        if not self.box or self._random.random() < 0.05:
            return self.select()
        self.learn()
        self._random.choice([self._append, self._store, self._store, self._fetch, self._search, self._copy, self._expunge,
                             lambda: self._run("NOOP")])()

    def _pick(self):
        """Some of the UIDs it knows."""
        known = [message[0] for message in self.messages if message[0] is not None]
        return sorted(self._random.sample(known, min(len(known), self._random.randint(1, 4))))

    def _append(self):
        message, box = self._random.choice(MESSAGES), self._random.choice(BOXES)
        tagged = self._run(f"APPEND {box} (\\Seen $Label1) {{{len(message)}+}}\r\n".encode() + message)
        uid = int(re.search(r"APPENDUID \d+ (\d+)\]", tagged)[1])
        self._ledger.come(box, [uid])
        self._ledger.size(box, uid, len(message))

    def _store(self):
        flags = " ".join(self._random.sample(FLAGS, self._random.randint(0, 2)))
        how = self._random.choice(["FLAGS", "+FLAGS", "-FLAGS"])
        uids = self._pick()
        if not uids:
            return
        if "\\Deleted" in flags and how != "-FLAGS":
            self._ledger.doom(self.box, uids)
        if self._random.random() < 0.5:
            self._run(f"UID STORE {','.join(map(str, uids))} {how} ({flags})")
        else:
            numbers = [number for number, message in enumerate(self.messages, 1) if message[0] in uids]
            self._run(f"STORE {','.join(map(str, numbers))} {how} ({flags})", tells_expunges=False)

    def _fetch(self):
        if self.messages:
            first = self._random.randint(1, len(self.messages))
            self._run(f"FETCH {first}:* (UID FLAGS RFC822.SIZE ENVELOPE BODY.PEEK[1]<0.20>)", tells_expunges=False)

    def _search(self):
        searches = ["SEARCH UNSEEN", "SEARCH TEXT harbour", "SORT (SUBJECT) UTF-8 ALL"]
        self._run(self._random.choice(searches), tells_expunges=False)

    def _copy(self):
        box, uids, verb = self._random.choice(BOXES), self._pick(), self._random.choice(["COPY", "MOVE"])
        if not uids:
            return
        if verb == "MOVE":
            self._ledger.doom(self.box, uids)
        self.last = f"UID {verb} {','.join(map(str, uids))} {box}"
        untagged, tagged = self._wire.run(self.last)
        said = b"\r\n".join([*untagged, tagged]).decode("utf-8", "replace")
        if match := re.search(r"COPYUID \d+ ([\d:,]+) ([\d:,]+)\]", said):
            self._ledger.copy(self.box, list(expand(match[1])), box, list(expand(match[2])))
        for response in untagged:
            self._take(response, True)

    def _expunge(self):
        if len(self.messages) > 20 or self._random.random() < 0.3:
            self._run("EXPUNGE")

    def settle(self, box):
        """What it has been told of this mailbox, when nothing happens any more: {uid: flags}"""
        if self.box != box:
            return None
        self._run("NOOP")
        if self.box != box:
            return None
        self.learn()
        return {uid: frozenset(flags) for uid, flags in self.messages}


class Stress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.server = QuartetStore(cls.directory, BIN, 1)
        cls.addClassCleanup(cls.server.stop)

    def test_all_see_the_same(self):
        ledger, faults = Ledger(), []
        first = Wire(self.server.imap, user(0), PASSWORD)
        self.addCleanup(first.close)
        for box in BOXES:
            first.run(f"CREATE {box}")
        clients = [Client(self.server.imap, number, ledger) for number in range(CLIENTS)]
        for client in clients:
            self.addCleanup(client.close)
        end = time.monotonic() + SECONDS

        def drive(client):
            try:
                while time.monotonic() < end and not faults:
                    client.step()
            except Exception as fault:
                faults.append(f"{client.box}, {getattr(client, 'last', '')}: {fault!r}")

        threads = [threading.Thread(target=drive, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

        for box in BOXES:
            fresh = Client(self.server.imap, 2, ledger)
            self.addCleanup(fresh.close)
            fresh.select(box)
            truth = fresh.settle(box)
            views = [view for client in clients if (view := client.settle(box)) is not None]
            self.assertGreater(len(views), CLIENTS / 10)
            for view in views:
                self.assertEqual(view, truth, box)
            # What was acknowledged is there, unless somebody deleted it.
            missing = {(box, uid) for uid in ledger.came[box] - set(truth)}
            self.assertEqual(missing - ledger.may_be_gone(), set())
            self.assertEqual(set(truth) - ledger.came[box], set(), box)
        print(f"{sum(client.commands for client in clients)} commands", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
