#!/usr/bin/env python3
"""Mail that moves between Dovecot and us: by IMAP, and by handing over a Maildir in both directions."""
import imaplib
import os
import shutil
import socketserver
import ssl
import subprocess
import threading
import unittest

from dovecot import PASSWORD, Dovecot
from transfers import MANY, TransferTestCase, expected, fill_maildir, read_mailbox, text_of


class OldServer(socketserver.StreamRequestHandler):
    """An IMAP server without all that came after RFC 2060 but namespaces, which loses its first connection while it sends
    a message."""
    lost = False

    def say(self, *lines):
        self.wfile.write("".join(line + "\r\n" for line in lines).encode())

    def handle(self):
        self.say("* OK [CAPABILITY IMAP4rev1] ready {5}")
        for line in self.rfile:
            tag, command = line.decode().rstrip("\r\n").split(" ", 1)
            verb = command.upper()
            if verb == "LOGIN \"OLD\" \"PA\\\"SS\"" or verb in ("CAPABILITY", "NAMESPACE", "LOGOUT"):
                self.say({"CAP": "* CAPABILITY IMAP4rev1 NAMESPACE", "NAM": '* NAMESPACE (("INBOX." ".")) NIL (("Shared." "."))',
                          "LOG": "* OK go on"}[verb[:3]])
            elif verb.startswith("LIST"):
                self.say('* LIST (\\Unmarked) "." INBOX', '* LIST () "." {8}', "INBOX.a/", '* LIST () "." "Shared.b"',
                         '* LIST (\\Noselect) "." "INBOX.c"', '* LIST () "." "INBOX.c.d"')
            elif verb.startswith("LSUB"):
                self.say('* LSUB () "." "INBOX.c.d"')
            elif verb.startswith("EXAMINE"):
                self.box = command.split(" ", 1)[1]
                self.say("* FLAGS (\\Seen)", f"* {int('INBOX.c.d' not in self.box)} EXISTS", "* OK [UIDVALIDITY 7] yes")
            elif "RFC822.SIZE" in verb and "INBOX.c.d" in self.box:
                self.say(f"{tag} BAD there is nothing")
                continue
            elif "RFC822.SIZE" in verb:
                self.say("* 1 FETCH (FLAGS (\\Seen) UID 5 RFC822.SIZE 17)")
            elif "BODY.PEEK[]" not in verb:
                self.say(f"{tag} BAD what is this?")
                continue
            elif not OldServer.lost:
                OldServer.lost = True
                self.say('* 1 FETCH (UID 5 INTERNALDATE "13-Sep-2020 12:26:40 +0000" BODY[] {50}', "Subject: ha")
                return
            else:
                self.say('* 1 FETCH (BODY[] {36}', "Message-ID: <0@many>", "Subject: x", "", " INTERNALDATE \"13-Sep-2020 "
                         "12:26:40 +0000\" UID 5)")
            self.say(f"{tag} OK done")
            if verb == "LOGOUT":
                return


class FailingServer(socketserver.StreamRequestHandler):
    """An IMAP server with messages 1 to 9 in INBOX, of which it refuses one, gives nothing for another and goes away at a
    third; and with a mailbox that it cannot list."""
    REFUSED, EMPTY, FATAL = 2, 5, 7

    def say(self, *lines):
        self.wfile.write("".join(line + "\r\n" for line in lines).encode())

    def fetch(self, tag, uids):
        for uid in uids:
            if uid == self.FATAL:
                self.say("* BYE oh")
                return False
            if uid == self.REFUSED:
                self.say(f"{tag} NO [SERVERBUG] its file is gone")
                return True
            text = f"Message-ID: <{uid}@many>\r\n\r\n"
            body = "NIL" if uid == self.EMPTY else f"{{{len(text)}}}\r\n{text}"
            date = "" if uid == 1 else 'INTERNALDATE "13-Sep-2020 12:26:40 +0000" '
            self.say(f"* {uid} FETCH (UID {uid} {date}BODY[] {body})")
        self.say(f"{tag} OK done")
        return True

    def handle(self):
        self.say("* OK ready")
        for line in self.rfile:
            tag, verb, *words = line.decode().split()
            if verb == "CAPABILITY":
                self.say("* CAPABILITY IMAP4rev1")
            elif verb == "LIST":
                self.say('* LIST () "/" INBOX', '* LIST () "/" Broken')
            elif verb == "EXAMINE":
                broken = "INBOX" not in words[0]
                self.say("* 9 EXISTS", "* OK [UIDVALIDITY 7] yes")
            elif verb == "UID" and "RFC822.SIZE" in line.decode():
                if broken:
                    self.say(f"{tag} NO [SERVERBUG] its index is damaged")
                    continue
                self.say(*(f"* {uid} FETCH (UID {uid} FLAGS () RFC822.SIZE 24)" for uid in range(1, 10)))
            elif verb == "UID":
                ends = [part.split(":") for part in words[1].split(",")]
                uids = [uid for end in ends for uid in range(int(end[0]), int(end[-1]) + 1)]
                if not self.fetch(tag, uids):
                    return
                continue
            self.say(f"{tag} OK done")
            if verb == "LOGOUT":
                return


