#!/usr/bin/env python3
"""mbsync, offlineimap, fetchmail, getmail and mutt against a mailbox with a letter, and mbsync against one with many."""
import email
import hashlib
import mailbox
import os
import pty
import select
import ssl
import time
import unittest

import mbsync
from harness import FULL, SitesTestCase, as_bytes
from sites import letter
from sites.process import wait_until

MANY = 10_000 if FULL else 1_000


class MailboxTools(SitesTestCase):
    def arrived(self, number):
        """(site, account, sent message) with the message in the INBOX."""
        site, account = self.pair.b, self.pair.b.users[number]
        sent = self.send(self.pair.a, self.pair.a.users[0], account.address)
        self.wait_for_message(site, account, sent["Message-ID"])
        return site, account, sent

    def private_file(self, directory, name, text):
        path = directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def test_mbsync_both_ways(self):
        site, account, sent = self.arrived(0)
        home = self.scratch()
        config = mbsync.configure(home, site, account)
        self.run_program("mbsync", "-c", config, "-a")
        box = mailbox.Maildir(home / "local" / "INBOX", create=False)
        found = [message for message in box if message["Message-ID"] == sent["Message-ID"]]
        self.assertEqual(len(found), 1)
        self.assert_intact(sent, found[0].as_bytes())

        # The other direction: a message put into a new local folder, and a flag set on the letter.
        drafts = mailbox.Maildir(home / "local" / "Drafts", create=True)
        draft = letter.write(account.address, account.address, "a draft")
        drafts.add(draft)
        key = next(key for key in box.keys() if box[key]["Message-ID"] == sent["Message-ID"])
        flagged = box[key]
        flagged.set_subdir("cur")
        flagged.add_flag("FS")
        box[key] = flagged
        self.run_program("mbsync", "-c", config, "-a")
        self.assert_intact(draft, self.wait_for_message(site, account, draft["Message-ID"], mailbox="Drafts"))
        reader = self.reader(site, account)
        flags = reader.search(None, "FLAGGED", "SEEN", "HEADER", "Message-ID", f'"{sent["Message-ID"]}"')[1][0]
        self.assertEqual(len(flags.split()), 1)

    def far_messages(self, site, account, name):
        """{Message-ID: flags} of a mailbox."""
        reader = self.reader(site, account, name)
        ids = [row[1].split()[1].decode() for row in reader.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
               if isinstance(row, tuple)]
        flags = reader.fetch("1:*", "(FLAGS)")[1]
        reader.logout()
        letters = {b"\\Draft": "D", b"\\Flagged": "F", b"\\Answered": "R", b"\\Seen": "S"}
        return dict(zip(ids, ("".join(letter for flag, letter in letters.items() if flag in row) for row in flags)))

    def near_messages(self, box):
        """The same of a Maildir. mbsync knows no keywords."""
        found = {}
        for path in [*(box / "cur").iterdir(), *(box / "new").iterdir()]:
            text = path.read_text()
            found[text[text.index("Message-ID: ") + 12:].split("\n")[0]] = path.name.partition(":2,")[2]
        return found

    def test_mbsync_on_many_messages(self):
        site, account = self.pair.b, self.pair.b.users[1]
        home = self.scratch()
        config = mbsync.configure(home, site, account)
        box = home / "local" / "Many"
        for part in ("cur", "new", "tmp"):
            (box / part).mkdir(parents=True)
        for number in range(MANY):
            flags = "".join(letter for bit, letter in enumerate("DFRS") if number >> bit & 1)
            (box / "cur" / f"{1_700_000_000 + number}.{number}.host:2,{flags}").write_text(
                f"From: ann@a.example\nMessage-ID: <{number}@many>\nSubject: {number}\n\n{'text ' * (number % 400)}\n")
        expected = self.near_messages(box)
        self.run_program("mbsync", "-c", config, "-a", timeout=500)
        far = self.far_messages(site, account, "Many")
        self.assertEqual(far, expected)
        flagged = set(list(far)[:MANY // 10])

        # Both sides change, and meet: flags, what is deleted, what is new.
        reader = self.reader(site, account, "Many")
        reader.store(f"1:{MANY // 10}", "+FLAGS", "(\\Flagged)")
        reader.store(f"{MANY // 2}:{MANY // 2 + 99}", "+FLAGS", "(\\Deleted)")
        reader.expunge()
        reader.append("Many", "(\\Seen)", None, b"From: ann@a.example\r\nMessage-ID: <far@many>\r\n\r\nfar\r\n")
        reader.logout()
        for path in sorted((box / "cur").iterdir())[-50:]:
            path.unlink()
        for path in sorted((box / "cur").iterdir())[MANY // 5:MANY // 5 + 100]:
            flagged.discard(f"<{path.name.split('.')[1]}@many>")
            path.rename(path.with_name(path.name.partition(":2,")[0] + ":2,RS"))
        (box / "new" / "1800000000.near.host").write_text("From: ann@a.example\nMessage-ID: <near@many>\n\nnear\n")
        self.run_program("mbsync", "-c", config, "-a", timeout=500)
        far = self.far_messages(site, account, "Many")
        self.assertEqual(far, self.near_messages(box))
        self.assertEqual(len(far), MANY - 100 - 50 + 2)
        self.assertEqual(far["<far@many>"], "S")
        self.assertEqual([name for name in flagged & set(far) if "F" not in far[name]], [])

    def test_offlineimap(self):
        site, account, sent = self.arrived(0)
        home = self.scratch()
        # TLS from the first octet: after STARTTLS it was seen to wait for itself for a minute, as one of its threads reads
        # what follows the handshake while another writes, for which Python's sockets have no lock.
        certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((site.address, site.port("imaps"))))
        config = self.private_file(home, "offlineimaprc", f"""
[general]
accounts = quartet
metadata = {home}/state
ui = basic
[Account quartet]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {home}/mail
[Repository far]
type = IMAP
remotehost = {site.address}
remoteport = {site.port("imaps")}
remoteuser = {account.address}
remotepass = {account.password}
ssl = yes
cert_fingerprint = {hashlib.sha1(certificate).hexdigest()}
""")
        run = lambda: self.run_program("offlineimap", "-o", "-c", config, environment={"HOME": str(home)})
        run()
        box = mailbox.Maildir(home / "mail" / "INBOX", create=False)
        found = [message for message in box if message["Message-ID"] == sent["Message-ID"]]
        self.assertEqual(len(found), 1)
        self.assert_intact(sent, found[0].as_bytes())
        # Back: a draft in a folder that is there, and a flag.
        draft = letter.write(account.address, account.address, "a draft for offlineimap")
        mailbox.Maildir(home / "mail" / "Drafts", create=False).add(draft)
        key = next(key for key in box.keys() if box[key]["Message-ID"] == sent["Message-ID"])
        flagged = box[key]
        flagged.set_subdir("cur")
        flagged.add_flag("FS")
        box[key] = flagged
        run()
        self.assert_intact(draft, self.wait_for_message(site, account, draft["Message-ID"], mailbox="Drafts"))
        reader = self.reader(site, account)
        flags = reader.search(None, "FLAGGED", "SEEN", "HEADER", "Message-ID", f'"{sent["Message-ID"]}"')[1][0]
        self.assertEqual(len(flags.split()), 1)

    def test_fetchmail(self):
        site, account, sent = self.arrived(1)
        home = self.scratch()
        target = home / "mbox"
        config = self.private_file(home, "fetchmailrc", f"""
poll {site.address} protocol IMAP service {site.port("imap")}
  user "{account.address}" password "{account.password}"
  sslproto "TLS1.2+" sslcertck sslcertfile "{self.pair.authority.file}" sslcommonname "{site.host_name}"
  keep no rewrite mda "cat >> {target}; echo >> {target}"
""")
        self.run_program("fetchmail", "-f", config, "--nosyslog", "--nodetach", "--pidfile", home / "pid", "-v",
                         environment={"HOME": str(home), "FETCHMAILHOME": str(home)})
        text = target.read_bytes()
        self.assertIn(sent["Message-ID"].encode(), text)

    def test_getmail(self):
        site, account = self.pair.b, self.pair.b.users[1]
        reader = self.reader(site, account, None)
        reader.create("Getmail")

        def append(number):
            message = letter.write("x@elsewhere.example", account.address, f"number {number}")
            self.assertEqual(reader.append("Getmail", "", None, as_bytes(message))[0], "OK")
            return message

        sent = [append(number) for number in range(2)]
        home = self.scratch()
        (home / "box").mkdir()
        # Its child ends when it waits for that: an earlier end it would not notice, and wait for a minute.
        settings = f"""
[retriever]
type = SimpleIMAPSSLRetriever
server = {site.address}
port = {site.port("imaps")}
username = {account.address}
password = {account.password}
ca_certs = {self.pair.authority.file}
mailboxes = ("Getmail",)
[destination]
type = MDA_external
path = /bin/sh
arguments = ('-c', 'cat > {home}/box/$$; until grep -q "^State:.S" /proc/$PPID/status; do :; done')
allow_root_commands = true
[options]
delivered_to = false
received = false
"""
        keeps = self.private_file(home, "keeps", settings + "read_all = false\ndelete = false\n")
        deletes = self.private_file(home, "deletes", settings + "read_all = true\ndelete = true\n")
        run = lambda config: self.run_program("getmail", "--getmaildir", home, "--rcfile", config,
                                              environment={"HOME": str(home)})
        # It remembers by UID what it has.
        for _ in range(2):
            run(keeps)
            self.assertEqual(len(list((home / "box").iterdir())), 2)
        sent.append(append(2))
        run(keeps)
        got = {email.message_from_bytes(file.read_bytes())["Message-ID"]: file.read_bytes()
               for file in (home / "box").iterdir()}
        self.assertEqual(len(got), 3)
        for message in sent:
            self.assert_intact(message, got[message["Message-ID"]])
        run(deletes)
        self.assertEqual(len(list((home / "box").iterdir())), 6)
        self.assertEqual(reader.select("Getmail")[1], [b"0"])

    def mutt(self, home, config, arguments, stdin=None):
        """Runs mutt on a terminal of its own until it ends."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", HOME=str(home), LANG="C.UTF-8")
            os.execvp("mutt", ["mutt", "-n", "-F", str(config), *arguments])
        shown = b""
        end = time.monotonic() + 90
        try:
            while time.monotonic() < end:
                if select.select([terminal], [], [], 0.2)[0]:
                    data = os.read(terminal, 65536)
                    if not data:
                        break
                    shown += data
        except OSError:  # how Linux tells that the other side has gone
            pass
        else:
            if time.monotonic() >= end:
                os.kill(pid, 9)
        os.close(terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.assertEqual(status, 0, shown.decode(errors="replace")[-3000:])

    def test_mutt_sends_and_reads(self):
        sender, site, recipient = self.pair.a.users[0], self.pair.b, self.pair.b.users[1]
        home = self.scratch()
        common = f"set ssl_ca_certificates_file={self.pair.authority.file}\nset ssl_starttls=yes ssl_force_tls=yes\n"
        sending = self.private_file(home, "sending", common + f"""
set from={sender.address} envelope_from=yes use_from=yes realname=Sender record=
set smtp_url=smtp://{sender.address.replace("@", "%40")}@{self.pair.a.endpoint("submission")}/
set smtp_pass="{sender.password}" smtp_authenticators="plain"
""")
        picture = home / "picture.png"
        picture.write_bytes(letter.picture())
        self.run_program("mutt", "-n", "-F", sending, "-s", "from mutt", "-a", picture, "--", recipient.address,
                         stdin=b"Hello from mutt\n", environment={"HOME": str(home)})

        copy = home / "copy"
        reading = self.private_file(home, "reading", common + f"""
set imap_user="{recipient.address}" imap_pass="{recipient.password}" spoolfile= sort=date
set mbox_type=mbox confirmcreate=no confirmappend=no delete=no copy=no mail_check=1 timeout=1 beep=no
set folder={home}
""")
        reader = self.reader(site, recipient)
        wait_until(lambda: reader.noop() and reader.search(None, "SUBJECT", '"from mutt"')[1][0], 60, "mutt's letter")
        url = f"imap://{site.endpoint('imap')}/INBOX"
        self.mutt(home, reading, ["-f", url, "-e", "push '<limit>~s \"from mutt\"<enter><copy-message>"
                                                   f"{copy}<enter><exit>'"])
        found = list(mailbox.mbox(copy))
        self.assertEqual(len(found), 1)
        parts = [part.get_payload(decode=True) for part in found[0].walk() if not part.is_multipart()]
        self.assertEqual(parts[0].strip(), b"Hello from mutt")
        self.assertEqual(parts[1], letter.picture())


if __name__ == "__main__":
    unittest.main()
