#!/usr/bin/env python3
"""The same random command sequences to Dovecot and to imapd; what differs must be in the table EXPLAINED."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

from harness import BIN, FULL
from imap_sequences import Sequence
from imap_wire import Atom, Wire, parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from stores import PASSWORD, Dovecot, QuartetStore, user

SEQUENCES, LENGTH = (10_000, 25) if FULL else (300, 25)


def plain(value):
    """Quoted, literal and atom are spellings of one string (RFC 3501 section 9, nstring and astring); NIL is none of them."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, Atom):
        return None if value.upper() == "NIL" else str(value)
    return value


def upper_items(values):
    """Item names of a FETCH response as keys; what an item's name has beside letters stays."""
    return {str(name).upper(): plain(value) for name, value in zip(values[::2], values[1::2])}


def flags_of(values):
    return frozenset(str(flag) for flag in values) - {"\\Recent"}


class Answer:
    """What a server said to one command, as far as both must say the same."""

    def __init__(self, untagged, tagged):
        words = tagged.decode("utf-8", "surrogateescape").split(" ", 1)
        self.status = words[0]
        code = re.match(r"\[([^\]]*)\]", words[1])
        self.code = self._code(code[1]) if code else None
        self.exists, self.expunged, self.fetched, self.other = None, [], {}, []
        for response in untagged:
            self._take(response)

    @staticmethod
    def _code(text):
        name, _, rest = text.partition(" ")
        name = name.upper()
        if name in ("APPENDUID", "COPYUID"):  # without UIDVALIDITY, which each server chooses
            return (name, *(expand(numbers) for numbers in rest.split(" ")[1:]))
        if name in ("READ-ONLY", "READ-WRITE", "TRYCREATE", "NONEXISTENT", "ALREADYEXISTS"):
            return name
        return None

    def _take(self, response):
        if match := re.fullmatch(rb"(\d+) EXISTS", response):
            self.exists = int(match[1])
        elif match := re.fullmatch(rb"(\d+) EXPUNGE", response):
            self.expunged.append(int(match[1]))
        elif match := re.match(rb"(\d+) FETCH ", response):
            items = upper_items(parse(response[match.end():])[0])
            items.pop("MODSEQ", None)
            if "FLAGS" in items:
                items["FLAGS"] = flags_of(items["FLAGS"])
            self.fetched.setdefault(int(match[1]), {}).update(items)
        elif re.fullmatch(rb"\d+ RECENT", response) or response.startswith((b"FLAGS ", b"CAPABILITY ")):
            pass
        elif response.upper().startswith(b"OK "):
            if match := re.match(rb"OK \[(UIDNEXT|COPYUID) ([^\]]*)\]", response):
                self.other.append(self._code(f"{match[1].decode()} {match[2].decode()}") or ("UIDNEXT", match[2]))
        else:
            self.other.append(normal(response))
        self.other.sort(key=repr)  # LIST and STATUS come in any order


def expand(numbers):
    """A set in any spelling."""
    found = set()
    for part in numbers.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((int(first), int(last or first)))
        found.update(range(low, high + 1))
    return frozenset(found)


def normal(response):
    values = parse(response)
    kind = values[0].upper()
    if kind in ("LIST", "LSUB"):
        told = {str(flag).lower() for flag in values[1]} - {"\\marked", "\\unmarked"}
        return (kind, frozenset(told), *(plain(value) for value in values[2:4]))
    if kind == "STATUS":
        return (kind, plain(values[1]), frozenset(zip(map(str, values[2][::2]), map(str, values[2][1::2]))))
    if kind == "SEARCH":
        return (kind, frozenset(values[1:]))
    if kind == "ESEARCH":
        rest = [plain(value) for value in values[1:] if not isinstance(value, list)]
        uid = "UID" in rest
        pairs = [word for word in rest if word != "UID"]
        return (kind, uid, frozenset((name.upper(), expand(value)) for name, value in zip(pairs[::2], pairs[1::2])))
    return (kind, repr(plain(values[1:])))


