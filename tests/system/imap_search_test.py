#!/usr/bin/env python3
"""Searching and being told, between several sessions and the delivery of mail: FUZZY (RFC 6203), filters (RFC 5466), results
that are kept up to date (RFC 5267), ESEARCH over mailboxes (RFC 7377), NOTIFY (RFC 5465)."""
import re
import unittest

from harness import SitesTestCase

SHARED = 'shared_mailboxes { other_users: "Other Users" shared: "Shared" administrator: "reader@b.example" }\n'


class Searching(SitesTestCase):
    options = {"overrides": {"b": {"imapd": SHARED}}}

    def setUp(self):
        self.site = self.pair.b
        self.account, self.second = self.site.users[:2]
        self.box = f"box{self.id().rsplit('.', 1)[1]}"
        self.client, self.other = (self.reader(self.site, self.account, None) for _ in range(2))
        self.assertEqual(self.client.create(self.box)[0], "OK")

    def say(self, reader, text, status="OK"):
        lines = reader.say(text)
        self.assertTrue(lines[-1].startswith(status), (text, lines))
        return lines

    def append(self, subject, box=None, reader=None):
        text = f"From: someone@a.example\r\nSubject: {subject}\r\n\r\nText of {subject}\r\n".encode()
        self.assertEqual((reader or self.other).append(box or self.box, "", None, text)[0], "OK")

    def line(self, pattern):
        """The next line that matches, which comes by itself."""
        return self.client.wait_for(pattern.encode()).rstrip(b"\r\n").decode()

    def test_all_of_it_is_offered(self):
        offered = set(self.say(self.client, "CAPABILITY")[0].split())
        self.assertLessEqual({"SEARCH=FUZZY", "FILTERS", "CONTEXT=SEARCH", "CONTEXT=SORT", "MULTISEARCH", "NOTIFY"}, offered)

    def test_the_most_relevant_message_first(self):
        for subject in ("the committe meets", "nothing of that", "Committee meeting", "a committee"):
            self.append(subject)
        self.say(self.client, f"SELECT {self.box}")
        found = self.say(self.client, 'SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY SUBJECT "committee meeting"')[0]
        match = re.search(r" ALL (\S+) RELEVANCY \(([\d ]+)\)$", found)
        self.assertTrue(match, found)
        scores = [int(score) for score in match[2].split()]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(match[1], "3:4,1")
        self.assertEqual(scores[0], 100)

    def test_filters_of_one_and_of_all(self):
        for subject in ("one", "two", "three"):
            self.append(subject)
        self.say(self.client, r'SETMETADATA "" (/private/filters/values/short "OR SUBJECT \"one\" SUBJECT two")')
        self.say(self.client, r'SETMETADATA "" (/shared/filters/values/long "NOT FILTER short")')
        self.say(self.client, f"SELECT {self.box}")
        self.assertEqual(self.site.processes["imapd"].stop(), 0)
        self.site.start_agent("imapd", self.pair.binaries)
        reader = self.reader(self.site, self.account, self.box)
        self.assertEqual(self.say(reader, "UID SEARCH FILTER short")[0], "* SEARCH 1 2")
        self.assertEqual(self.say(reader, "UID SEARCH FILTER long")[0], "* SEARCH 3")
        guest = self.reader(self.site, self.second, "INBOX")
        self.say(guest, "SEARCH FILTER short", "NO [UNDEFINED-FILTER short]")
        self.say(guest, r'SETMETADATA "" (/private/filters/values/short "UNSEEN")')
        self.say(guest, "SEARCH FILTER long")
        self.say(guest, r'SETMETADATA "" (/shared/filters/values/long NIL)', "NO [NOPERM]")
        self.say(reader, r'SETMETADATA "" (/shared/filters/values/long NIL)')
        self.say(guest, "SEARCH FILTER long", "NO [UNDEFINED-FILTER long]")

    def test_a_result_follows_the_mailbox(self):
        for subject in ("d", "b"):
            self.append(subject)
        self.say(self.client, f"SELECT {self.box}")
        self.say(self.other, f"SELECT {self.box}")
        self.assertRegex(self.say(self.client, "UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNFLAGGED")[0],
                         r'^\* ESEARCH \(TAG "\w+"\) UID ALL 2,1$')
        self.client.idle()
        self.append("a")
        self.assertTrue(self.line("ESEARCH").endswith(" UID ADDTO (1 3)"))
        self.say(self.other, r"STORE 2 +FLAGS (\Flagged)")
        self.assertTrue(self.line("ESEARCH").endswith(" UID REMOVEFROM (2 2)"))
        self.say(self.other, r"STORE 1 +FLAGS (\Deleted)")
        self.say(self.other, "EXPUNGE")
        self.assertTrue(self.line("ESEARCH").endswith(" UID REMOVEFROM (2 1)"))

    def test_many_mailboxes_at_once(self):
        for box in (f"{self.box}/a", f"{self.box}/a/deep", f"{self.box}/b"):
            self.assertEqual(self.client.create(box)[0], "OK")
            self.append("of " + box, box)
        found = self.say(self.client, f"ESEARCH IN (subtree-one {self.box} mailboxes {self.box}/a) RETURN (COUNT) "
                                      "SUBJECT of")
        names = [re.search(r" MAILBOX (\S+) UIDVALIDITY \d+\) UID COUNT 1$", line)[1] for line in found[:-1]]
        self.assertEqual(sorted(names), [f"{self.box}/a", f"{self.box}/b"])
        # Mailboxes of others as well, once they permit it.
        theirs = f'"Other Users/{self.account.address}"'
        guest = self.reader(self.site, self.second, None)
        self.assertEqual(len(self.say(guest, f"ESEARCH IN (subtree {theirs}) ALL")), 1)
        self.assertEqual(self.client.setacl(f"{self.box}/a", self.second.address, "lr")[0], "OK")
        self.assertIn(f"/{self.box}/a\"", self.say(guest, f"ESEARCH IN (subtree {theirs}) ALL")[0])

    def test_mail_that_comes_is_told_of_without_idle(self):
        self.say(self.client, f"SELECT {self.box}")
        told = self.say(self.client, "NOTIFY SET STATUS (selected (MessageNew (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)]) "
                                     "MessageExpunge FlagChange)) (inboxes (MessageNew MessageExpunge MailboxName))")
        before = next(int(match[1]) for line in told if (match := re.match(r"\* STATUS INBOX \(MESSAGES (\d+)", line)))
        self.assertFalse(any(f" {self.box} " in line for line in told))
        # By another process, which knows nothing of this session.
        self.send(self.pair.a, self.pair.a.users[0], self.account.address)
        self.assertIn(f" MESSAGES {before + 1}", self.line(r"STATUS INBOX"))
        self.append("news")
        self.assertEqual(self.line("EXISTS"), "* 1 EXISTS")
        self.assertIn("* 1 FETCH (UID 1 ", self.line("FETCH"))
        self.line(r"Subject: news")
        self.assertEqual(self.other.create(f"{self.box}/new")[0], "OK")
        self.assertEqual(self.line(rf"LIST .*{self.box}/new"), rf'* LIST (\HasNoChildren) "/" {self.box}/new')
        self.assertEqual(self.other.rename(f"{self.box}/new", f"{self.box}/newer")[0], "OK")
        self.assertIn(f'("OLDNAME" ({self.box}/new))', self.line("OLDNAME"))
        self.say(self.other, f"SELECT {self.box}")
        self.say(self.other, r"STORE 1 +FLAGS (\Deleted)")
        self.line(r"FETCH \(UID 1 FLAGS")
        self.say(self.other, "EXPUNGE")
        self.assertEqual(self.line("EXPUNGE"), "* 1 EXPUNGE")
        self.say(self.client, "NOTIFY NONE")
        self.append("unheard")
        self.assertEqual(len(self.say(self.client, "NOOP")), 1)

    def test_what_others_permit_is_told_of(self):
        guest = self.client = self.reader(self.site, self.second, None)
        self.say(guest, 'NOTIFY SET (subtree "Other Users" (MessageNew MessageExpunge MailboxName))')
        self.assertEqual(self.other.setacl(self.box, self.second.address, "lr")[0], "OK")
        self.line(rf"LIST .*Other Users/{self.account.address}/{self.box}\"")
        self.append("for both")
        self.assertIn("(UIDNEXT 2 MESSAGES 1)", self.line(rf"STATUS .*{self.box}\""))
        self.assertEqual(self.other.deleteacl(self.box, self.second.address)[0], "OK")
        self.line(r"LIST \(\\NonExistent")

    def test_the_server_closes_on_a_client_that_listens(self):
        self.say(self.client, "NOTIFY SET (personal (MessageNew MessageExpunge))")
        self.site.processes["imapd"].stop()
        self.line(r"^\* BYE The server is closing")
        self.site.start_agent("imapd", self.pair.binaries)


if __name__ == "__main__":
    unittest.main()
