#!/usr/bin/env python3
"""A store in PostgreSQL that several hosts share: what one delivers another shows, also when the server goes and comes back."""
import functools
import pathlib
import poplib
import smtplib
import sys
import threading
import time
import unittest

import harness
import second_imapd
from sites.process import wait_until
from sites.reader import Reader

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / part) for part in ("fault", "support")]
import traffic
import with_postgres


class Postgres(harness.SitesTestCase):
    @classmethod
    def setUpClass(cls):
        context = with_postgres.server()
        cls.server = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        database = f'store_database: "{cls.server.conninfo} dbname=postgres"\n'
        changes = dict.fromkeys(("mda", "imapd"), lambda text: text.replace("agent {", "agent { drain_seconds: 2") + database)
        cls.options = {"overrides": {"b": changes}}
        super().setUpClass()
        cls.addClassCleanup(second_imapd.start(cls.pair.b, harness.BIN).stop)

    def second_reader(self, account):
        reader = Reader(self.pair.b.address, second_imapd.PORTS["imap"], timeout=60)
        self.addCleanup(self._close, reader)
        reader.starttls(self.tls())
        reader.login(account.address, account.password)
        self.assertEqual(reader.select("INBOX")[0], "OK")
        return reader

    def test_both_hosts_show_the_same(self):
        b = self.pair.b
        user = b.users[1]
        other = self.second_reader(user)
        sent = self.send(b, b.users[0], user.address)
        first = self.wait_for_message(b, user, sent["Message-ID"])
        self.assert_intact(sent, first)

        def find():
            other.noop()
            return other.search(None, "HEADER", "Message-ID", f'"{sent["Message-ID"]}"')[1][0].split()

        number = wait_until(find, 30, "the message at the other host")[0]
        self.assertEqual(other.fetch(number, "(BODY.PEEK[])")[1][0][1], first)
        other.store(number, "+FLAGS", r"(\Flagged $Work)")
        reader = self.reader(b, user)
        flags = wait_until(lambda: reader.noop() and b"$Work" in reader.fetch(number, "(FLAGS)")[1][0] and
                           reader.fetch(number, "(FLAGS)")[1][0], 30, "the flags")
        self.assertIn(rb"\Flagged", flags)
        reader.create("Archive/2026")
        self.assertEqual(reader.copy(number, "Archive/2026")[0], "OK")
        self.assertIn(b"Archive/2026", b" ".join(other.list()[1]))
        self.assertEqual(other.select("Archive/2026")[1], [b"1"])
        self.assertEqual(other.fetch("1", "(BODY.PEEK[])")[1][0][1], first)

    def test_a_session_of_the_other_host_is_woken(self):
        """By a hint: it looks by itself only every ten seconds."""
        b = self.pair.b
        other = self.second_reader(b.users[1])
        other.idle()
        waits = []
        for _ in range(5):
            begun = time.monotonic()
            with smtplib.LMTP(b.address, b.port("lmtp"), local_hostname="client.example") as lmtp:
                lmtp.sendmail(b.users[0].address, [b.users[1].address], b"Subject: hint\r\n\r\ntext\r\n")
                begun = time.monotonic()
            other.wait_for(rb"\* \d+ EXISTS")
            waits.append(time.monotonic() - begun)
        other.done()
        self.assertLess(sorted(waits)[2], 2, waits)

    def test_one_host_at_a_time_has_a_maildrop(self):
        site, user = self.pair.b, self.pair.b.users[0]

        def log_in(port):
            client = poplib.POP3(site.address, port, timeout=60)
            self.addCleanup(client.close)
            client.stls(self.tls())
            client.user(user.address)
            client.pass_(user.password)
            return client

        here, there = site.port("pop3"), second_imapd.PORTS["pop3"]
        log_in(here)
        in_use = self.assertRaisesRegex(poplib.error_proto, "IN-USE")
        with in_use:
            log_in(there)
        site.processes["imapd"].kill()
        site.start_agent("imapd", harness.BIN)
        with in_use:
            log_in(there)
        log_in(here).quit()
        log_in(there).noop()
        with in_use:
            log_in(here)

    def start_deliveries(self, site, set_of_numbers=0):
        """To all users of the site, until the senders are stopped; and what to wait for then."""
        loop = traffic.Loop()
        self.addCleanup(loop.close)
        senders = traffic.Senders(
            functools.partial(traffic.open_lmtp, (site.address, site.port("lmtp"))),
            functools.partial(traffic.deliver_by_lmtp, recipients=[user.address for user in site.users]), set_of_numbers)
        return senders, loop.start(senders.run(4))

    def numbers_of_all(self, site):
        """(number, user) of each message that is there."""
        return [(traffic.number_of(message), user.address) for user in site.users
                for message in self.fetch_all(site, user) if b"\r\nX-Number: " in message]

    def test_the_server_goes_and_comes_back(self):
        site = self.pair.b
        senders, running = self.start_deliveries(site)
        for mode in ("fast", "immediate", "immediate"):  # in order, and twice as if the power failed
            before = len(senders.acknowledged)
            wait_until(lambda: len(senders.acknowledged) > before + 50, 60, "messages")
            self.server.stop(mode)
            self.server.start()
        before = len(senders.acknowledged)
        wait_until(lambda: len(senders.acknowledged) > before + 50, 60, "messages after the last start")
        senders.stop()
        running.result(90)
        came = self.numbers_of_all(site)
        self.assertEqual(senders.acknowledged - set(came), set())
        # Each was sent once: what was committed without an answer was not committed again.
        self.assertEqual(len(came), len(set(came)))

    def test_an_outage_is_waited_for_once(self):
        """By all the changes that it has interrupted together."""
        site, user = self.pair.b, self.pair.b.users[1]
        with smtplib.LMTP(site.address, site.port("lmtp"), local_hostname="client.example") as lmtp:
            for _ in range(6):
                lmtp.sendmail(user.address, [user.address], b"Subject: outage\r\n\r\ntext\r\n")
        readers = [self.reader(site, user) for _ in range(6)]
        shards = self.server.sql("SELECT schemaname FROM pg_tables WHERE tablename='message'").split()
        self.server.sql("CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS "
                        "'BEGIN PERFORM pg_sleep(1); RETURN NEW; END';" + "".join(
                            f"CREATE TRIGGER wait BEFORE UPDATE ON {shard}.message FOR EACH ROW "
                            "EXECUTE FUNCTION public.wait();" for shard in shards))
        answers = []

        def change_one(number):
            answers.append(readers[number].store(str(number + 1), "+FLAGS", r"\Answered")[0])

        def is_being_made():
            return self.server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event='PgSleep'").strip() == "1"

        changes = [threading.Thread(target=change_one, args=[number]) for number in range(len(readers))]
        changes[0].start()
        wait_until(is_being_made, 30, "the first change")
        for change in changes[1:]:  # carried out together, behind that one
            change.start()
        wait_until(lambda: answers and is_being_made(), 30, "the second transaction")
        self.server.stop("immediate")
        stopped = time.monotonic()
        for change in changes:
            change.join()
        waited = time.monotonic() - stopped
        self.server.start()
        self.server.sql("DROP FUNCTION public.wait CASCADE")
        self.assertEqual(sorted(answers), ["NO"] * 5 + ["OK"])
        self.assertLess(waited, 25)  # one wait is of ten seconds

    def test_a_server_that_says_nothing_holds_up_only_who_needs_it(self):
        site = self.pair.b
        senders, running = self.start_deliveries(site, set_of_numbers=1)
        wait_until(lambda: len(senders.acknowledged) > 50, 60, "messages")
        reader = self.reader(site, site.users[0], None)
        with self.server.frozen():
            before = len(senders.acknowledged)
            self.assertEqual(reader.capability()[0], "OK")
            for agent in ("mda", "imapd"):
                self.assertTrue(self.quartetctl(site, agent, "node", "status"))
            self.assertLessEqual(len(senders.acknowledged), before + 4)  # what was committed already
        wait_until(lambda: len(senders.acknowledged) > before + 50, 60, "messages after the silence")
        self.assertEqual(reader.select("INBOX")[0], "OK")
        # Who has to end does not wait for it.
        with self.server.frozen():
            reader.send(b"x CREATE Waiting\r\n")
            before = len(senders.acknowledged)
            for agent in ("mda", "imapd"):
                self.assertEqual(site.processes[agent].stop(60), 0, agent)
                site.processes[agent].wait_for_event("drain.store_given_up")
        for agent in ("mda", "imapd"):
            site.start_agent(agent, harness.BIN)
        wait_until(lambda: len(senders.acknowledged) > before + 50, 60, "messages after the start")
        senders.stop()
        running.result(90)
        self.assertEqual(senders.faults, [])
        came = self.numbers_of_all(site)
        self.assertEqual(senders.acknowledged - set(came), set())


if __name__ == "__main__":
    unittest.main()