@unittest.skipIf(os.geteuid() != 0, "only root can start Dovecot with a user of its own for the mail")
class SilentServer(socketserver.StreamRequestHandler):
    """Waits for TLS from the first octet on."""

    def handle(self):
        self.rfile.read()


class ImapTransfer(TransferTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory.chmod(0o755)
        site = cls.pair.b
        cls.dovecot = Dovecot(cls.directory / "dovecot", site.certificate, site.key)
        cls.addClassCleanup(cls.dovecot.stop)

    def setUp(self):
        super().setUp()
        self.password = self.home / "password"
        self.password.write_text(PASSWORD + "\n")

    def dovecot_session(self, user, server=None):
        session = imaplib.IMAP4("localhost", (server or self.dovecot).port, timeout=60)
        self.addCleanup(self._close, session)
        session.starttls(ssl.create_default_context(cafile=self.pair.authority.file))
        session.login(user, PASSWORD)
        return session

    def imap_words(self, user, *more, server=None):
        return ("import", "imap", f"localhost:{(server or self.dovecot).port}", "--user", user, "--password-file",
                self.password, "--ca", self.pair.authority.file, *more)

    def fill(self, session):
        session.append("INBOX", "(\\Seen $Forwarded)", imaplib.Time2Internaldate(1_600_000_000),
                       text_of(0).replace("\n", "\r\n").encode())
        session.append('"Sent Items"', "(\\Seen \\Answered)", imaplib.Time2Internaldate(1_600_000_001),
                       text_of(1).replace("\n", "\r\n").encode())
        session.create("Work/Entw&APw-rfe")
        session.append("Work/Entw&APw-rfe", "(\\Draft work)", imaplib.Time2Internaldate(1_600_000_002),
                       text_of(2).replace("\n", "\r\n").encode())
        session.subscribe("Work/Entw&APw-rfe")
        session.create("Unwanted")

    def test_everything_moves_and_later_what_is_new(self):
        session = self.dovecot_session("one")
        self.fill(session)
        words = self.imap_words("one", "--resume", self.home / "state", "--exclude", "Unwanted")
        report = self.transfer(*words)
        self.assertEqual((report["messages"], report["mailboxes"]), (3, 3))
        self.assertEqual(self.far("INBOX"), {"<0@many>": ("S", ["$Forwarded"], 1_600_000_000)})
        self.assertEqual(self.far("Sent"), {"<1@many>": ("RS", [], 1_600_000_001)})  # by its use, not its name
        self.assertEqual(self.far("Work/Entw&APw-rfe"), {"<2@many>": ("D", ["work"], 1_600_000_002)})
        reader = self.reader(self.site, self.account)
        names = [row.decode() for row in reader.lsub()[1] if row]
        self.assertTrue(any("Work/Entw&APw-rfe" in name for name in names), names)
        self.assertEqual(reader.fetch("1", "(BODY.PEEK[])")[1][0][1], text_of(0).replace("\n", "\r\n").encode())
        # It was only looked at there.
        session.select("Work/Entw&APw-rfe")
        self.assertEqual(read_mailbox(session)["<2@many>"][0], "D")

        session.store("1", "-FLAGS", "(\\Draft)")
        session.store("1", "+FLAGS", "(\\Seen far)")
        session.append("INBOX", "", imaplib.Time2Internaldate(1_600_000_003),
                       text_of(3).replace("\n", "\r\n").encode())
        reader.store("1", "+FLAGS", "(\\Flagged)")  # here, and stays
        report = self.transfer(*words)
        self.assertEqual((report["messages"], report["known"], report["flags_changed"]), (1, 3, 1))
        self.assertEqual(self.far("Work/Entw&APw-rfe"), {"<2@many>": ("S", ["far", "work"], 1_600_000_002)})
        self.assertEqual(self.far("INBOX"), {"<0@many>": ("FS", ["$Forwarded"], 1_600_000_000),
                                             "<3@many>": ("", [], 1_600_000_003)})
        # A mailbox that was made anew has other UIDs.
        session.select("INBOX")
        session.delete("Work/Entw&APw-rfe")
        session.create("Work/Entw&APw-rfe")
        self.transfer(*words, code=1)

    def test_below_another_mailbox_nothing_is_for_sent_mail(self):
        self.fill(self.dovecot_session("five"))
        self.transfer(*self.imap_words("five", "--into", "Attic"), account=self.other)
        self.assertEqual(self.far('"Attic/Sent Items"', self.other), {"<1@many>": ("RS", [], 1_600_000_001)})
        rows = [row for row in self.reader(self.site, self.other, None).list()[1] if b"\\Sent" in row]
        self.assertEqual([row.rpartition(b" ")[2].strip(b'"') for row in rows], [b"Sent"])

    def test_import_is_killed(self):
        box = self.dovecot.mail / "many"
        fill_maildir(box, MANY)
        self.dovecot.give(box)
        state = self.home / "state"
        words = self.imap_words("many", "--into", "Far", "--resume", state)
        killed = self.kill_at(state, ["done", "batch", "done"], *words)
        self.assertGreater(killed, 1)
        self.transfer(*words)
        self.assertEqual(self.far("Far"), expected(MANY))
        self.assertEqual(self.transfer(*words)["messages"], 0)
        self.check_store()

    def test_logins(self):
        self.dovecot_session("two").append("INBOX", "", None, text_of(0).replace("\n", "\r\n").encode())
        for number, mechanisms in enumerate(["scram-sha-256", "scram-sha-1 plain", "plain"]):
            with self.subTest(mechanisms):
                server = Dovecot(self.home / f"dovecot{number}", self.site.certificate, self.site.key, mechanisms)
                self.addCleanup(server.stop)
                self.home.chmod(0o755)
                box = server.mail / "two"
                fill_maildir(box, 1)
                server.give(box)
                report = self.transfer(*self.imap_words("two", "--into", f"Login{number}", server=server))
                self.assertEqual(report["messages"], 1)
        wrong = self.home / "wrong"
        wrong.write_text("wrong\n")
        said = self.transfer("import", "imap", f"localhost:{self.dovecot.port}", "--user", "two", "--password-file",
                             wrong, "--ca", self.pair.authority.file, code=1)
        self.assertIn("login refused", said)
        said = self.transfer("import", "imap", f"localhost:{self.dovecot.port}", "--user", "two", "--password-file",
                             self.password, code=1)
        self.assertIn("certificate", said)  # of an authority that the system does not know

    def words_for(self, handler):
        """A server of this kind, and how to import from it."""
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.password.write_text('pa"ss\n')
        return ["import", "imap", f"127.0.0.1:{server.server_address[1]}", "--tls", "none", "--user", "old",
                "--password-file", self.password]

    def test_a_server_that_fails_at_some_messages(self):
        words = self.words(*self.words_for(FailingServer), "--into", "Rest")
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("6 messages", done.stdout, done.stderr)
        self.assertEqual(sorted(self.far("Rest")), [f"<{uid}@many>" for uid in (1, 3, 4, 6, 8, 9)])
        told = done.stderr.splitlines()
        self.assertEqual(len(told), 4, told)
        for uid in (FailingServer.REFUSED, FailingServer.EMPTY, FailingServer.FATAL):
            self.assertIn(f"INBOX: the message with UID {uid} was not imported", done.stderr)
        self.assertIn("Broken: the server refuses: its index is damaged", done.stderr)

    def test_a_server_without_a_greeting(self):
        self.assertIn("does that port want --tls implicit?", self.transfer(*self.words_for(SilentServer), code=1))

    def test_a_server_of_the_old_kind(self):
        report = self.transfer(*self.words_for(OldServer), "--into", "Aged")
        self.assertEqual((report["mailboxes"], report["messages"]), (3, 2))
        self.assertTrue(OldServer.lost)
        there = {"<0@many>": ("S", [], 1_600_000_000)}
        self.assertEqual(self.far("Aged"), there)
        self.assertEqual(self.far("Aged/a_"), there)
        self.assertEqual(self.reader(self.site, self.account, "Aged/c/d").untagged_responses["EXISTS"], [b"0"])
        names = [row.decode().rpartition(" ")[2].strip('"') for row in self.reader(self.site, self.account).lsub()[1]]
        self.assertEqual([name for name in names if "Aged/" in name], ["Aged/c/d"])

    def test_maildir_of_dovecot_there_and_back(self):
        session = self.dovecot_session("three")
        self.fill(session)
        session.logout()
        self.transfer("import", "maildir", self.dovecot.mail / "three", account=self.other)
        inbox = {"<0@many>": ("S", ["$Forwarded"], 1_600_000_000)}
        work = {"<2@many>": ("D", ["work"], 1_600_000_002)}
        self.assertEqual(self.far("INBOX", self.other), inbox)
        self.assertEqual(self.far("Work/Entw&APw-rfe", self.other), work)

        out = self.home / "out"
        self.home.chmod(0o755)
        self.transfer("export", "maildir", out, account=self.other)
        shutil.copytree(out, self.dovecot.mail / "four")
        self.dovecot.give(self.dovecot.mail / "four")
        session = self.dovecot_session("four")
        for name, there in {"INBOX": inbox, "Work/Entw&APw-rfe": work}.items():
            self.assertEqual(session.select(name)[0], "OK")
            self.assertEqual(read_mailbox(session), there)
        self.assertTrue(any(b"Work/Entw&APw-rfe" in row for row in session.lsub()[1]), session.lsub())


if __name__ == "__main__":
    unittest.main()
