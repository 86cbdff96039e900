"""The power fails at any moment under load: what was acknowledged is in the store, and clients see no mailbox twice.

While mda and imapd work on one store every change of its files is recorded (disk_record.c), and what clients were told
along with it. For points of that record the directory is made as a disk may hold it then (disk_image.py), and an imapd
on it must show: every acknowledged message whole and under its UID, acknowledged flags, moves and expunges, no UID given
twice, no mod-sequence that went back, counters that are right. The last of these directories is where the next round of load
begins. QUARTET_FULL=1 has more rounds with more points. Whose files these are, the agents' or a database server's, a test
says (power_test.py, postgres_power_test.py).
"""
import copy
import functools
import os
import pathlib
import random
import re
import subprocess

import disk_image
import harness
import traffic
from kill_test import KillTestCase
from sites.process import Process, wait_until

ROUNDS, _CUTS, _CHANGES = (4, 30, 30) if harness.FULL else (2, 12, 15)
_SESSIONS = 3
_OWN_NUMBERS = 900_000_000  # of messages that are appended to look for a UID given twice


class Mailbox:
    """What a client sees of one: {uid: Message}, and its STATUS."""

    def __init__(self, reader, name, whole):
        kind, answer = reader.select(name)
        if kind != "OK":
            raise AssertionError(f"{name}: {answer}")
        status = reader.status(name, "(UIDNEXT UIDVALIDITY HIGHESTMODSEQ MESSAGES UNSEEN)")[1][0].decode()
        self.name = name
        self.status = {key: int(value) for key, value in re.findall(r"([A-Z]+) (\d+)", status.rpartition("(")[2])}
        part = "BODY.PEEK[]" if whole else "BODY.PEEK[HEADER.FIELDS (X-Number)]"
        answer = reader.uid("FETCH", "1:*", f"(FLAGS MODSEQ ENVELOPE {part})")[1]
        self.messages = {}
        for item, rest in zip(answer, answer[1:]):
            if isinstance(item, tuple):
                message = Message(item[0] + rest, item[1], whole)
                self.messages[message.uid] = message


class Message:
    def __init__(self, items, text, whole):
        items = items.decode()
        self.uid = int(re.search(r"UID (\d+)", items)[1])
        self.modseq = int(re.search(r"MODSEQ \((\d+)\)", items)[1])
        self.flags = set(re.search(r"FLAGS \(([^)]*)\)", items)[1].split()) - {r"\Recent"}
        self.number = traffic.number_of(text) if whole else int(re.search(rb"X-Number: (\d+)", text)[1])
        in_index = int(re.search(r'"<(\d+)@load.example>"', items)[1])
        if in_index != self.number:
            raise AssertionError(f"UID {self.uid} is message {in_index} with the body of {self.number}")


