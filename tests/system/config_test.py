#!/usr/bin/env python3
"""The configuration of a running agent, seen from outside: checked, compared, shown, and why a recipient is taken."""
import json
import smtplib
import subprocess
import unittest

from harness import SitesTestCase


class Config(SitesTestCase):
    def setUp(self):
        self.site = self.pair.a
        self.file = self.site.directory / "etc" / "mta.txtpb"

    def run_ctl(self, *words, stdin=None):
        return subprocess.run(
            [self.pair.binaries / "quartetctl", "--target", self.site.endpoint("mta_control"), *words],
            input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def with_change(self, *changes):
        text = self.file.read_text()
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def test_a_configuration_is_checked_by_the_agent_that_would_run_it(self):
        self.assertEqual(self.run_ctl("config", "validate").stdout, "no faults\n")
        gone = self.run_ctl("config", "validate", "/nonexistent.txtpb")
        self.assertEqual((gone.returncode, gone.stderr.splitlines()[0]),
                         (2, "quartetctl: /nonexistent.txtpb: No such file or directory"))
        bad = self.run_ctl("config", "validate", "-", stdin=self.file.read_text() + 'trusted: "nowhere"\nno_such: 1\n')
        self.assertEqual(bad.returncode, 1)
        lines = len(self.file.read_text().splitlines())
        self.assertIn(f"{self.file}:{lines + 2}:1: ", bad.stderr)
        # What was only asked about does not count.
        self.assertEqual(self.run_ctl("config", "diff").stdout, "no changes\n")

    def test_what_a_reload_would_change(self):
        text = self.file.read_text() + 'relay_domain: "new.example"\nlogin_limits { client_failures: 7 }\n'
        changes = json.loads(self.run_ctl("--json", "config", "diff", "-", stdin=text).stdout)["change"]
        self.assertEqual([(each["setting"], each.get("at_start", False)) for each in changes],
                         [("relay_domain", False), ("login_limits", True)])
        self.assertEqual(changes[1]["after"], "login_limits { client_failures: 7 }")
        self.assertEqual(changes[1]["before"], "")
        refused = self.quartetctl(self.site, "mta", "config", "explain", "x@new.example", "--client", "203.0.113.9")
        self.assertEqual(refused["rcpt"]["code"], 550)
        before = self.file.read_text()
        try:
            self.file.write_text(text)
            self.assertIn("+ relay_domain: \"new.example\"", self.run_ctl("config", "diff").stdout)
            self.quartetctl(self.site, "mta", "node", "reload")
            taken = self.quartetctl(self.site, "mta", "config", "explain", "x@new.example", "--client", "203.0.113.9")
            self.assertEqual(taken["rcpt"]["code"], 250)
            self.assertIn("relay_domain: has new.example", taken["reason"])
            left = json.loads(self.run_ctl("--json", "config", "diff").stdout)["change"]
            self.assertEqual([each["setting"] for each in left], ["login_limits"])
        finally:
            self.file.write_text(before)
            self.quartetctl(self.site, "mta", "node", "reload")

    def test_settings_are_shown_without_secrets(self):
        shown = self.run_ctl("config", "show").stdout
        self.assertIn(f'hostname: "{self.quartetctl(self.site, "mta", "node", "status")["hostname"]}"', shown)
        self.assertIn("sending {\n", self.run_ctl("config", "show", "sending").stdout)
        self.assertEqual(self.run_ctl("config", "show", "no_such").returncode, 1)
        text = self.file.read_text() + 'link { name: "island" domain: "island.example" mode: ATRN login: "i" password: "sesame" }\n'
        told = self.run_ctl("config", "diff", "-", stdin=text + 'odmr { address: "127.0.0.1:0" }\n').stdout
        self.assertIn("(secret)", told)
        self.assertNotIn("sesame", told)

    def test_why_a_recipient_is_taken(self):
        sender, reader = self.site.users[0], self.site.users[1]
        told = self.quartetctl(self.site, "msa", "config", "explain", reader.address, "--login", sender.address,
                               "--sender", sender.address)
        self.assertEqual((told["mail"]["code"], told["rcpt"]["code"]), (250, 250))
        told = self.quartetctl(self.site, "msa", "config", "explain", reader.address, "--login", sender.address,
                               "--sender", reader.address)
        self.assertEqual(told["mail"]["code"], 550)
        told = self.quartetctl(self.site, "mda", "config", "explain", reader.address)
        self.assertEqual(told["leads_to"], [f"the mailboxes of {reader.address}"])
        told = self.quartetctl(self.site, "mta", "config", "explain", f"nobody@{reader.address.partition('@')[2]}")
        self.assertEqual(told["rcpt"]["code"], 550)

    def test_the_log_says_more_for_a_time(self):
        log = self.site.processes["mta"].log
        start = log.stat().st_size
        self.quartetctl(self.site, "mta", "node", "log-level", "debug", "--for", "1h", "--reason", "a test")
        smtplib.SMTP(self.site.address, self.site.port("mx"), timeout=60).quit()
        self.site.processes["mta"].wait_for_event("mta.connected", start=start)
        self.quartetctl(self.site, "mta", "node", "reload")
        self.assertEqual(self.run_ctl("node", "log-level", "loud").returncode, 2)

    def test_the_queue_on_disk_is_healthy(self):
        self.assertTrue(self.quartetctl(self.site, "mta", "node", "check-spool")["healthy"])
        self.assertIn("healthy", self.run_ctl("node", "check-spool").stdout)


if __name__ == "__main__":
    unittest.main()
