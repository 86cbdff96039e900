#!/usr/bin/env python3
"""Mailboxes of other users and of nobody by access control lists (RFC 4314), with the real daemons of two sites: two
users of one site at imapd, scripts that deliver into them at mda."""
import unittest

from sieve_site import SieveTestCase, filtering, install

SHARED = 'shared_mailboxes { other_users: "Other Users" shared: "Shared" administrator: "reader@b.example" }\n'


class SharedMailboxes(SieveTestCase):
    options = {"shared_spool": False, "overrides": {"b": {"imapd": SHARED, "mda": lambda text: filtering(text) + SHARED}}}

    def setUp(self):
        super().setUp()
        self.owner, self.guest = (self.reader(self.b, user, None) for user in (self.user, self.second))
        self.box = f"box{self.id().rsplit('.', 1)[1]}"
        self.theirs = f'"Other Users/{self.user.address}/{self.box}"'
        self.assertEqual(self.owner.create(self.box)[0], "OK")

    def ok(self, answer):
        self.assertEqual(answer[0], "OK", answer)
        return answer[1]

    def append(self, reader, box, subject):
        self.ok(reader.append(box, "", None, f"Subject: {subject}\r\n\r\nText\r\n".encode()))

    def test_one_lets_another_read(self):
        self.append(self.owner, self.box, "one")
        self.assertEqual(self.guest.select(self.theirs)[0], "NO")
        self.assertNotIn("Other Users", str(self.ok(self.guest.list())))
        self.ok(self.owner.setacl(self.box, self.second.address, "lrs"))
        self.assertIn(f"{self.second.address} lrs".encode(), self.ok(self.owner.getacl(self.box))[0])
        self.assertEqual(self.ok(self.guest.namespace()),
                         [b'(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))'])
        self.assertIn(self.box, str(self.ok(self.guest.list())))
        self.assertEqual(self.ok(self.guest.select(self.theirs)), [b"1"])
        self.assertIn(b"Subject: one", self.ok(self.guest.fetch("1", "(BODY[])"))[0][1])
        # \Seen is one for all who read the mailbox.
        self.ok(self.owner.select(self.box))
        self.assertIn(rb"\Seen", self.ok(self.owner.fetch("1", "(FLAGS)"))[0])
        self.assertEqual(self.guest.store("1", "+FLAGS", r"(\Deleted)")[0], "NO")
        self.ok(self.guest.copy("1", "INBOX"))
        self.assertEqual(self.ok(self.guest.select("INBOX")), [b"1"])
        self.assertIn(b"Subject: one", self.ok(self.guest.fetch("1", "(BODY.PEEK[])"))[0][1])

    def test_news_to_an_idling_guest_until_the_right_is_taken(self):
        self.ok(self.owner.setacl(self.box, self.second.address, "lr"))
        self.ok(self.guest.select(self.theirs, readonly=True))
        self.guest.idle()
        self.append(self.owner, self.box, "news")
        self.assertIn(b"* 1 EXISTS", self.guest.wait_for(rb"EXISTS"))
        self.ok(self.owner.deleteacl(self.box, self.second.address))
        self.assertIn(b"may not be read any more", self.guest.wait_for(rb"BYE"))

    def test_rights_outlive_a_restart(self):
        self.ok(self.owner.setacl(self.box, self.second.address, "lri"))
        self.assertEqual(self.b.processes["imapd"].stop(), 0)
        self.b.start_agent("imapd", self.pair.binaries)
        guest = self.reader(self.b, self.second, None)
        self.append(guest, self.theirs, "after")
        self.assertTrue(self.ok(guest.myrights(self.theirs))[0].endswith(b" lri"))

    def test_scripts_post_where_they_may(self):
        public = f"Shared/{self.box}"
        self.assertEqual(self.guest.create(public)[0], "NO")
        self.ok(self.owner.create(public))
        self.ok(self.owner.setacl(public, "anyone", "lr"))
        install(self.b, self.second, 'require ["fileinto", "mailbox"];\n'
                f'if header :contains "subject" "plain" {{ fileinto "{public}"; }}\n'
                f'elsif mailboxexists "{public}" {{ fileinto "{public}"; }} else {{ fileinto "Trash"; }}\n')
        refused, posted, trash = self.letter("plain"), self.letter("asks first"), self.letter("asks first")
        for sent in (refused, trash):
            self.assertEqual(self.deliver(sent, recipients=[self.second.address]), {})
        self.wait_for_message(self.b, self.second, refused["Message-ID"])
        self.wait_for_message(self.b, self.second, trash["Message-ID"], mailbox="Trash")
        self.b.processes["mda"].wait_for_event("mda.action_failed", action="fileinto", reason="no right to post")
        self.ok(self.owner.setacl(public, self.second.address, "lrp"))
        self.assertEqual(self.deliver(posted, recipients=[self.second.address]), {})
        self.wait_for_message(self.b, self.user, posted["Message-ID"], mailbox=public)


if __name__ == "__main__":
    unittest.main()
