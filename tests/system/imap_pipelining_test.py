#!/usr/bin/env python3
"""Commands that a client sends without waiting for answers (RFC 3501 section 5.5), and what imapd answers from what the store
keeps of messages: STORE in one commit and on the disk when it is answered, header fields as in the message."""
import re
import unittest

from harness import SitesTestCase, letter

_MESSAGES = 300


class Pipelining(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.b, self.pair.b.users[0]
        self.box = f"box{self.id().rsplit('.', 1)[1]}"
        self.reader_ = self.reader(self.site, self.account, None)
        self.assertEqual(self.reader_.create(self.box)[0], "OK")

    def append(self, *texts):
        for text in texts:
            self.assertEqual(self.reader_.append(self.box, "", None, text)[0], "OK")

    def pipeline(self, reader, commands):
        """Sends all at once; the answers to each, the last line without its tag."""
        tags = [reader._new_tag() for _ in commands]
        reader.send(b"".join(tag + b" " + command.encode() + b"\r\n" for tag, command in zip(tags, commands)))
        answers = []
        for tag in tags:
            lines = []
            while not lines or not lines[-1].startswith(tag.decode() + " "):
                line = reader.readline()
                self.assertTrue(line, f"the connection broke after {answers[-3:]} {lines}")
                lines.append(line.rstrip(b"\r\n").decode())
            lines[-1] = lines[-1].split(" ", 1)[1]
            answers.append(lines)
        return answers

    def test_many_stores_at_once_are_each_answered_and_survive_a_kill(self):
        one = b"Subject: x\r\n\r\nText\r\n"
        self.append(one)
        self.assertEqual(self.reader_.select(self.box)[0], "OK")
        while (count := int(self.reader_.untagged_responses.get("EXISTS", [b"1"])[-1])) < _MESSAGES:
            self.assertEqual(self.reader_.copy(f"1:{min(count, _MESSAGES - count)}", self.box)[0], "OK")
            self.assertEqual(self.reader_.noop()[0], "OK")
        commands = [f"STORE {n} +FLAGS ({flag})" for n in range(1, _MESSAGES + 1) for flag in ("\\Flagged", f"$K{n % 3}")]
        answers = self.pipeline(self.reader_, commands)
        for command, lines in zip(commands, answers):
            number = command.split()[1]
            told = [line for line in lines if line.startswith(f"* {number} FETCH (FLAGS (\\Flagged")]
            self.assertEqual(len(told), 1, (command, lines))
            self.assertTrue(lines[-1].startswith("OK"), lines)
        self.site.processes["imapd"].kill()
        self.site.start_agent("imapd", self.pair.binaries)
        reader = self.reader(self.site, self.account, self.box)
        for item in reader.fetch("1:*", "(FLAGS)")[1]:
            number = int(item.split()[0])
            self.assertIn(rb"\Flagged", item)
            self.assertIn(b"$K%d" % (number % 3), item)

    def test_numbers_mean_what_the_client_knew_when_it_sent_them(self):
        self.append(*[f"Subject: {n}\r\n\r\nText\r\n".encode() for n in range(1, 5)])
        self.assertEqual(self.reader_.select(self.box)[0], "OK")
        other = self.reader(self.site, self.account, self.box)
        self.assertEqual(other.store("1", "+FLAGS", r"(\Deleted)")[0], "OK")
        self.assertEqual(other.expunge()[0], "OK")
        answers = self.pipeline(self.reader_, [r"STORE 2 +FLAGS (\Seen)", r"STORE 4 +FLAGS.SILENT (\Answered)", "NOOP",
                                               r"STORE 3 +FLAGS (\Draft)"])
        self.assertFalse([line for lines in answers[:2] for line in lines if "EXPUNGE" in line], answers)
        self.assertIn("* 1 EXPUNGE", answers[2])
        flags = {int(re.search(rb"UID (\d+)", item)[1]): item for item in other.uid("FETCH", "1:*", "(FLAGS)")[1]}
        self.assertEqual(sorted(flags), [2, 3, 4])
        self.assertIn(rb"\Seen", flags[2])
        self.assertIn(rb"\Answered", flags[4])
        self.assertIn(rb"\Draft", flags[4])

    def test_header_fields_are_those_of_the_message(self):
        self.append(letter.write(self.account.address, self.account.address).as_bytes().replace(b"\n", b"\r\n"),
                    b"To: " + b",\r\n ".join(b"user%d@b.example" % n for n in range(2000)) + b"\r\nFrom: x@b.example\r\n\r\nLong\r\n",
                    b"from: one\r\nFROM: two\r\nSubject: =?utf-8?q?=C3=A4?=\r\n folded\r\n\r\n")
        self.assertEqual(self.reader_.select(self.box)[0], "OK")
        for names in (("FROM", "TO", "SUBJECT"), ("DATE", "MESSAGE-ID", "CONTENT-TYPE"), ("FROM", "RECEIVED", "X-OTHER")):
            selected = self.reader_.fetch("1:*", f"(BODY.PEEK[HEADER.FIELDS ({' '.join(names)})])")[1]
            headers = self.reader_.fetch("1:*", "(BODY.PEEK[HEADER])")[1]
            texts = lambda items: [item[1] for item in items if isinstance(item, tuple)]
            self.assertEqual(len(texts(headers)), 3)
            for got, header in zip(texts(selected), texts(headers), strict=True):
                fields = re.findall(rb"(?s)[^\r\n:]+:.*?\r\n(?![ \t])", header)
                wanted = [field for field in fields if field.split(b":")[0].strip().upper().decode() in names]
                self.assertEqual(got, b"".join(wanted) + b"\r\n")


if __name__ == "__main__":
    unittest.main()