class Difference:
    """One thing that two answers to a command have different: a field of Answer, or an item of a message's FETCH."""

    def __init__(self, sequence, command, name, one, two, item=None):
        self.seed, self.read_only = sequence.seed, sequence.read_only
        self.command, self.name, self.item, self.one, self.two = command, name, item, one, two
        words = command.split(b" " if isinstance(command, bytes) else " ", 2)
        self.verb = "APPEND" if isinstance(command, bytes) else words[1] if words[0] == "UID" else words[0]

    def __repr__(self):
        return f"seed {self.seed}: {self.command}\n  {self.name} {self.item or ''}\n  Dovecot {self.one}\n  imapd   {self.two}"


def compare(sequence, command, one, two):
    found = [Difference(sequence, command, name, getattr(one, name), getattr(two, name))
             for name in ("status", "code", "exists", "expunged", "other") if getattr(one, name) != getattr(two, name)]
    for number in sorted(set(one.fetched) | set(two.fetched)):
        left, right = one.fetched.get(number, {}), two.fetched.get(number, {})
        found += [Difference(sequence, command, "fetched", left.get(item), right.get(item), item)
                  for item in sorted(set(left) | set(right)) if left.get(item) != right.get(item)]
    return found


def without_children(entries):
    return sorted(((entry[0], sorted(entry[1] - {"\\haschildren", "\\hasnochildren"}), *entry[2:])
                   if entry[0] in ("LIST", "LSUB") else entry for entry in entries), key=repr)


def said_noselect(one, two):
    """Whether they differ only in \\Noselect that `one` has, of leaves."""
    def without(entries):
        return sorted((entry[0], sorted(entry[1] - {"\\noselect"}), *entry[2:]) for entry in entries)

    return ({entry[0] for entry in one + two} == {"LIST"} and without(one) == without(two)
            and all("\\hasnochildren" in entry[1] for entry in one if "\\noselect" in entry[1]))


def lost_date(difference):
    return (difference.item == "ENVELOPE" and difference.one[0] is None
            and repr(difference.one[1:]) == repr(difference.two[1:]).replace("folded  subject", "folded subject"))


def shifted(one, two):
    return len(one) == len(two) and (one[1:] == two[:-1] or one[:-1] == two[1:])


def sorted_numbers(answers):
    return [(kind, sorted(re.findall(r"\d+", numbers))) for kind, numbers in answers]


