#!/usr/bin/env python3
"""An account that moves between a store in a directory and one in PostgreSQL, and back, while mail comes in and clients
are connected; once the agent that moves it is killed."""
import functools
import json
import mailbox
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
import mbsync
import second_imapd
from sites.process import wait_until
from sites.reader import Reader

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / part) for part in ("fault", "support")]
import traffic
import with_postgres

LOCK = 1
# No further body is let into the store there, once it has messages, while somebody has the lock.
HOLD = f"""
CREATE FUNCTION quartet.hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE shard name; found boolean;
BEGIN
  FOR shard IN SELECT schemaname FROM pg_tables WHERE tablename = 'message' LOOP
    EXECUTE format('SELECT EXISTS(SELECT FROM %I.message)', shard) INTO found;
    IF found THEN PERFORM pg_advisory_xact_lock({LOCK}); EXIT; END IF;
  END LOOP;
  RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE INSERT ON quartet.body FOR EACH STATEMENT EXECUTE FUNCTION quartet.hold();
"""
LETTERS = 3_000 if harness.FULL else 1_200


class AccountMove(harness.SitesTestCase):
    @classmethod
    def setUpClass(cls):
        context = with_postgres.server()
        cls.server = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        hints = tempfile.mkdtemp(prefix="quartet-pg-")
        cls.addClassCleanup(shutil.rmtree, hints, True)
        stores = (f'additional_store {{ name: "pg" directory: "{hints}/store" '
                  f'database: "{cls.server.conninfo} dbname=postgres" }}\n')
        cls.options = {"overrides": {"b": {"mda": stores, "imapd": stores}}}
        super().setUpClass()
        cls.site, cls.user = cls.pair.b, cls.pair.b.users[1]
        # A process that nobody tells of the move.
        cls.addClassCleanup(second_imapd.start(cls.site, harness.BIN, elsewhere=False).stop)

    def second_reader(self):
        reader = Reader(self.site.address, second_imapd.PORTS["imap"], timeout=60)
        self.addCleanup(self._close, reader)
        reader.starttls(self.tls())
        reader.login(self.user.address, self.user.password)
        self.assertEqual(reader.select("INBOX")[0], "OK")
        return reader

    def move(self, *words, code=0, agent="imapd"):
        done = subprocess.run([str(self.pair.binaries / "quartetctl"), "--target", self.site.endpoint(f"{agent}_control"),
                               "--json", "account", "move", self.user.address, *words],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout.splitlines()[0]) if code == 0 else done.stderr

    def place(self, agent="mda"):
        return self.quartetctl(self.site, agent, "account", "show", self.user.address)["account"]["store"]

    def senders(self, set_of_numbers, pause=0):
        listener = self.site.address, self.site.port("lmtp")
        return traffic.Senders(functools.partial(traffic.open_lmtp, listener),
                               functools.partial(traffic.deliver_by_lmtp, recipients=[self.user.address]),
                               set_of_numbers, pause)

    def look(self):
        """{(mailbox, UID): what FETCH says of it}, and what SELECT says of each mailbox."""
        reader = self.reader(self.site, self.user, None)
        messages, boxes = {}, {}
        for row in reader.list()[1]:
            name = row.decode().rpartition(' "/" ')[2]
            if reader.select(name)[0] != "OK":
                continue
            boxes[name] = (reader.response("UIDVALIDITY")[1], reader.status(name, "(MAILBOXID)")[1])
            reader.select(name, readonly=True)
            items = "(UID FLAGS INTERNALDATE RFC822.SIZE EMAILID THREADID SAVEDATE MODSEQ)"
            for item in reader.uid("FETCH", "1:*", items)[1]:
                if item is None:
                    continue
                text = item.decode()
                uid = int(re.search(r"UID (\d+)", text)[1])
                flags = " ".join(sorted(flag for flag in re.search(r"FLAGS \(([^)]*)\)", text)[1].split()
                                        if flag != "\\Recent"))
                messages[name, uid] = flags + re.sub(r"FLAGS \([^)]*\)|^\d+ ", "", text)
        reader.logout()
        return messages, boxes

    def numbers(self):
        """The number of each message by its UID; those of the test's own are no numbered ones."""
        reader = self.reader(self.site, self.user)
        found = {}
        for item in reader.uid("FETCH", "1:*", "(UID BODY.PEEK[])")[1]:
            if isinstance(item, tuple) and b"X-Number: " in item[1]:
                found[int(re.search(rb"UID (\d+)", item[0])[1])] = traffic.number_of(item[1])
        reader.logout()
        return found

    def mbsync(self, home):
        if not (home / "mbsyncrc").exists():
            mbsync.configure(home, self.site, self.user)
        self.run_program("mbsync", "-c", home / "mbsyncrc", "-a", timeout=300)
        # A message that is fetched anew gets another name.
        return set(mailbox.Maildir(home / "local" / "INBOX", create=False).keys())

    def prepare(self, loop):
        senders = self.senders(1)
        running = loop.start(senders.run(4))
        wait_until(lambda: len(senders.acknowledged) >= LETTERS, 200, "letters")
        senders.stop()
        running.result(90)
        reader = self.reader(self.site, self.user)
        reader.store("1:100", "+FLAGS", r"(\Seen)")
        reader.store("50:150", "+FLAGS", r"($Work Later)")
        reader.create("Kept/Deep")
        reader.copy("10:400", "Kept/Deep")
        reader.store("300:310", "+FLAGS", r"(\Deleted)")
        reader.expunge()
        reader.logout()
        return {number for number, _ in senders.acknowledged}

    def die_halfway(self):
        """kill -9 of the imapd that moves it, at a moment when a part is copied and the server lets no more in."""
        self.server.sql(HOLD)
        command = [str(self.pair.binaries / "quartetctl"), "--target", self.site.endpoint("imapd_control"), "account",
                   "move", self.user.address, "--to", "pg"]
        with self.server.locked(LOCK):
            mover = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(mover.kill)
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_until(lambda: int(self.server.sql(waiting)) > 0, 120, "a copy that waits for the lock")
            copied = int(self.move("--to", "pg", "--dry-run", agent="mda")["messages_copied"])
            self.site.processes["imapd"].kill()
        self.assertNotEqual(mover.wait(60), 0)
        self.assertGreater(copied, 0)
        self.server.sql("DROP TRIGGER hold ON quartet.body")
        self.assertEqual(self.place(), "main")
        self.site.start_agent("imapd", harness.BIN)

    def round(self, loop, home, to, number, dies=False):
        """Moves the account under load, and compares."""
        before, boxes = self.look()
        synced = self.mbsync(home)
        idler = self.second_reader()
        idler.idle()
        senders = self.senders(number, pause=0.02)  # a slow machine must not get more to move than a fast one
        running = loop.start(senders.run(3))
        wait_until(lambda: len(senders.acknowledged) > 30, 60, "mail")
        if dies:
            self.die_halfway()
        done = self.move("--to", to)
        self.assertTrue(done["done"])
        count = len(senders.acknowledged)
        idler.wait_for(rb"\* BYE .*moved")
        wait_until(lambda: len(senders.acknowledged) > count + 30, 60, "mail behind the move")
        senders.stop()
        running.result(90)
        self.assertEqual(senders.faults, [])
        self.assertEqual(senders.refusals, [])
        for agent in ("mda", "imapd"):
            self.assertEqual(self.place(agent), to)
        after, boxes_after = self.look()
        self.assertEqual(boxes, boxes_after)
        self.assertEqual({key: after.get(key) for key in before}, before)
        again = self.mbsync(home)
        self.assertLessEqual(synced, again)
        self.assertEqual(len(again), len([name for name, _ in after if name.strip('"') == "INBOX"]))
        return {number for number, _ in senders.acknowledged}

    def test_to_and_fro(self):
        loop = traffic.Loop()
        self.addCleanup(loop.close)
        acknowledged = self.prepare(loop)
        home = self.scratch()
        self.assertEqual(self.place(), "main")
        seen = self.numbers()
        acknowledged |= self.round(loop, home, "pg", 2, dies=True)
        acknowledged |= self.round(loop, home, "main", 3)
        acknowledged |= self.round(loop, home, "pg", 4)
        came = self.numbers()
        self.assertEqual({uid: came.get(uid) for uid in seen}, seen)
        self.assertEqual(len(set(came.values())), len(came))  # each once
        self.assertLessEqual(set(came.values()), acknowledged)
        self.assertEqual(len(acknowledged - set(came.values())), 11)  # those that were expunged
        self.assertIn("there is no store", self.move("--to", "nowhere", code=1))
        self.assertIn("not being moved", self.move("--abort", code=1))
        self.assertGreater(int(self.move("--purge")["messages"]), len(seen))
        checked = self.run_program(self.pair.binaries / "quartetctl", "store", "check", self.site.directory / "store")
        self.assertIn("healthy", checked)


if __name__ == "__main__":
    unittest.main()
