#!/usr/bin/env python3
"""Mail to addresses in scripts of the world (RFC 6531), whose domains DNS knows by A-labels (RFC 5890)."""
import unittest

from harness import SitesTestCase


class InternationalizedDomains(SitesTestCase):
    options = {
        "zones": {"xn--bcher-kva.example": "@ MX 10 mx.b.example.\n"},
        "overrides": {"b": {"directory": 'domain { name: "b\u00fccher.example" }\n'
                                         'alias { address: "j\u00f6rg@b\u00fccher.example" target: "reader@b.example" }\n'
                                         'alias { address: "joerg@b\u00fccher.example" target: "reader@b.example" }\n'}}}

    def test_however_the_domain_is_written(self):
        a, b = self.pair.a, self.pair.b
        for address in ("j\u00f6rg@B\u00fccher.example", "j\u00f6rg@xn--bcher-kva.example", "joerg@xn--bcher-kva.example"):
            sent = self.send(a, a.users[0], address)
            self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))


if __name__ == "__main__":
    unittest.main()
