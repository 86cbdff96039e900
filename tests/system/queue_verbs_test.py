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


if __name__ == "__main__":
    unittest.main()