class Promises:
    """What clients were told so far. A change that was begun and not acknowledged is `open`: it is there or not."""

    def __init__(self):
        self.there = set()     # (user, number)
        self.gone = set()      # numbers, as those below
        self.moved = set()
        self.flags = {}        # number -> set
        self.open = {}         # number -> (kind, flags)
        self.uids = {}         # (user, mailbox, uid) -> number
        self.least = {}        # (user, mailbox) -> status
        self.modseqs = {}      # (mailbox, number) -> modseq

    def note(self, fact):
        kind = fact["kind"]
        if kind == "there":
            self.there.add((fact["user"], fact["number"]))
        elif kind == "begun":
            self.open[fact["number"]] = (fact["what"], set(fact["flags"]))
        elif kind == "done":
            what, flags = self.open.pop(fact["number"])
            if what == "expunge":
                self.gone.add(fact["number"])
            elif what == "move":
                self.moved.add(fact["number"])
            else:
                self.flags[fact["number"]] = flags
        else:
            place = fact["user"], fact["mailbox"]
            self.least[place] = fact["status"]
            for uid, number, modseq in fact["messages"]:
                self.uids[*place, uid] = number
                self.modseqs[place[1], number] = modseq

    def faults(self, user, mailboxes):
        """What is wrong with a user's mailboxes."""
        where = {}
        for mailbox in mailboxes:
            yield from self._faults_of_mailbox(user, mailbox)
            for message in mailbox.messages.values():
                if message.number in where:
                    yield f"message {message.number} is there twice"
                where[message.number] = mailbox.name, message
        for number in (number for owner, number in self.there if owner == user):
            open_change = self.open.get(number, (None, None))[0]
            if number not in where and number not in self.gone and open_change != "expunge":
                yield f"message {number} of {user} is lost"
            elif number in where and number in self.gone:
                yield f"message {number} is back"
            elif number in where and (number in self.moved) != (where[number][0] == "Moved") and open_change != "move":
                yield f"message {number} is in {where[number][0]}"
        for number, flags in self.flags.items():
            what, more = self.open.get(number, (None, set()))
            allowed = [flags, {"flags": more, "expunge": flags | {r"\Deleted"}}.get(what, flags)]
            if number in where and where[number][1].flags not in allowed:
                yield f"message {number} has the flags {where[number][1].flags}, not {flags}"

    def _faults_of_mailbox(self, user, mailbox):
        place = user, mailbox.name
        for uid, message in mailbox.messages.items():
            if self.uids.get((*place, uid), message.number) != message.number:
                yield f"UID {uid} was message {self.uids[*place, uid]} and is {message.number}"
            if message.modseq < self.modseqs.get((mailbox.name, message.number), 0):
                yield f"the MODSEQ of UID {uid} went back to {message.modseq}"
        status, least = mailbox.status, self.least.get(place, mailbox.status)
        if status["UIDVALIDITY"] != least["UIDVALIDITY"]:
            yield f"{place} has another UIDVALIDITY"
        yield from (f"{key} of {place} went back from {least[key]} to {status[key]}"
                    for key in ("UIDNEXT", "HIGHESTMODSEQ") if status[key] < least[key])
        unseen = sum(r"\Seen" not in message.flags for message in mailbox.messages.values())
        if (status["MESSAGES"], status["UNSEEN"]) != (len(mailbox.messages), unseen):
            yield f"{place} counts {status} and has {len(mailbox.messages)} messages, {unseen} unseen"

    def settle(self, mailboxes):
        """What was open turned out as it is in the mailboxes of the user whose messages are changed."""
        where = {message.number: (mailbox.name, message) for mailbox in mailboxes for message in mailbox.messages.values()}
        for number, (what, _) in self.open.items():
            if what == "expunge" and number not in where:
                self.gone.add(number)
            elif what == "expunge":
                self.flags[number] = where[number][1].flags  # it may have got as far as \Deleted
            elif what == "move" and where[number][0] == "Moved":
                self.moved.add(number)
            elif what == "flags":
                self.flags[number] = where[number][1].flags
        self.open.clear()


def without_end(text):
    """An mda's configuration; a session that has sent its thousand would be told to come anew."""
    return text + "limits { transactions: 1000000 }\n"