# What the RFCs leave to the server. `one` is what Dovecot says, `two` what imapd says.
EXPLAINED = {
    "RFC 5530 section 3: response codes of refusals are for servers that have them":
        lambda d: d.name == "code" and d.one is None and d.two in ("NONEXISTENT", "ALREADYEXISTS"),
    "RFC 3501 section 6.4.5 does not say what a part is that the message does not have: NIL, or empty":
        lambda d: d.name == "fetched" and d.item.startswith("BODY[") and (d.one, d.two) == ("", None),
    "RFC 3501 section 6.4.5: what is not multipart has no parts within; Dovecot takes 1.1 for 1":
        lambda d: d.name == "fetched" and re.match(r"BODY\[\d\.1\]", d.item) and d.two is None,
    "RFC 2046 section 5.1.1: the line end before a boundary belongs to it; Dovecot leaves it to a multipart within":
        lambda d: (d.name == "fetched" and d.item.startswith("BODY[") and d.one and d.two
                   and d.one.rstrip("\r\n") == d.two),
    "RFC 3501 section 9 (date-day-fixed): a day of one digit has a space or a 0 before it":
        lambda d: d.item == "INTERNALDATE" and d.one.removeprefix("0") == d.two.removeprefix(" "),
    "RFC 5322 section 2.2.3: unfolding takes out the line end alone; Dovecot makes one space of what follows":
        lambda d: d.item == "ENVELOPE" and repr(d.one) == repr(d.two).replace("folded  subject", "folded subject"),
    "RFC 3501 section 6.4.7: Dovecot does not look for the mailbox when there is no message to copy":
        lambda d: d.verb in ("COPY", "MOVE") and (d.name == "code" and (d.one, d.two) == (None, "TRYCREATE")
                                                  or d.name == "status" and (d.one, d.two) == ("OK", "NO")),
    "RFC 3501 section 6.4.4 (OR): Dovecot errs when both keys are flags that are not set":
        lambda d: d.name == "other" and re.search(r"OR \(?(UN|NOT )[A-Z]+( (UN|NOT )[A-Z]+\))? (UN|NOT )[A-Z]+", d.command),
    "RFC 3501 section 6.4.4 (TEXT, BODY) does not say whether fields of MIME parts are searched; imapd searches what is read":
        lambda d: d.name == "other" and re.search(r'(TEXT|BODY) "(plain|re|example|ann)"', d.command),
    "RFC 5256 section 3: the second key orders what the first leaves equal, and REVERSE is of one key; Dovecot fails at times":
        lambda d: d.verb == "SORT" and sorted_numbers(d.one) == sorted_numbers(d.two),
    "RFC 3501 section 7.4.2 (ENVELOPE): Dovecot loses the date at times":
        lambda d: lost_date(d) or d.verb == "THREAD" and sorted_numbers(d.one) == sorted_numbers(d.two)
        and any(map(lost_date, d.beside)),
    "RFC 3501 section 6.4.5 (partial): Dovecot begins one octet early or late at times":
        lambda d: d.name == "fetched" and d.item.endswith(">") and shifted(d.one or "", d.two or ""),
    "RFC 3501 section 6.4.6: STORE answers with the flags; Dovecot leaves out messages where none changed":
        lambda d: d.verb == "STORE" and d.name == "fetched" and d.item in ("FLAGS", "UID") and d.one is None,
    "RFC 3501 section 6.3.2: nothing changes after EXAMINE; Dovecot says OK and does nothing":
        lambda d: d.verb in ("STORE", "EXPUNGE", "MOVE") and d.read_only and d.name in ("status", "code"),
    "RFC 5258 section 3: \\HasChildren and \\HasNoChildren may be told without being asked for":
        lambda d: d.verb in ("LIST", "LSUB") and d.name == "other" and without_children(d.one) == without_children(d.two),
    "RFC 3501 section 7.2.2 (\\Noselect): Dovecot says it of a mailbox that is there, if another session works on it just then":
        lambda d: d.verb == "LIST" and d.name == "other" and said_noselect(d.one, d.two),
}


@unittest.skipIf(os.geteuid() != 0, "only root can start Dovecot with a user of its own for the mail")
class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.directory.chmod(0o755)
        cls.servers = []
        for make in (lambda: Dovecot("dovecot", "sdbox", cls.directory, 1), lambda: QuartetStore(cls.directory, BIN, 1)):
            cls.servers.append(make())
            cls.addClassCleanup(cls.servers[-1].stop)

    def differences(self, seed):
        wires = [Wire(server.imap, user(0), PASSWORD) for server in self.servers]
        found, beside = [], []
        sequence = Sequence(seed)
        for command in sequence.commands(LENGTH):
            one, two = (Answer(*wire.run(command)) for wire in wires)
            differences = compare(sequence, command, one, two)
            if any(difference.verb == "THREAD" for difference in differences):
                # Whether it is a date that one of them does not see.
                look = b"FETCH 1:* (ENVELOPE)"
                beside += compare(sequence, look, *(Answer(*wire.run(look)) for wire in wires))
            found += differences
            sequence.learn(command, one.status, one.exists, len(one.expunged))
        for difference in found:
            difference.beside = found + beside
        for wire in wires:
            wire.run("LOGOUT")
            wire.close()
        return found

    def test_random_sequences(self):
        unexplained = []
        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            for differences in workers.map(self.differences, range(SEQUENCES)):
                unexplained += [difference for difference in differences
                                if not any(test(difference) for test in EXPLAINED.values())]
        self.assertEqual(unexplained, [], "\n".join(map(repr, unexplained[:20])))


if __name__ == "__main__":
    unittest.main()
