#!/usr/bin/env python3
"""An msa that logs in to its smart host, which is the other site's msa."""
import dataclasses
import re
import unittest

from harness import SitesTestCase
from sites import loopback
from sites.site import Account

RELAY = Account("relay@b.example", "by SCRAM alone")
# At the smart host a password by PLAIN would be another one.
AT_HOST = "".join(f' scram_verifier: "{verifier}"' for verifier in RELAY.scram_verifiers())
OTHER = dataclasses.replace(RELAY, password="another one")


def through_b(text):
    network = re.search(r"127\.\d+\.\d+", text)[0]
    hop = f'smart_host {{ host: "{network}.2:{loopback.PORTS["submission"]}" login: "{RELAY.address}" ' \
          f'password: "{RELAY.password}" }}'
    return re.sub(r"smart_host \{[^}]*\}", hop, text, count=1)


class RelayLogin(SitesTestCase):
    options = {"shared_spool": False, "overrides": {
        # Its users may send as the account by which it logs in.
        "a": {"msa": through_b, "directory": f'domain {{ name: "b.example" }}\naccount {{ login: "{RELAY.address}" '
                                             f'password_hash: "{RELAY.password_hash()}"{AT_HOST} }}\n'},
        "b": {"directory": f'account {{ login: "{RELAY.address}" password_hash: "{OTHER.password_hash()}"{AT_HOST} }}\n'}}}

    def test_by_scram(self):
        recipient = self.pair.a.users[0]
        sent = self.send(self.pair.a, RELAY, recipient.address)
        self.assert_intact(sent, self.wait_for_message(self.pair.a, recipient, sent["Message-ID"]))
        self.pair.b.processes["msa"].wait_for_event("msa.login", login=RELAY.address)
        self.assertFalse([event for event in self.pair.b.processes["msa"].events()
                          if event["event"] == "msa.login_failed"])


if __name__ == "__main__":
    unittest.main()
