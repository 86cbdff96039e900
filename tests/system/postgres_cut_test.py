#!/usr/bin/env python3
"""A store in PostgreSQL whose server is cut off in the midst of a commit: it is carried out all the same, and once."""
import contextlib
import os
import pathlib
import smtplib
import socket
import sys
import tempfile
import threading
import unittest

import harness
from sites.process import wait_until

sys.path.append(str(pathlib.Path(__file__).parents[1] / "support"))
import with_postgres

# The commit of a message, and nothing before it, takes as long as somebody has the lock.
LOCK = 1
HOLD = f"""
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NULL; END';
DO $$ DECLARE shard name; BEGIN
  FOR shard IN SELECT schemaname FROM pg_tables WHERE tablename = 'message' LOOP
    EXECUTE format('CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON %I.message DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION public.hold()', shard);
  END LOOP;
END $$;
"""


class Wire:
    """Between the server and who connects to it by the socket in `directory`."""

    def __init__(self, directory, server):
        self._server = str(server / ".s.PGSQL.5432")
        self._pairs = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{directory}/.s.PGSQL.5432")
        self._listener.listen(64)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._pairs.append((client, server))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(source, target):
        with contextlib.suppress(OSError):
            while octets := source.recv(1 << 16):
                target.sendall(octets)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def cut(self):
        for client, _ in self._pairs:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def close(self):
        self._listener.close()


class Cut(harness.SitesTestCase):
    @classmethod
    def setUpClass(cls):
        context = with_postgres.server()
        cls.server = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        directory = tempfile.TemporaryDirectory(prefix="quartet-wire-")
        cls.addClassCleanup(directory.cleanup)
        os.chmod(directory.name, 0o755)
        cls.wire = Wire(directory.name, cls.server.directory)
        cls.addClassCleanup(cls.wire.close)
        through_it = cls.server.conninfo.replace(str(cls.server.directory), directory.name)
        cls.options = {"overrides": {"b": {"mda": f'store_database: "{through_it} dbname=postgres"\n'}}}
        super().setUpClass()
        cls.server.sql(HOLD)

    def deliver(self):
        site = self.pair.b
        with smtplib.LMTP(site.address, site.port("lmtp"), local_hostname="client.example", timeout=60) as lmtp:
            lmtp.sendmail(site.users[0].address, [site.users[0].address], b"Subject: once\r\n\r\ntext\r\n")

    def waiting(self, what):
        return int(self.server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE {what}"))

    def messages(self):
        shards = self.server.sql("SELECT schemaname FROM pg_tables WHERE tablename='message'").split()
        return sum(int(self.server.sql(f"SELECT count(*) FROM {shard}.message")) for shard in shards)

    def test_a_commit_without_an_answer_is_not_carried_out_again(self):
        """Neither the first of a connection, nor one behind it."""
        for number in (1, 2):
            with self.server.locked(LOCK):
                sender = threading.Thread(target=self.deliver)
                sender.start()
                wait_until(lambda: self.waiting("query='COMMIT' AND wait_event='advisory'"), 30, "the commit")
                self.wire.cut()
                wait_until(lambda: self.waiting("query LIKE '%FROM writer%' AND wait_event_type='Lock'"), 30,
                           "who asks what became of it")
            sender.join()
            self.assertEqual(self.messages(), number)


if __name__ == "__main__":
    unittest.main()