class PowerFailure(KillTestCase):
    """`disk`: what is recorded; `beside`: a directory for the record, whose writers may be another user."""

    rounds = ROUNDS
    agents_environment = {}  # while the load lasts
    entries_too = False      # see disk_image

    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("QUARTET_SEED") or random.randrange(1 << 32))
        self.chance = random.Random(seed)
        print(f"\nQUARTET_SEED={seed}", flush=True)
        self.changed = self.site.users[1]  # whose messages are changed
        self.promises = Promises()

    def record_to(self, disk, beside):
        """The environment of who writes below `disk`."""
        self.disk, self.trace, self.scratch = disk, beside / "trace", beside / "durable"
        library = beside / "disk_record.so"
        source = pathlib.Path(__file__).with_name("disk_record.c")
        subprocess.run(["clang-19", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        return {"LD_PRELOAD": str(library), "DISK_RECORD": str(self.trace), "DISK_RECORD_UNDER": str(self.disk)}

    def start_disk(self, recorded):
        """Before the agents start on it."""

    def end_disk(self, in_order):
        """After the agents have ended."""

    def cut_at_any_point(self):
        records = 0
        for number in range(self.rounds):
            self.trace.write_bytes(b"")
            self.trace.chmod(0o666)
            disk = disk_image.Disk(self.disk, self.scratch, self.entries_too)
            self.work(number)
            records += self.cut(number, disk)
            disk_image.remove(disk.scratch)
        print(f"{self.rounds * _CUTS} power failures in {records} changes: {len(self.promises.there)} messages promised, "
              f"{len(self.promises.gone)} expunged, {len(self.promises.moved)} moved", flush=True)

    # Under load

    def work(self, number):
        """All is started anew in between: what is done then belongs to the record too."""
        self.facts = os.open(self.trace, os.O_WRONLY | os.O_APPEND)
        for part in range(2):
            self.start_disk(recorded=True)
            for agent in ("mda", "imapd"):
                self.site.processes[agent] = Process(
                    f"{agent}@a", [harness.BIN / agent, "--config", self.site.config_file(agent)],
                    self.site.directory / f"log/{agent}.log", self.agents_environment)
                self.site.start_agent(agent, harness.BIN)
            senders = self.senders(4 * number + 2 * part)
            running = [(one, self.loop.start(one.run(_SESSIONS))) for one in senders]
            wait_until(lambda: all(one.acknowledged for one in senders), 60, "messages")
            self.change_messages()
            for one, future in running:
                one.stop()
                future.result(90)
                self.assertEqual((one.faults, one.refusals), ([], []))
            self.end_agents()
            self.end_disk(in_order=part == 0)
        os.close(self.facts)

    def senders(self, set_of_numbers):
        users = [user.address for user in self.site.users]
        login = (users[0], self.site.users[0].password)

        def noting(send):
            async def send_and_note(session, number):
                keys = await send(session, number)
                for number, user in keys:
                    self.note("there", user=user, number=number)
                return keys
            return send_and_note

        return [
            traffic.Senders(functools.partial(traffic.open_lmtp, (self.site.address, self.site.port("lmtp"))),
                            noting(functools.partial(traffic.deliver_by_lmtp, recipients=users)), set_of_numbers),
            traffic.Senders(functools.partial(traffic.open_imap, (self.site.address, self.site.port("imaps")), self.tls(), login),
                            noting(functools.partial(traffic.append_by_imap, user=users[0])), set_of_numbers + 1)]

    def note(self, kind, **more):
        disk_image.append_fact(self.facts, {"kind": kind, **more})

    def change_messages(self):
        reader = self.reader(self.site, self.changed, mailbox=None)
        reader.create("Moved")
        for _ in range(_CHANGES):
            mailbox = Mailbox(reader, "INBOX", whole=False)
            self.note("seen", user=self.changed.address, mailbox="INBOX", status=mailbox.status,
                      messages=[(one.uid, one.number, one.modseq) for one in mailbox.messages.values()])
            for message in self.chance.sample(sorted(mailbox.messages.values(), key=lambda one: one.uid),
                                              min(4, len(mailbox.messages))):
                self.change(reader, message)
        reader.logout()

    def change(self, reader, message):
        what = self.chance.choice(["flags", "flags", "move", "expunge"])
        flags = sorted(self.chance.sample([r"\Seen", r"\Flagged", "$Forwarded", "work"], 2)) if what == "flags" else []
        commands = {"flags": [("STORE", "FLAGS.SILENT", f"({' '.join(flags)})")], "move": [("MOVE", "Moved")],
                    "expunge": [("STORE", "+FLAGS.SILENT", r"(\Deleted)"), ("EXPUNGE",)]}[what]
        self.note("begun", number=message.number, what=what, flags=flags)
        for command, *arguments in commands:
            kind, answer = reader.uid(command, str(message.uid), *arguments)
            self.assertEqual(kind, "OK", answer)
        self.note("done", number=message.number)

    # The power fails

    def cut(self, number, disk):
        """Looks at directories of this round's record; the last one stays."""
        kinds = [record.operation for record in disk_image.read(self.trace)]
        told = [place + 1 for place, kind in enumerate(kinds) if kind == "F"]
        cuts = sorted(self.chance.sample(told, _CUTS // 2) + self.chance.sample(range(1, len(kinds)), _CUTS - _CUTS // 2))
        for place, record in enumerate(disk_image.read(self.trace)):
            while cuts and cuts[0] == place:
                cuts.pop(0)
                self.look(disk, f"round {number}, change {place}", last=not cuts)
            if not cuts:
                break
            disk.apply(record)
            if record.operation == "F":
                self.promises.note(disk_image.fact(record))
        return len(kinds)

    def look(self, disk, what, last):
        disk_image.remove(self.disk)
        disk.write_image(self.disk, self.chance)
        self.site.processes.clear()
        with self.subTest(what):
            self.start_disk(recorded=False)
            self.site.start_agent("imapd", harness.BIN)
            promises = self.promises if last else copy.deepcopy(self.promises)
            for user in self.site.users:
                self.look_at_user(promises, user)
        # It is gone on with as it is, so it ends in order then; SQLite's shared memory is nothing a disk keeps.
        self.end_agents() if last else self.site.processes["imapd"].kill()
        self.end_disk(in_order=last)

    def look_at_user(self, promises, user):
        reader = self.reader(self.site, user, mailbox=None)
        names = ["INBOX"] + (["Moved"] if user is self.changed and "OK" == reader.select("Moved")[0] else [])
        mailboxes = [Mailbox(reader, name, whole=True) for name in names]
        faults = list(promises.faults(user.address, mailboxes))
        if faults:
            self.fail(f"{len(faults)} faults: {faults[:10]} ...")
        if user is self.changed:
            promises.settle(mailboxes)
        number = _OWN_NUMBERS + len(promises.there)
        least = max([promises.least.get((user.address, "INBOX"), {"UIDNEXT": 1})["UIDNEXT"], *(uid + 1 for uid in mailboxes[0].messages)])
        kind, answer = reader.append("INBOX", None, None, traffic.content(number))
        self.assertEqual(kind, "OK", answer)
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", answer[0])[1])
        self.assertGreaterEqual(uid, least, "a UID is given twice")
        promises.there.add((user.address, number))
        reader.logout()
