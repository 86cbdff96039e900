#!/usr/bin/env python3
"""Annotations of mailboxes (RFC 5464): one user's, and those that all who see a mailbox share, over a restart of imapd."""
import unittest

from harness import SitesTestCase


class Metadata(SitesTestCase):
    options = {"overrides": {"b": {"imapd": 'shared_mailboxes { other_users: "Other Users" }\n'}}}

    def command(self, reader, name, *arguments):
        """The untagged METADATA responses; the status must be OK."""
        status, data = reader.xatom(name, *arguments)
        self.assertEqual(status, "OK", data)
        return [line for line in reader.response("METADATA")[1] if line]

    def test_shared_and_private(self):
        site = self.pair.b
        owner, guest = (self.reader(site, user, None) for user in site.users)
        theirs = f'"Other Users/{site.users[0].address}/Plans"'
        self.assertEqual(owner.create("Plans")[0], "OK")
        self.assertEqual(owner.setacl("Plans", site.users[1].address, "lr")[0], "OK")
        self.command(owner, "SETMETADATA", "Plans", '(/shared/comment "of all" /private/comment "of one")')
        wanted = "(/shared/comment /private/comment)"
        self.assertEqual(self.command(guest, "GETMETADATA", theirs, wanted),
                         [theirs.encode() + b' (/shared/comment "of all" /private/comment NIL)'])
        self.assertEqual(guest.xatom("SETMETADATA", theirs, '(/shared/comment "mine")')[0], "NO")
        self.command(guest, "SETMETADATA", theirs, '(/private/comment "of the other")')
        self.assertEqual(site.processes["imapd"].stop(), 0)
        site.start_agent("imapd", self.pair.binaries)
        owner, guest = (self.reader(site, user, None) for user in site.users)
        self.assertEqual(self.command(owner, "GETMETADATA", "Plans", wanted),
                         [b'Plans (/shared/comment "of all" /private/comment "of one")'])
        self.assertEqual(self.command(guest, "GETMETADATA", theirs, wanted),
                         [theirs.encode() + b' (/shared/comment "of all" /private/comment "of the other")'])
        self.assertEqual(owner.delete("Plans")[0], "OK")
        self.assertEqual(owner.create("Plans")[0], "OK")
        self.assertEqual(self.command(owner, "GETMETADATA", "Plans", "/shared/comment"),
                         [b"Plans (/shared/comment NIL)"])


if __name__ == "__main__":
    unittest.main()
