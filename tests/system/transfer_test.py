#!/usr/bin/env python3
"""quartet-transfer: mail in and out of a store that agents are at work on, from and to what Python's mailbox module reads
and writes, and what becomes of a transfer that is killed."""
import functools
import json
import mailbox
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

from transfers import MANY, TransferTestCase, expected, fill_maildir, text_of

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fault"))
import traffic


class Transfer(TransferTestCase):
    # Python's mailbox module

    def test_maildir_of_python_there_and_back(self):
        box = mailbox.Maildir(self.home / "box")
        for number, (flags, folder) in enumerate([("", None), ("FS", None), ("R", "Work.Old"), ("DT", "Work.Old")]):
            message = mailbox.MaildirMessage(text_of(number))
            message.set_flags(flags)
            message.set_date(1_600_000_000 + number)
            message.set_subdir("cur" if flags else "new")
            (box.add_folder(folder) if folder else box).add(message)
        report = self.transfer("import", "maildir", self.home / "box", "--into", "Python")
        self.assertEqual((report["messages"], report["mailboxes"]), (4, 2))
        self.assertEqual(self.far("Python"),
                         {"<0@many>": ("", [], 1_600_000_000), "<1@many>": ("FS", [], 1_600_000_001)})
        self.assertEqual(self.far("Python/Work/Old"),
                         {"<2@many>": ("R", [], 1_600_000_002), "<3@many>": ("DT", [], 1_600_000_003)})

        reader = self.reader(self.site, self.account, "Python")
        reader.store("1", "+FLAGS", "(\\Seen $Forwarded)")
        self.transfer("export", "maildir", self.home / "out", "--mailbox", "Python", "--mailbox", "Python/Work/Old")
        back = mailbox.Maildir(self.home / "out", create=False).get_folder("Python")
        self.assertEqual({m["Message-ID"]: m.get_flags() for m in back}, {"<0@many>": "PSa", "<1@many>": "FS"})
        self.assertEqual({m["Message-ID"]: m.get_date() for m in back},
                         {"<0@many>": 1_600_000_000, "<1@many>": 1_600_000_001})
        self.assertEqual(next(iter(back)).get_payload(), "From here\n")
        old = mailbox.Maildir(self.home / "out", create=False).get_folder("Python.Work.Old")
        self.assertEqual({m["Message-ID"]: m.get_flags() for m in old}, {"<2@many>": "R", "<3@many>": "DT"})

    def test_mbox_of_python_there_and_back(self):
        box = mailbox.mbox(self.home / "box")
        for number, flags in enumerate(["", "RO", "FA", "ROD"]):
            message = mailbox.mboxMessage(text_of(number))
            message.set_from("ann@a.example", time.gmtime(1_600_000_000 + number))
            message.set_flags(flags)
            box.add(message)
        box.close()
        self.transfer("import", "mbox", self.home / "box", "--into", "Box")
        there = {"<0@many>": ("", [], 1_600_000_000), "<1@many>": ("S", [], 1_600_000_001),
                 "<2@many>": ("FR", [], 1_600_000_002), "<3@many>": ("ST", [], 1_600_000_003)}
        self.assertEqual(self.far("Box"), there)
        self.transfer("export", "mbox", self.home / "out", "--mailbox", "Box")
        back = mailbox.mbox(self.home / "out", create=False)
        self.addCleanup(back.close)
        self.assertEqual([(m["Message-ID"], "".join(sorted(m.get_flags()))) for m in back],
                         [("<0@many>", "O"), ("<1@many>", "OR"), ("<2@many>", "AFO"), ("<3@many>", "DOR")])
        self.assertEqual(back[0].get_payload(), ">From here\n")
        self.assertIn("Sun Sep 13 12:26:40 2020", back[0].get_from())
        # And again: what is there is the same.
        self.transfer("import", "mbox", self.home / "out", "--into", "Again")
        self.assertEqual(self.far("Again"), there)

    def test_quartetctl_hands_it_on(self):
        fill_maildir(self.home / "box", 3)
        command = [self.pair.binaries / "quartetctl", "import", "maildir", self.home / "box", "--into", "Handed",
                   "--account", self.account.address]
        out = self.run_program(*command, "--json", environment={"QUARTET_STORE": str(self.store)})
        self.assertEqual(json.loads(out)["messages"], 3)
        self.assertEqual(self.far("Handed"), expected(3))
        done = subprocess.run([str(word) for word in [*command, "--store", self.home]], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is this a store?", done.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_root_becomes_the_owner_of_the_store(self):
        fill_maildir(self.home / "box", 3)
        (self.home / "box").chmod(0o700)
        for directory in (self.directory, self.home):
            directory.chmod(0o755)
        ctl = self.pair.binaries / "quartetctl"
        self.run_program(ctl, "store", "backup", self.store, self.home / "backup")
        copy = self.home / "store"
        self.run_program(ctl, "store", "restore", self.home / "backup", copy)
        paths = lambda: [copy, *copy.rglob("*")]
        for path in paths():
            shutil.chown(path, "nobody", "nogroup")
        self.store = copy
        self.assertEqual(self.transfer("import", "maildir", self.home / "box", "--into", "Owned")["messages"], 3)
        self.assertEqual({path.owner() for path in paths()}, {"nobody"})
        self.check_store()

    def test_a_session_is_told(self):
        fill_maildir(self.home / "box", 2)
        reader = self.reader(self.site, self.other)
        reader.idle()
        self.transfer("import", "maildir", self.home / "box", account=self.other)
        reader.wait_for(rb"EXISTS")
        reader.done()

    # kill -9

    def test_import_is_killed_while_mail_comes_in(self):
        fill_maildir(self.home / "box", MANY)
        state = self.home / "state"
        words = ("import", "maildir", self.home / "box", "--resume", state)
        loop = traffic.Loop()
        self.addCleanup(loop.close)
        senders = traffic.Senders(
            functools.partial(traffic.open_lmtp, (self.site.address, self.site.port("lmtp"))),
            functools.partial(traffic.deliver_by_lmtp, recipients=[self.account.address]))
        running = loop.start(senders.run(2))
        killed = self.kill_at(state, ["done", "batch", "batch", "done"], *words)
        self.assertGreater(killed, 1)
        report = self.transfer(*words)
        senders.stop()
        running.result(90)
        self.assertEqual(senders.faults, [])
        self.assertGreater(report["known"], 0)
        self.assertEqual(self.far("INBOX"), expected(MANY))
        self.assertEqual(self.transfer(*words)["messages"], 0)
        self.check_store()

    def test_exports_are_killed(self):
        fill_maildir(self.home / "box", MANY)
        self.transfer("import", "maildir", self.home / "box", "--into", "Export")
        out = self.home / "out"
        words = ("export", "maildir", out, "--mailbox", "Export", "--resume", self.home / "state")
        cur = out / ".Export" / "cur"
        files = lambda: len(list(cur.iterdir())) if cur.exists() else 0
        killed = 0
        for _ in range(3):
            so_far = files()
            killed += self.kill_when(lambda: files() > so_far, *words)
        self.assertGreater(killed, 0)
        self.transfer(*words)
        back = mailbox.Maildir(out, create=False).get_folder("Export")
        self.assertEqual(sorted(m["Message-ID"] for m in back), sorted(expected(MANY)))

        box, state = self.home / "mbox", self.home / "mbox-state"
        words = ("export", "mbox", box, "--mailbox", "Export", "--resume", state)
        size = lambda: box.stat().st_size if box.exists() else 0
        killed = 0
        for _ in range(3):
            so_far = size()
            killed += self.kill_when(lambda: size() > so_far, *words)
        self.assertGreater(killed, 0)
        self.transfer(*words)
        back = mailbox.mbox(box, create=False)
        self.addCleanup(back.close)
        self.assertEqual([m["Message-ID"] for m in back], list(expected(MANY)))


if __name__ == "__main__":
    unittest.main()
