#!/usr/bin/env python3
"""Mail to where SMTP does not lead: programs on a pipe, and files in batch SMTP for a gateway."""
import email
import email.policy
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import SitesTestCase, as_bytes
from postfix import Postfix, why_not
from sieve_site import filtering
from sites import letter
from sites.process import wait_until

# Writes down how it was run; the recipient's name says how it ends.
PROGRAM = """#!/bin/sh
out=$(mktemp "$OUT/XXXXXX.part")
{ printf '%s\\n' "$0" "$@"; id -un; echo "$SENDER $RECIPIENT"; echo "--"; cat; } > "$out"
mv "$out" "${out%.part}.run"
case $2 in
  nobody@*) echo "we know no such person"; exit 67 ;;
  busy@*) [ -e "$OUT/free" ] || exit 75 ;;
  refused@*) echo "5.7.1 not on a Sunday"; exit 1 ;;
esac
"""


class ProgramTestCase(SitesTestCase):
    """Sites one of whose agents hands mail to PROGRAM: `overrides()` says which."""

    @classmethod
    def setUpClass(cls):
        # The program runs as somebody else where the tests are root's.
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="quartet-out-"))
        cls.addClassCleanup(shutil.rmtree, cls.out)
        cls.program = cls.out / "program"
        cls.program.write_text(PROGRAM)
        cls.program.chmod(0o755)
        cls.out.chmod(0o1777)
        cls.user = "nobody" if os.geteuid() == 0 else ""
        cls.options = {"shared_spool": False, "overrides": cls.overrides()}
        super().setUpClass()

    @classmethod
    def pipe(cls, more=""):
        user = f'user: "{cls.user}"' if cls.user else ""
        return (f'pipe {{ argument: "{cls.program}" argument: "{{sender}}" argument: "{{recipient}}" argument: "a b;c" {more}\n'
                f'environment: "OUT={cls.out}" {user} }}')

    def runs(self, recipient):
        """What the program was given for a recipient: (arguments, user, environment, input), each time."""
        found = []
        for path in sorted(self.out.glob("*.run")):
            head, _, body = path.read_text().partition("--\n")
            *arguments, user, environment = head.splitlines()
            if arguments[2] == recipient:
                found.append((arguments, user, environment, body))
        return found

    def bounce(self, message_id):
        def find():
            for content in self.fetch_all(self.pair.a, self.pair.a.users[0]):
                if b"multipart/report" in content and message_id.encode() in content:
                    return email.message_from_bytes(content, policy=email.policy.default)
            return None
        report = wait_until(find, 60, "a bounce")
        status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
        return [block for block in status.get_payload() if block["Final-Recipient"]][0]


