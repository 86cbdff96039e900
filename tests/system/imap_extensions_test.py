#!/usr/bin/env python3
"""Extensions of IMAP between several sessions and the delivery of mail: CONDSTORE and QRESYNC (RFC 7162), SORT and THREAD
(RFC 5256), IMAP4rev2 (RFC 9051), OBJECTID (RFC 8474), COMPRESS (RFC 4978), UNAUTHENTICATE (RFC 8437), CATENATE (RFC 4469),
UTF8=ACCEPT (RFC 9755), INPROGRESS (RFC 9585), MESSAGELIMIT (RFC 9738), UIDONLY (RFC 9586)."""
import re
import unittest
import zlib

from harness import SitesTestCase
from sites import letter


class Sessions(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.b, self.pair.b.users[0]
        self.box = f"box{self.id().rsplit('.', 1)[1]}"
        reader = self.reader(self.site, self.account, None)
        self.assertEqual(reader.create(self.box)[0], "OK")
        self.reader_ = reader

    def say(self, reader, text, status="OK"):
        """The lines of the answer; the last without its tag."""
        lines = reader.say(text)
        self.assertTrue(lines[-1].startswith(status), (text, lines))
        return lines

    def number(self, lines, pattern):
        """What the pattern's group is in the only line it matches."""
        found = [match[1] for line in lines if (match := re.search(pattern, line))]
        self.assertEqual(len(found), 1, (pattern, lines))
        return int(found[0])

    def append(self, reader, subject, sender=None, fields=""):
        sender = sender or self.account.address
        text = f"From: {sender}\r\nSubject: {subject}\r\n{fields}\r\nText\r\n".encode()
        self.assertEqual(reader.append(self.box, "", None, text)[0], "OK")


class Extensions(Sessions):
    def test_a_client_that_comes_back_learns_what_it_missed(self):
        first, second = self.reader_, self.reader(self.site, self.account, None)
        for subject in ("one", "two", "three", "four"):
            self.append(first, subject)
        self.assertIn("* ENABLED QRESYNC", self.say(first, "ENABLE QRESYNC"))
        opened = self.say(first, f"SELECT {self.box}")
        known = self.number(opened, r"\[HIGHESTMODSEQ (\d+)\]")
        uidvalidity = self.number(opened, r"\[UIDVALIDITY (\d+)\]")
        self.say(first, "UNSELECT")
        self.say(second, f"SELECT {self.box}")
        self.say(second, r"STORE 1,3 +FLAGS (\Deleted)")
        self.assertEqual(self.say(second, "EXPUNGE")[:2], ["* 3 EXPUNGE", "* 1 EXPUNGE"])
        self.say(second, r"STORE 2 +FLAGS (\Flagged)")
        back = self.say(first, f"SELECT {self.box} (QRESYNC ({uidvalidity} {known} 1:4))")
        self.assertIn("* VANISHED (EARLIER) 1,3", back)
        changed = [line for line in back if " FETCH " in line]
        self.assertEqual(len(changed), 1)
        self.assertRegex(changed[0], r"^\* 2 FETCH \(UID 4 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$")
        # From now on the two see each other's changes as they happen.
        first.idle()
        self.say(second, r"STORE 1 +FLAGS (\Deleted)")
        self.assertRegex(first.wait_for(rb"FETCH"), rb"UID 2 FLAGS \(\\Deleted\) MODSEQ \(\d+\)")
        self.say(second, "EXPUNGE")
        self.assertEqual(first.wait_for(rb"VANISHED").strip(), b"* VANISHED 2")
        first.done()

    def test_of_two_conditional_changes_one_is_refused(self):
        first, second = self.reader_, self.reader(self.site, self.account, None)
        self.append(first, "one")
        opened = self.say(first, f"SELECT {self.box} (CONDSTORE)")
        self.say(second, f"SELECT {self.box}")
        known = self.number(opened, r"\[HIGHESTMODSEQ (\d+)\]")
        change = f"UID STORE 1 (UNCHANGEDSINCE {known}) +FLAGS.SILENT"
        told = self.say(second, rf"{change} (\Seen)")
        self.assertGreater(self.number(told, r"MODSEQ \((\d+)\)"), known)
        self.say(first, rf"{change} (\Answered)", "OK [MODIFIED 1]")
        self.assertIn(r"FLAGS (\Seen", self.say(first, "FETCH 1 (FLAGS)")[0])

    def test_mod_sequences_outlive_the_sessions(self):
        first = self.reader_
        self.append(first, "one")
        before = self.number(self.say(first, f"STATUS {self.box} (HIGHESTMODSEQ)"), r"HIGHESTMODSEQ (\d+)")
        self.append(first, "two")
        self.assertEqual(self.site.processes["imapd"].stop(), 0)
        self.site.start_agent("imapd", self.pair.binaries)
        second = self.reader(self.site, self.account, None)
        after = self.number(self.say(second, f"STATUS {self.box} (HIGHESTMODSEQ)"), r"HIGHESTMODSEQ (\d+)")
        self.assertGreater(after, before)
        self.say(second, f"SELECT {self.box}")
        self.assertRegex(self.say(second, f"SEARCH MODSEQ {before + 1}")[0], rf"^\* SEARCH 2 \(MODSEQ {after}\)$")

    def test_sorted_and_threaded(self):
        reader = self.reader_
        self.append(reader, "beta", "zoe@x.example", "Message-ID: <1@x>\r\nDate: Tue, 24 Nov 2026 13:00:00 +0000\r\n")
        self.append(reader, "=?utf-8?q?=C3=84pfel?=", '"Anton" <yan@x.example>', "Message-ID: <2@x>\r\n")
        self.append(reader, "Re: Beta", "xi@x.example",
                    "References: <1@x>\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n")
        self.append(reader, "beta", "anna@x.example", "Date: Tue, 24 Nov 2026 14:30:00 +0200\r\n")
        self.say(reader, f"SELECT {self.box}")
        for criteria, order in (("FROM", "4 3 2 1"), ("SUBJECT REVERSE DATE", "2 1 4 3"), ("DISPLAYFROM", "4 2 3 1")):
            with self.subTest(criteria):
                self.assertEqual(self.say(reader, f"SORT ({criteria}) UTF-8 ALL")[0], f"* SORT {order}")
        self.assertEqual(self.say(reader, "THREAD REFERENCES UTF-8 1,3")[0], "* THREAD (1 3)")
        self.assertEqual(self.say(reader, "THREAD ORDEREDSUBJECT UTF-8 1,3:4")[0], "* THREAD (3 (4)(1))")
        partial = self.say(reader, "SORT RETURN (PARTIAL 1:2 COUNT) (FROM) UTF-8 ALL")[0]
        self.assertTrue(partial.endswith(" COUNT 4 PARTIAL (1:2 4,3)"), partial)

    def test_rev2(self):
        reader = self.reader_
        self.append(reader, "one")
        self.say(reader, f'CREATE "Entw&APw-rfe{self.box}"')
        self.assertIn("* ENABLED IMAP4rev2", self.say(reader, "ENABLE IMAP4rev2"))
        opened = self.say(reader, f"SELECT {self.box}")
        self.assertIn(f'* LIST () "/" {self.box}', opened)
        self.assertNotIn("RECENT", "".join(opened))
        self.assertTrue(self.say(reader, "SEARCH ALL")[0].endswith(" ALL 1"))
        self.say(reader, f'STATUS "Entwürfe{self.box}" (MESSAGES DELETED SIZE)')
        self.assertEqual(self.say(reader, "FETCH 1 (FLAGS)")[0], "* 1 FETCH (FLAGS ())")

    def test_utf8_in_headers_and_names(self):
        reader, other = self.reader_, self.reader(self.site, self.account, None)
        text = "Subject: Grüße\r\n\r\nText\r\n"
        literal = f"{{{len(text.encode())}+}}\r\n{text}"
        self.say(reader, f"APPEND {self.box} {literal}", "NO")
        self.assertIn("* ENABLED UTF8=ACCEPT", self.say(reader, "ENABLE UTF8=ACCEPT"))
        self.say(reader, f'CREATE "Grüße{self.box}"')
        self.say(reader, f'APPEND "Grüße{self.box}" UTF8 (~{literal})')
        self.say(reader, "SEARCH CHARSET UTF-8 ALL", "BAD")
        self.assertIn(f"&APwA3w-e{self.box}", "".join(self.say(other, f'LIST "" "Gr*{self.box}"')))
        self.say(other, f'SELECT "Gr&APwA3w-e{self.box}"')
        self.assertIn(text, "\r\n".join(self.say(other, "FETCH 1 (BODY.PEEK[])")))

    def test_a_moved_message_keeps_its_identifier(self):
        reader = self.reader_
        self.append(reader, "one")
        self.say(reader, f"SELECT {self.box}")
        identifier = re.search(r"EMAILID \((\w+)\)", self.say(reader, "FETCH 1 (EMAILID SAVEDATE)")[0])[1]
        self.say(reader, "MOVE 1 Trash")
        self.assertIn("[MAILBOXID (", "".join(self.say(reader, "EXAMINE Trash")))
        self.assertRegex(self.say(reader, f"UID SEARCH EMAILID {identifier}")[0], r"^\* SEARCH \d+$")

    def test_two_clients_one_of_which_knows_no_numbers(self):
        first, second = self.reader_, self.reader(self.site, self.account, None)
        for subject in ("one", "two", "three"):
            self.append(first, subject)
        self.assertIn("* ENABLED UIDONLY", self.say(first, "ENABLE UIDONLY"))
        self.say(first, f"SELECT {self.box}")
        self.say(second, f"SELECT {self.box}")
        self.say(first, r"UID STORE 1 +FLAGS.SILENT (\Deleted)")
        self.assertIn("* 1 EXPUNGE", self.say(second, "EXPUNGE"))
        self.assertIn("* VANISHED 1", self.say(first, "NOOP"))
        first.idle()
        self.say(second, r"STORE 1 +FLAGS (\Flagged)")
        self.assertRegex(first.wait_for(rb"FETCH"), rb"^\* 2 UIDFETCH \(FLAGS \(\\Flagged \\Recent\)\)")
        first.done()
        self.assertEqual(self.say(first, "UID FETCH 3 (UID INTERNALDATE)")[0][:33], "* 3 UIDFETCH (UID 3 INTERNALDATE ")
        self.say(first, "FETCH 1 (FLAGS)", "BAD [UIDREQUIRED]")

    def test_compressed(self):
        reader = self.reader_
        self.assertIn("COMPRESS=DEFLATE", self.say(reader, "CAPABILITY")[0])
        self.say(reader, "COMPRESS DEFLATE")
        packer, unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
        text = b"Subject: long\r\n\r\n" + b"The same line again.\r\n" * 20_000
        commands = b"a APPEND %s {%d+}\r\n%s\r\nb SELECT %s\r\nc FETCH 1 (BODY.PEEK[])\r\n" % (
            self.box.encode(), len(text), text, self.box.encode())
        reader.sock.sendall(packer.compress(commands) + packer.flush(zlib.Z_SYNC_FLUSH))
        received, octets = b"", 0
        while not re.search(rb"^c OK ", received[-200:], re.MULTILINE):
            packed = reader.sock.recv(65536)
            self.assertTrue(packed, received[-200:])
            octets += len(packed)
            received += unpacker.decompress(packed)
        self.assertIn(b"BODY[] {%d}\r\n%s)" % (len(text), text), received)
        self.assertLess(octets, len(text) // 10)

    def test_one_connection_for_two_accounts(self):
        reader, other = self.reader_, self.pair.b.users[1]
        self.say(reader, f"SELECT {self.box}")
        self.assertIn("AUTH=PLAIN", self.say(reader, "UNAUTHENTICATE")[-1])
        self.say(reader, f"SELECT {self.box}", "BAD")
        self.say(reader, f"LOGIN {other.address} {other.password}")
        self.say(reader, f"SELECT {self.box}", "NO")

    def test_a_reply_is_put_together_on_the_server(self):
        """Forwarding the attachment of a delivered message costs its URL and not the attachment."""
        reader = self.reader_
        message = letter.write(self.account.address, self.account.address)
        self.send(self.pair.a, self.pair.a.users[0], self.account.address, message)
        self.wait_for_message(self.site, self.account, message["Message-ID"])
        self.say(reader, "SELECT INBOX")
        uid = self.number(self.say(reader, f"UID SEARCH HEADER Message-ID {message['Message-ID']}"), r"SEARCH (\d+)$")
        head = "Subject: Fwd\r\nContent-Type: message/rfc822\r\n\r\n"
        self.say(reader, f"APPEND {self.box} CATENATE (TEXT {{{len(head)}+}}\r\n{head} URL /INBOX/;UID={uid})")
        size = self.number(self.say(reader, f"UID FETCH {uid} (RFC822.SIZE)"), r"RFC822.SIZE (\d+)")
        self.say(reader, f"SELECT {self.box}")
        self.assertEqual(self.number(self.say(reader, "FETCH 1 (RFC822.SIZE)"), r"RFC822.SIZE (\d+)"), size + len(head))
        inside = self.say(reader, "FETCH 1 (BODY.PEEK[1.HEADER.FIELDS (Message-ID)])")
        self.assertIn(message["Message-ID"], "".join(inside))
        self.say(reader, f"APPEND {self.box} CATENATE (URL /INBOX/;UID=4294967295)",
                 "NO [BADURL /INBOX/;UID=4294967295] ")

    def test_new_mail_is_newer_than_all_before(self):
        """A message delivered by the mda, which is another process, has a mod-sequence of its own."""
        reader = self.reader_
        before = self.number(self.say(reader, "SELECT INBOX (CONDSTORE)"), r"\[HIGHESTMODSEQ (\d+)\]")
        message = letter.write(self.account.address, self.account.address)
        self.send(self.pair.a, self.pair.a.users[0], self.account.address, message)
        self.wait_for_message(self.site, self.account, message["Message-ID"])
        self.assertIn("EXISTS", "".join(self.say(reader, "NOOP")))
        found = self.say(reader, f"UID SEARCH MODSEQ {before + 1} HEADER Message-ID {message['Message-ID']}")
        self.assertEqual(len([line for line in found if line.startswith("* SEARCH ")]), 1, found)


class Limits(Sessions):
    """The same imapd with a limit on messages of one command, which tells of its progress soon."""
    options = {"overrides": {"b": {"imapd": "message_limit: 100\nprogress_seconds: 1\n"}}}

    def test_a_long_command_tells_how_far_it_is(self):
        reader = self.reader_
        text = b"Subject: long\r\n\r\n" + b"Words that are looked through one by one.\r\n" * 50_000
        self.assertEqual(reader.append(self.box, "", None, text)[0], "OK")
        self.say(reader, f"SELECT {self.box}")
        for count in (1, 2, 4, 8, 16, 32):
            self.say(reader, f"COPY 1:{count} {self.box}")
        keys, told = 1, []
        while not told and keys < 2000:
            lines = self.say(reader, "SEARCH" + "".join(f" NOT TEXT nowhere{n}" for n in range(keys)))
            told = [int(match[1]) for line in lines
                    if (match := re.match(r'\* OK \[INPROGRESS \("\w+" (\d+) 64\)\] ', line))]
            keys *= 4  # until it takes longer than a second
        self.assertTrue(told, lines)
        self.assertEqual(told, sorted(told))

    def test_many_messages_are_worked_on_bit_by_bit(self):
        reader = self.reader_
        self.assertIn(" MESSAGELIMIT=100", self.say(reader, "CAPABILITY")[0])
        self.append(reader, "one")
        self.say(reader, f"SELECT {self.box}")
        for count in (1, 2, 4, 8, 16, 32, 64, 100, 22):
            self.say(reader, f"COPY 1:{count} {self.box}")
        self.say(reader, f"COPY 1:* {self.box}", "NO [MESSAGELIMIT 100 151] ")
        seen, last = [], "*"
        while last:
            lines = self.say(reader, f"UID FETCH 1:{last} (UID)")
            seen += [int(match[1]) for line in lines if (match := re.search(r"FETCH \(UID (\d+)\)", line))]
            rest = re.match(r"OK \[MESSAGELIMIT 100 (\d+)\]", lines[-1])
            last = int(rest[1]) - 1 if rest else 0
        self.assertEqual(sorted(seen), list(range(1, 251)))
        moved = 0
        while True:
            lines = self.say(reader, "UID MOVE 1:* Trash")
            moved += len([line for line in lines if line.endswith(" EXPUNGE")])
            if "MESSAGELIMIT" not in lines[-1]:
                break
        self.assertEqual(moved, 250)


if __name__ == "__main__":
    unittest.main()
