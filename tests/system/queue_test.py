#!/usr/bin/env python3
"""What operators do to queued mail with quartetctl, at msa and mta, and what becomes of it on the way."""
import datetime
import email
import email.policy
import json
import mailbox
import subprocess
import unittest

from harness import SitesTestCase
from sites import letter
from sites.process import wait_until

DEAD = 'transport { match: "dead.example" next_hop { host: "127.0.0.1:9" } }\n'  # nobody listens there


class QueueTestCase(SitesTestCase):
    """msa and mta of a have a queue each; nothing they have for dead.example is ever taken."""
    options = {"shared_spool": False, "overrides": {"a": {"mta": lambda text: text + DEAD}}}

    def ctl(self, agent, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target",
                               self.pair.a.endpoint(f"{agent}_control"), *words],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def waiting(self, agent, recipient):
        """The entry of a recipient that was put off: its attempt failed, or its site is known to be dead."""
        def look():
            entries = self.quartetctl(self.pair.a, agent, "queue", "list", "--recipient", recipient)
            if not entries or entries[0]["state"] == "active":
                return None
            now = datetime.datetime.now(datetime.UTC)
            return datetime.datetime.fromisoformat(entries[0]["next_attempt"]) > now and entries[0]

        return wait_until(look, 30, f"{recipient} waits")

    def notice_about(self, sent):
        """The delivery status of each recipient, from the notice that the sender gets."""
        def find():
            for content in self.fetch_all(self.pair.a, self.pair.a.users[0]):
                message = email.message_from_bytes(content, policy=email.policy.default)
                if message.get_content_type() == "multipart/report" and sent["Message-ID"] in content.decode():
                    return message
            return None

        report = wait_until(find, 60, f"the notice about {sent['Message-ID']}")
        status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
        return [block for block in status.get_payload() if block["Final-Recipient"]]


class Mta(QueueTestCase):
    def test_bounce_tells_the_sender_once(self):
        sender = self.pair.a.users[0]
        recipients = ["one@dead.example", "two@dead.example"]
        sent = self.send(self.pair.a, sender, recipients, letter.write(sender.address, recipients[0]))
        for recipient in recipients:
            self.waiting("mta", recipient)
        where = "rcpt.domain=dead.example and age<1h"
        self.ctl("mta", "queue", "bounce", "--where", where, code=2)  # without a reason
        said = self.ctl("mta", "queue", "bounce", "--where", where, "--reason", "The site is closed", "--code", "5.1.6")
        self.assertIn("2 recipients bounced", said)
        fields = self.notice_about(sent)
        self.assertEqual(len(fields), 2)
        for field in fields:
            self.assertEqual((field["Action"], field["Status"]), ("failed", "5.1.6"))
            self.assertIn("The site is closed", field["Diagnostic-Code"])
        self.assertEqual(self.quartetctl(self.pair.a, "mta", "queue", "list", "--where", "rcpt.domain=dead.example"),
                         [])

    def test_reroute_leads_past_a_dead_next_hop(self):
        a, b = self.pair.a, self.pair.b
        sent = self.send(a, a.users[0], "five@dead.example", letter.write(a.users[0].address, "five@dead.example"))
        self.waiting("mta", "five@dead.example")
        there = f"{b.address}:{b.port('mx')}"
        self.assertIn("1 recipients rerouted", self.ctl("mta", "queue", "reroute", "--recipient", "five@dead.example",
                                                        "--to", there, "--reason", "a test"))
        # The other site was asked, and has no such domain: its refusal is the proof.
        fields = self.notice_about(sent)
        self.assertEqual(fields[0]["Action"], "failed")
        self.assertIn(b.address, fields[0]["Remote-MTA"])

    def test_shape_and_export(self):
        a = self.pair.a
        sent = self.send(a, a.users[0], "six@dead.example", letter.write(a.users[0].address, "six@dead.example"))
        entry = self.waiting("mta", "six@dead.example")
        shape = self.ctl("mta", "queue", "shape", "--recipient", "six@dead.example").splitlines()
        self.assertEqual([line.split()[:3] for line in shape[1:]], [["TOTAL", "1", "1"], ["dead.example", "1", "1"]])
        directory = self.scratch()
        self.ctl("mta", "queue", "export", "--where", "rcpt=six@dead.example", "--to", str(directory))
        files = sorted(path.name for path in directory.iterdir())
        self.assertEqual(files, [f"{entry['message_id']}.eml", f"{entry['message_id']}.json"])
        content = (directory / files[0]).read_bytes()
        self.assert_intact(sent, content)
        envelope = json.loads((directory / files[1]).read_text())
        self.assertEqual(envelope["sender"], a.users[0].address)
        self.assertEqual([one["recipient"] for one in envelope["recipient"]], ["six@dead.example"])
        self.ctl("mta", "queue", "export", entry["message_id"], "--mbox", "--to", str(directory / "box"))
        box = mailbox.mbox(directory / "box")
        self.assertEqual([message["Message-ID"] for message in box], [sent["Message-ID"]])
        box.close()
        self.ctl("mta", "queue", "drop", entry["message_id"])


class AfterACrash(QueueTestCase):
    def test_bounce_outlives_a_crash(self):
        """Marked while the relay cannot write the notice: it is killed, and does it after its start."""
        sender = self.pair.a.users[0]
        sent = self.send(self.pair.a, sender, "three@dead.example",
                         letter.write(sender.address, "three@dead.example"))
        entry = self.waiting("mta", "three@dead.example")
        self.ctl("mta", "queue", "bounce", entry["message_id"], "--reason", "enough")
        self.pair.a.processes["mta"].kill()
        self.pair.a.start_agent("mta", self.pair.binaries)
        self.assertEqual(self.notice_about(sent)[0]["Status"], "5.7.1")


class Msa(QueueTestCase):
    """While the mta that it hands on to is down."""

    def test_bounce_at_the_msa(self):
        a = self.pair.a
        a.processes["mta"].stop()
        sent = self.send(a, a.users[0], "four@elsewhere.example", letter.write(a.users[0].address, "four@b.example"))
        self.waiting("msa", "four@elsewhere.example")
        self.ctl("msa", "queue", "bounce", "--recipient", "four@elsewhere.example", "--reason", "not to be sent")
        # The msa's notice goes by the smart host as all its mail does.
        a.start_agent("mta", self.pair.binaries)
        self.ctl("msa", "queue", "retry", "--all")
        self.assertEqual(self.notice_about(sent)[0]["Status"], "5.7.1")

    def test_reroute_of_held_mail_waits_for_its_release(self):
        a, b = self.pair.a, self.pair.b
        a.processes["mta"].stop()
        sent = self.send(a, a.users[0], b.users[0].address)
        self.waiting("msa", b.users[0].address)
        self.ctl("msa", "queue", "hold", "--all")
        there = f"{b.address}:{b.port('mx')}"
        self.ctl("msa", "queue", "reroute", "--all", "--to", there)
        self.assertIn(f"via {there}", self.ctl("msa", "queue", "list"))
        entry = self.quartetctl(a, "msa", "queue", "list")[0]
        self.assertEqual((entry["state"], entry["next_hop"]), ("held", there))
        self.ctl("msa", "queue", "reroute", "--all", "--to", "no host", code=1)
        self.ctl("msa", "queue", "release", "--all")
        self.assert_intact(sent, self.wait_for_message(b, b.users[0], sent["Message-ID"]))
        a.start_agent("mta", self.pair.binaries)


if __name__ == "__main__":
    unittest.main()
