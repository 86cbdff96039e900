"""What the tests of quartet-transfer share: mail to transfer, and ways to run and to kill it."""
import imaplib
import json
import os
import subprocess
import time

from harness import FULL, SitesTestCase
from sites.process import wait_until

MANY = 50_000 if FULL else 6_000
LETTERS = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D", "\\Deleted": "T"}


def text_of(number, size=0):
    return (f"From: ann@a.example\nMessage-ID: <{number}@many>\nSubject: {number}\n\nFrom here\n"
            + "some text of a letter\n" * (size // 22))


def fill_maildir(box, count, first=0):
    for part in ("cur", "new", "tmp"):
        (box / part).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        flags = "".join(letter for bit, letter in enumerate("DFRS") if number >> bit & 1)
        path = box / "cur" / f"{1_600_000_000 + number}.U{number}.host:2,{flags}"
        path.write_text(text_of(number, number % 2000))
        os.utime(path, (1_600_000_000 + number,) * 2)


def read_mailbox(reader):
    """{Message-ID: (flags, keywords, seconds of the internal date)} of the messages text_of() made in what is selected;
    none may be there twice."""
    found = {}
    rows = reader.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
    for row, rest in zip(rows, [*rows[1:], b""]):
        if not isinstance(row, tuple):
            continue
        about = row[0] + (b"" if isinstance(rest, tuple) else rest)  # some tell the flags behind the literal
        name = row[1].decode().partition(": ")[2].strip()
        if not name.endswith("@many>"):
            continue
        assert name not in found, f"{name} is there twice"
        flags = [flag.decode() for flag in imaplib.ParseFlags(about)]
        found[name] = ("".join(sorted(LETTERS[flag] for flag in flags if flag in LETTERS)),
                       sorted(flag for flag in flags if not flag.startswith("\\")),
                       int(time.mktime(imaplib.Internaldate2tuple(about))))
    return found


def expected(count):
    return {f"<{number}@many>": ("".join(letter for bit, letter in enumerate("DFRS") if number >> bit & 1), [],
                                 1_600_000_000 + number) for number in range(count)}


class TransferTestCase(SitesTestCase):
    def setUp(self):
        self.site = self.pair.b
        self.account, self.other = self.site.users[:2]
        self.store = self.site.directory / "store"
        self.home = self.scratch()

    def words(self, *words, account=None):
        return [str(self.pair.binaries / "quartet-transfer"), *map(str, words), "--store", str(self.store), "--account",
                (account or self.account).address]

    def transfer(self, *words, account=None, code=0):
        done = subprocess.run([*self.words(*words, account=account), "--json"], capture_output=True, text=True,
                              timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def far(self, name, account=None):
        reader = self.reader(self.site, account or self.account, None)
        self.assertEqual(reader.select(name, readonly=True)[0], "OK")
        return read_mailbox(reader)

    def check_store(self):
        self.run_program(self.pair.binaries / "quartetctl", "store", "check", self.store)

    def kill_when(self, condition, *words):
        """Runs quartet-transfer and kills it as soon as it is so far; whether it was still at work."""
        process = subprocess.Popen(self.words(*words), stdout=subprocess.DEVNULL)
        wait_until(lambda: condition() or process.poll() is not None, 120, "the transfer under way")
        process.kill()
        return process.wait() == -9

    def kill_at(self, state, lines, *words):
        """Kills a run as soon as the state file has one more line of the kind, for each of `lines`; how many were."""
        killed = 0
        for kind in lines:
            count = lambda: state.read_text(errors="replace").count(f"\n{kind} ") if state.exists() else 0
            so_far = count()
            killed += self.kill_when(lambda: count() > so_far, *words)
        return killed
