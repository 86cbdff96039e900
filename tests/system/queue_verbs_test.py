#!/usr/bin/env python3
"""What operators change of queued mail besides its way: its time, priority and TLS; over a crash, too."""
import datetime
import unittest

from queue_test import QueueTestCase
from sites import letter


class Verbs(QueueTestCase):
    def wait_with(self, recipient):
        """(the letter, its entry) for somebody whom the mta of a cannot reach."""
        sender = self.pair.a.users[0]
        sent = self.send(self.pair.a, sender, recipient, letter.write(sender.address, recipient))
        return sent, self.waiting("mta", recipient)

    def shown(self, entry):
        return self.quartetctl(self.pair.a, "mta", "queue", "show", entry["message_id"])

    def restart_after_kill(self):
        """What was answered is there after a kill."""
        mta = self.pair.a.processes["mta"]
        mta.kill()
        self.pair.a.start_agent("mta", self.pair.binaries)

    def test_expire(self):
        sent, entry = self.wait_with("late@dead.example")
        self.assertIn("1 recipients would be expired",
                      self.ctl("mta", "queue", "expire", "--dry-run", "--id", entry["message_id"]))
        self.assertIn("1 recipients expired", self.ctl("mta", "queue", "expire", "--id", entry["message_id"]))
        block = self.notice_about(sent)[0]
        self.assertEqual((block["Action"], block["Status"]), ("failed", "4.4.7"))

    def test_expire_leaves_out_what_is_held(self):
        sent, entry = self.wait_with("held@dead.example")
        self.ctl("mta", "queue", "hold", "--id", entry["message_id"])
        self.assertIn("0 recipients expired, 1 skipped", self.ctl("mta", "queue", "expire", "--id", entry["message_id"]))
        self.ctl("mta", "queue", "expire", "--held-too", "--id", entry["message_id"])
        self.assertEqual(self.notice_about(sent)[0]["Status"], "4.4.7")

    def test_priority_tls_and_time_over_a_kill(self):
        _, entry = self.wait_with("kept@dead.example")
        where = ("--id", entry["message_id"])
        self.ctl("mta", "queue", "priority", *where, "--to", "12", code=1)
        self.ctl("mta", "queue", "priority", *where, "--to", "-4")
        self.ctl("mta", "queue", "tls", *where, "--to", "require")
        at = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=30)).replace(microsecond=0)
        self.ctl("mta", "queue", "reschedule", *where, code=2)  # when?
        self.ctl("mta", "queue", "reschedule", *where, "--at", at.isoformat().replace("+00:00", "Z"))
        self.ctl("mta", "queue", "reschedule", *where, "--later", "1h")
        self.restart_after_kill()
        shown = self.shown(entry)
        self.assertEqual((shown["priority"], shown["require_tls"]), (-4, True))
        self.assertEqual(datetime.datetime.fromisoformat(shown["recipient"][0]["next_attempt"]),
                         at + datetime.timedelta(hours=1))
        self.ctl("mta", "queue", "tls", *where, "--to", "default")
        self.assertNotIn("REQUIRETLS", self.ctl("mta", "queue", "show", entry["message_id"]))
        operations = self.quartetctl(self.pair.a, "mta", "operation", "list")
        self.assertIn("priority=-4", [one.get("detail") for one in operations])
        self.ctl("mta", "queue", "drop", *where)

    def test_edit_over_a_kill(self):
        a, b = self.pair.sites
        sent, entry = self.wait_with("typo@dead.example")
        where = ("--id", entry["message_id"])
        self.ctl("mta", "queue", "edit", *where, code=2)  # what?
        self.ctl("mta", "queue", "edit", *where, "--add-recipient", "nobody", code=1)
        self.ctl("mta", "queue", "edit", *where, "--new-sender", a.users[1].address, "--remove-recipient",
                 "typo@dead.example", "--add-recipient", "still@dead.example", "--add-recipient", b.users[0].address)
        self.restart_after_kill()
        content = self.wait_for_message(b, b.users[0], sent["Message-ID"])
        self.assertIn(f"Return-Path: <{a.users[1].address}>".encode(), content)
        self.waiting("mta", "still@dead.example")
        self.assertEqual([one["recipient"] for one in self.shown(entry)["recipient"]], ["still@dead.example"])
        self.ctl("mta", "queue", "edit", *where, "--new-sender", "<>")
        self.assertEqual(self.shown(entry).get("sender", ""), "")
        self.ctl("mta", "queue", "edit", *where, "--mark-delivered", "still@dead.example")
        self.ctl("mta", "queue", "show", entry["message_id"], code=1)

    def test_requeue_takes_the_tables_as_they_are_now(self):
        _, entry = self.wait_with("moved@dead.example")
        where = ("--id", entry["message_id"])
        self.ctl("mta", "queue", "reroute", *where, "--to", "127.0.0.1:9")
        self.ctl("mta", "queue", "requeue", *where)
        self.assertEqual(self.shown(entry)["recipient"][0]["next_hop"], "")
        self.ctl("mta", "queue", "drop", *where)


class Renamed(QueueTestCase):
    """Mail for a site that cannot be reached, whose domain becomes another name of ours meanwhile."""
    options = {"shared_spool": False, "overrides": {"a": {
        "mta": lambda text: text + 'transport { match: "old.example" next_hop { host: "127.0.0.1:9" } }\n'}}}

    def test_requeue_rewrites(self):
        a = self.pair.a
        recipient = a.users[1].address.replace("a.example", "old.example")
        sent = self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient))
        entry = self.waiting("mta", recipient)
        directory = a.config_file("directory")
        directory.write_text(directory.read_text() + 'alias_domain { from: "old.example" to: "a.example" }\n')
        self.ctl("mta", "node", "reload", "--reason", "a new name")
        start = a.processes["mta"].log.stat().st_size
        self.assertIn("1 recipients requeued", self.ctl("mta", "queue", "requeue", "--id", entry["message_id"]))
        self.wait_for_message(a, a.users[1], sent["Message-ID"])
        self.assertEqual(self.quartetctl(a, "mta", "queue", "list", "--id", entry["message_id"]), [])
        a.processes["mta"].wait_for_event("control.requeued", start=start, to=recipient)


if __name__ == "__main__":
    unittest.main()
