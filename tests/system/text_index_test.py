#!/usr/bin/env python3
"""The index for SEARCH TEXT and BODY, made behind deliveries: what it finds is what an imapd finds that has none."""
import random
import re
import shutil
import smtplib
import unittest
import urllib.request

import harness
import second_imapd
from sites.process import wait_until
from sites.reader import Reader

_WORDS = ("harbour lights winter Garden signal caf\u00e9 Gr\u00fc\u00dfe \u4f1a\u8bae 4711 paper-boat ann@a.example don't "
          "incomprehensibilities A1B2C3D4E5F6").split()
_COUNT = 200


def literal(text):
    """What may hold anything."""
    return f"{{{len(text.encode())}+}}\r\n{text}"


def write_message(random_, number):
    text = " ".join(random_.choices(_WORDS, k=40))
    return (f"From: a@a.example\r\nSubject: number {number} {random_.choice(_WORDS)}\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
            f"{'needle' if number == 77 else ''}\r\n").encode()


class TextIndex(harness.SitesTestCase):
    def setUp(self):
        self.site = self.pair.b
        self.account = self.site.users[0]

    def metric(self, name):
        address = f"http://{self.site.endpoint('imapd_metrics')}/metrics"
        with urllib.request.urlopen(address, timeout=10) as reply:
            found = re.search(rf"^{name} (\S+)$", reply.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0

    def deliver(self, account, messages):
        """By LMTP, as another process than the one that makes the index."""
        with smtplib.LMTP(self.site.address, self.site.port("lmtp")) as client:
            for message in messages:
                self.assertEqual(client.sendmail("a@a.example", [account.address], message, ["BODY=8BITMIME"]), {})

    def wait_for_index(self, count):
        wait_until(lambda: self.metric("quartet_imapd_text_index_messages") >= count, 120, f"{count} messages in the index")

    def found(self, reader, key):
        lines = reader.say(f"UID SEARCH CHARSET UTF-8 {key}")
        self.assertTrue(lines[-1].startswith("OK"), (key, lines))
        return lines[0]

    def without_index(self):
        """A session at an imapd without, on the same store."""
        text = self.site.config_file("imapd").read_text()
        for service, port in second_imapd.PORTS.items():
            text = text.replace(f'"{self.site.endpoint(service)}"', f'"{self.site.address}:{port}"')
        text = text.replace("imapd.control", "imapd2.control") + "\nfull_text_index: OFF\n"
        self.site.config_file("imapd2").write_text(text)
        process = second_imapd.Process("imapd2@b", [self.pair.binaries / "imapd", "--config", self.site.config_file("imapd2")],
                                       self.site.directory / "log" / "imapd2.log")
        process.start()
        self.addCleanup(lambda: self.assertEqual(process.stop(), 0))
        process.wait_for_endpoints([f"{self.site.address}:{second_imapd.PORTS['imap']}"])
        reader = Reader(self.site.address, second_imapd.PORTS["imap"], timeout=60)
        self.addCleanup(self._close, reader)
        reader.starttls(self.tls())
        reader.login(self.account.address, self.account.password)
        self.assertEqual(reader.select("INBOX")[0], "OK")
        return reader

    def keys(self, random_):
        for word in ("needle", "NEEDLE", "eedl", "absent", "lights", "4711", "paper-b", "\u4f1a", "\u00fc", "F\u00c9", "prehensi",
                     "B2C3D4", "number 77", "er 1", "a@a.example", "don't", ": number"):
            for kind in ("TEXT", "BODY"):
                yield f"{kind} {literal(word)}"
                yield f"NOT {kind} {literal(word)}"
        for _ in range(40):
            word = random_.choice(_WORDS)
            begin = random_.randrange(len(word))
            one, other = word[begin:begin + 4], " ".join(random_.choices(_WORDS, k=2))
            yield f"OR TEXT {literal(one)} (BODY {literal(other)} NOT SUBJECT {literal(word)})"

    def test_equal_results_and_a_new_start(self):
        random_ = random.Random(20261127)
        self.deliver(self.account, (write_message(random_, number) for number in range(_COUNT)))
        self.wait_for_index(_COUNT)
        reader, plain = self.reader(self.site, self.account), self.without_index()
        self.assertEqual(self.found(reader, "TEXT needle"), "* SEARCH 78")
        for key in self.keys(random_):
            self.assertEqual(self.found(reader, key), self.found(plain, key), key)
        # Some more that are not in it yet, some that are gone.
        self.deliver(self.account, (write_message(random_, number) for number in range(_COUNT, _COUNT + 20)))
        reader.say(r"UID STORE 70:90 +FLAGS.SILENT (\Deleted)")
        reader.say("EXPUNGE")
        for each in (reader, plain):
            each.noop()
        for key in self.keys(random_):
            self.assertEqual(self.found(reader, key), self.found(plain, key), key)

        # It is on the disk: the next start need not make it again. After a kill it does not matter where it was.
        self.assertEqual(self.site.processes["imapd"].stop(), 0)
        self.site.start_agent("imapd", self.pair.binaries)
        self.wait_for_index(_COUNT)
        self.assertEqual(self.metric("quartet_imapd_text_indexed_total"), 0)
        self.assertGreater(self.metric("quartet_imapd_text_index_bytes"), 1000)

        # Without its files it is made again.
        self.assertEqual(self.site.processes["imapd"].stop(), 0)
        shutil.rmtree(self.site.directory / "store" / "text")
        self.site.start_agent("imapd", self.pair.binaries)
        self.wait_for_index(_COUNT - 21)
        reader = self.reader(self.site, self.account)
        for key in self.keys(random_):
            self.assertEqual(self.found(reader, key), self.found(plain, key), key)


if __name__ == "__main__":
    unittest.main()