class Transports(ProgramTestCase):
    @classmethod
    def overrides(cls):
        cls.batches = cls.out / "batches"
        cls.batches.mkdir()
        return {"a": {"mta": f'''
transport {{ match: "uucp.example" {cls.pipe("from_line: true")} }}
transport {{ match: ".fido.example" bsmtp {{ directory: "{cls.batches}" }} }}
'''}}

    def test_a_program_takes_the_message(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "ann+x@uucp.example")
        arguments, user, environment, body = wait_until(lambda: self.runs("ann+x@uucp.example"), 60, "a run")[0]
        self.assertEqual(arguments, [str(self.program), a.users[0].address, "ann+x@uucp.example", "a b;c"])
        self.assertEqual(environment, f"{a.users[0].address} ann+x@uucp.example")
        if self.user:
            self.assertEqual(user, self.user)
        postmark, _, message = body.partition("\n")
        self.assertTrue(postmark.startswith(f"From {a.users[0].address} "), postmark)
        self.assertNotIn("\r", message)
        self.assert_intact(sent, message.encode())

    def test_what_the_program_refuses_bounces_with_its_words(self):
        a = self.pair.a
        for recipient, status, words in (("nobody@uucp.example", "5.1.1", "we know no such person"),
                                         ("refused@uucp.example", "5.7.1", "not on a Sunday")):
            sent = self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient, "to bounce"))
            fields = self.bounce(sent["Message-ID"])
            self.assertEqual(fields["Status"], status)
            self.assertIn(words, fields["Diagnostic-Code"])

    def test_an_address_that_looks_like_an_option(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "-oQ@uucp.example")
        self.assertEqual(self.bounce(sent["Message-ID"])["Status"], "5.1.3")
        self.assertEqual(self.runs("-oQ@uucp.example"), [])

    def test_what_fails_for_a_time_is_tried_again(self):
        a = self.pair.a
        self.send(a, a.users[0], "busy@uucp.example")
        wait_until(lambda: any(entry["recipient"] == "busy@uucp.example" and entry["state"] == "deferred"
                               for entry in self.queue()), 60, "a deferred recipient")
        (self.out / "free").touch()
        self.run_program(self.pair.binaries / "quartetctl", "--target", a.endpoint("mta_control"), "queue", "retry",
                         "--all")
        wait_until(lambda: not any(entry["recipient"] == "busy@uucp.example" for entry in self.queue()), 60,
                   "the recipient delivered")
        self.assertEqual(len(self.runs("busy@uucp.example")), 2)

    def queue(self):
        return self.quartetctl(self.pair.a, "mta", "queue", "list")

    def batch(self, text):
        """The file that has `text`."""
        return wait_until(lambda: next((path for path in self.batches.glob("*.bsmtp")
                                        if text.encode() in path.read_bytes()), None), 60, "a batch")

    def test_a_message_becomes_a_file_for_a_gateway(self):
        a = self.pair.a
        message = letter.write(a.users[0].address, "sysop@p1.fido.example", "dots")
        message.get_body().set_content(".\n..\nlast\n")
        recipients = ["sysop@p1.fido.example", "point@p2.fido.example"]
        sent = self.send(a, a.users[0], recipients, message)
        lines = self.batch(sent["Message-ID"]).read_bytes().split(b"\r\n")
        self.assertEqual(lines[:2], [b"HELO mx.a.example", f"MAIL FROM:<{a.users[0].address}>".encode()])
        self.assertEqual(sorted(lines[2:4]), sorted(f"RCPT TO:<{address}>".encode() for address in recipients))
        self.assertEqual(lines[4], b"DATA")
        self.assertEqual(lines[-3:], [b".", b"QUIT", b""])
        content = [line[1:] if line.startswith(b".") else line for line in lines[5:-3]]
        self.assertNotIn(b".", lines[5:-3])
        self.assert_intact(sent, b"\r\n".join(content))
        self.assertEqual([path.name for path in self.batches.iterdir() if not path.name.endswith(".bsmtp")], [])

    def test_postfix_reads_the_file(self):
        if reason := why_not():
            self.skipTest(reason)
        a = self.pair.a
        self.directory.chmod(0o711)
        postfix = Postfix(self.directory / "gateway", f"{self.pair.network.address(9)}:{a.port('mx')}", {
            "myhostname": "gate.fido.example", "default_transport": "discard:", "relay_transport": "discard:",
            "relay_domains": "fido.example, p1.fido.example",
        })
        self.addCleanup(postfix.stop)
        postfix.start()
        sent = self.send(a, a.users[0], ["one@p1.fido.example", "two@p1.fido.example"])
        batch = self.batch(sent["Message-ID"])
        done = subprocess.run(["/usr/sbin/sendmail", "-C", postfix.directory / "etc", "-bs"], capture_output=True,
                              stdin=batch.open("rb"), timeout=60)
        replies = done.stdout.decode()
        self.assertEqual([line[:3] for line in replies.splitlines()],
                         ["220", "250", "250", "250", "250", "354", "250", "221"], replies)
        subprocess.run(["/usr/sbin/postqueue", "-c", postfix.directory / "etc", "-f"], check=True, timeout=60)
        for address in ("one@p1.fido.example", "two@p1.fido.example"):
            postfix.wait_for_log(f"to=<{address}>")


class Programs(ProgramTestCase):
    """The same behind the mda."""

    @classmethod
    def overrides(cls):
        aliases = "".join(f'alias {{ address: "{name}@b.example" target: "{name}@programs.example" {more} }}\n'
                          for name, more in (("robot", 'target: "reader@b.example"'), ("busy", ""), ("nobody", "")))
        return {"b": {"directory": aliases, "mda": lambda text: filtering(text) + f'''
delivery {{ match: "programs.example" {cls.pipe("return_path: true")} }}
'''}}

    def test_an_address_leads_to_a_program(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "robot@b.example")
        self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"])
        arguments, user, _, body = wait_until(lambda: self.runs("robot@programs.example"), 60, "a run")[0]
        self.assertEqual(arguments, [str(self.program), a.users[0].address, "robot@programs.example", "a b;c"])
        if self.user:
            self.assertEqual(user, self.user)
        self.assertTrue(body.startswith(f"Return-Path: <{a.users[0].address}>\n"), body)
        self.assert_intact(sent, body.encode())
        wait_until(lambda: not self.queue(), 60, "an empty queue")
        self.assertEqual(len(self.runs("robot@programs.example")), 1)

    def test_what_fails_for_a_time_waits_in_the_mda(self):
        busy = "busy@programs.example"
        self.send(self.pair.a, self.pair.a.users[0], "busy@b.example")
        wait_until(lambda: any(entry["recipient"] == busy and entry["state"] == "deferred" for entry in self.queue()), 60,
                   "a deferred recipient")
        (self.out / "free").touch()
        self.run_program(self.pair.binaries / "quartetctl", "--target", self.pair.b.endpoint("mda_control"), "queue",
                         "retry", "--all")
        wait_until(lambda: not any(entry["recipient"] == busy for entry in self.queue()), 60, "the recipient delivered")
        self.assertEqual(len(self.runs(busy)), 2)

    def test_what_the_program_refuses_bounces(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "nobody@b.example")
        fields = self.bounce(sent["Message-ID"])
        self.assertEqual(fields["Status"], "5.1.1")
        self.assertIn("we know no such person", fields["Diagnostic-Code"])

    def queue(self):
        return self.quartetctl(self.pair.b, "mda", "queue", "list")


if __name__ == "__main__":
    unittest.main()
