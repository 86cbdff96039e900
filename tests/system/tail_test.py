#!/usr/bin/env python3
"""Looking on: the log as it is written, and what is said in the sessions of an agent."""
import json
import signal
import subprocess
import threading
import unittest

from harness import SitesTestCase
from sites import letter
from sites.process import wait_until


class Follower:
    """quartetctl that goes on until it is stopped; `lines` has what it printed, as JSON."""

    def __init__(self, pair, site, agent, *words):
        self.lines = []
        self.process = subprocess.Popen(
            [pair.binaries / "quartetctl", "--target", site.endpoint(f"{agent}_control"), "--json", *words],
            stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        self.thread.join(30)
        return code


class Tail(SitesTestCase):
    def setUp(self):
        self.site = self.pair.a

    def follow(self, agent, *words):
        follower = Follower(self.pair, self.site, agent, *words)
        self.addCleanup(follower.process.kill)
        return follower

    def letter_from(self, account, recipient):
        message = letter.write(account.address, recipient.address)
        self.send(self.site, account, [recipient.address], message)
        return message

    def until(self, follower, account, recipient, found):
        """Sends letters until the follower, which may not look on yet at first, has seen one."""
        def seen():
            self.letter_from(account, recipient)
            return found(follower.lines)
        wait_until(seen, 60, "the follower")

    @staticmethod
    def a_letter_after(*starts):
        """Whether a session was seen from one of these on until its letter had gone: the first that a follower sees may
        have begun before it looked on."""
        def found(lines):
            said = [each.get("text", "") for each in lines]
            begin = next((at for at, text in enumerate(said) if text.startswith(starts)), len(said))
            return any("octets" in text for text in said[begin:])
        return found

    def test_the_log_as_it_is_written(self):
        sender, reader = self.site.users[:2]
        all_of_it = self.follow("msa", "log", "tail", "--level", "debug")
        accepted = self.follow("msa", "log", "tail", "--event", "msa.acc", "--text", reader.address)
        self.until(accepted, sender, reader, lambda lines: lines)
        self.until(all_of_it, sender, reader, lambda lines: any(each["level"] == "debug" for each in lines))
        self.assertEqual(accepted.stop(), 0)
        self.assertEqual({each["event"] for each in accepted.lines}, {"msa.accepted"})
        self.assertIn(reader.address, accepted.lines[0]["to"])
        # What the log itself is set to has not changed by that.
        self.assertNotIn('"level":"debug"', self.site.processes["msa"].log.read_text())

    def test_what_is_said_in_sessions(self):
        sender, reader = self.site.users[:2]
        far = self.pair.b.users[0]
        server = self.follow("msa", "session", "trace", "--role", "server", "--address", reader.address)
        client = self.follow("mta", "session", "trace", "--role", "client", "--address", "b.example")
        nobody = self.follow("msa", "session", "trace", "--peer", "203.0.113.0/24")
        self.until(server, sender, reader, self.a_letter_after("AUTH "))
        self.until(client, sender, far, self.a_letter_after("MAIL FROM"))
        for follower in (server, client, nobody):
            self.assertEqual(follower.stop(), 0)
        said = [each.get("text", "") for each in server.lines]
        self.assertTrue(any(text.startswith("RCPT TO:<" + reader.address) for text in said), said)
        self.assertTrue(any(text == "AUTH PLAIN (secret)" or text.startswith("AUTH SCRAM") for text in said), said)
        self.assertFalse(any(far.address in text for text in said), said)
        self.assertTrue(all(each["server"] for each in server.lines))
        sent = [each.get("text", "") for each in client.lines]
        self.assertTrue(any(far.address in text for text in sent), sent)
        self.assertFalse(any(reader.address in text for text in sent), sent)
        self.assertTrue(any(each.get("host") for each in client.lines))
        self.assertEqual(nobody.lines, [])


if __name__ == "__main__":
    unittest.main()
