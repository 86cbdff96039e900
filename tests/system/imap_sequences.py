"""Random sequences of valid IMAP commands: the same for the same seed, over messages of many shapes."""
import random

KEYWORDS = ["$Forwarded", "$Label1", "work"]
FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", *KEYWORDS]
DATES = ["1-Jan-2024", "15-Feb-2024", "16-Feb-2024", "29-Feb-2024", "1-Mar-2025"]

_HEAD = ("From: Ann Smith <ann@a.example>\r\nTo: bob@b.example, \"C. D.\" <cd@c.example>\r\nSubject: {0}\r\n"
         "Date: Thu, 15 Feb 2024 {1:02}:05:09 +0{2}00\r\nMessage-ID: <{1}@a.example>\r\n")
_MULTI = ("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=b\"\r\n\r\npreamble\r\n--=b\r\n"
          "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
          "Gr=C3=BC=C3=9Fe harbour\r\n"
          "--=b\r\nContent-Type: {0}\r\nContent-Disposition: attachment; filename=\"x y.txt\"\r\n"
          "Content-Transfer-Encoding: base64\r\nContent-ID: <part@a.example>\r\nContent-Language: en, de\r\n\r\n"
          "aGFyYm91cg==\r\n--=b--\r\nepilogue\r\n")
_INNER = _HEAD.format("inner", 7, 2) + "Content-Type: text/plain\r\n\r\ninner text\r\n"
MESSAGES = [text.encode() for text in (
    _HEAD.format("plain", 1, 0) + "\r\nHello harbour\r\n",
    _HEAD.format("Re: plain", 2, 1) + "In-Reply-To: <1@a.example>\r\nReferences: <1@a.example>\r\n\r\nhello\r\nagain\r\n",
    _HEAD.format("=?utf-8?q?Gr=C3=BC=C3=9Fe?= from home", 3, 2) + _MULTI.format("text/x-log; name=log"),
    _HEAD.format("two", 4, 3) + _MULTI.format("application/octet-stream"),
    _HEAD.format("forwarded", 5, 0) + "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + _INNER,
    _HEAD.format("alternative", 6, 1) + "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n"
    "--q\r\nContent-Type: text/plain\r\n\r\none\r\n--q\r\nContent-Type: multipart/related; boundary=r; type=\"text/html\"\r\n\r\n"
    "--r\r\nContent-Type: text/html\r\nContent-MD5: abc\r\nContent-Location: http://x.example/\r\n\r\n<p>two</p>\r\n"
    "--r--\r\n--q--\r\n",
    _HEAD.format("digest", 8, 1) + "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n" + _INNER + "\r\n--d--\r\n",
    "From: friends: ann@a.example, bob@b.example;\r\nSender: ann@a.example\r\nReply-To: <list@l.example>\r\nCc: undisclosed:;\r\n"
    "Bcc: \"Quo\\\"ted\" <q@q.example>\r\nSubject:  folded\r\n  subject \r\nDate: 16 Feb 2024 23:59:59 -0500\r\n\r\n",
    "Date: Fri, 1 Mar 2024 10:00:00 +0000\r\nSubject: no sender\r\n\r\nbody without much above\r\n",
    _HEAD.format("eight", 9, 0) + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Gr\u00fc\u00dfe\r\n",
    _HEAD.format("large", 10, 0) + "X-Extra: one\r\nX-Extra: two\r\n\r\n" + "0123456789 line of text\r\n" * 200,
)]

_SECTIONS = ["", "HEADER", "TEXT", "HEADER.FIELDS (Subject From)", "HEADER.FIELDS.NOT (Subject Date X-Extra)",
             "1", "1.MIME", "2", "2.MIME", "1.HEADER", "1.TEXT", "2.1", "1.1", "3"]
_ITEMS = ["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "RFC822.HEADER"]
_WORDS = ["harbour", "HELLO", "ann", "plain", "Gr\u00fc\u00dfe", "inner", "re", "example", "zzz", "line of"]


class Sequence:
    """Commands one after another; after each, learn() is told what came of it, since later ones depend on it."""

    def __init__(self, seed):
        self.seed = seed
        self._random = random.Random(seed)
        self.boxes = [f"s{seed}x", f"s{seed}x/sub", f"s{seed}xb"]
        self.made = [self.boxes[0]]
        self.selected = None
        self.read_only = False
        self.count = 0

    def commands(self, length):
        yield f"CREATE {self.boxes[0]}"
        for _ in range(self._random.randint(2, 6)):
            yield self._append(self.boxes[0])
        yield f"SELECT {self.boxes[0]}"
        for _ in range(length):
            yield self._one()
        if self.selected:
            yield "UNSELECT"  # Dovecot closes the connection when a selected mailbox goes
        for box in reversed(self.boxes):
            yield f"UNSUBSCRIBE {box}"
            yield f"DELETE {box}"

    def learn(self, command, status, exists, expunged):
        """`exists`: the number told, or None."""
        word = command.split(" ", 1)[0] if isinstance(command, str) else "APPEND"
        if word in ("SELECT", "EXAMINE"):
            self.selected = command.split(" ", 1)[1] if status == "OK" else None
            self.read_only = word == "EXAMINE"
            self.count = 0
        if word == "CREATE" and status == "OK":
            self.made.append(command.split(" ", 1)[1])
        if word in ("CLOSE", "UNSELECT") and status == "OK":
            self.selected = None
        self.count = max(0, (exists if exists is not None else self.count - expunged))

    def _append(self, box):
        message = self._random.choice(MESSAGES)
        flags = self._flags()
        date = (f'"{self._random.randint(1, 28):2}-Feb-2024 0{self._random.randint(0, 9)}:00:00 '
                f'+0{self._random.randint(0, 3)}00"')
        return f"APPEND {box} ({flags}) {date} {{{len(message)}+}}\r\n".encode() + message

    def _flags(self):
        return " ".join(self._random.sample(FLAGS, self._random.randint(0, 3)))

    def _number(self):
        return self._random.choice([str(self._random.randint(1, max(1, self.count))), "*"])

    def _set(self):
        return ",".join(self._random.choice([self._number(), f"{self._number()}:{self._number()}"])
                        for _ in range(self._random.randint(1, 2)))

    def _uids(self):
        number = lambda: self._random.choice([str(self._random.randint(1, 12)), "*"])
        return ",".join(self._random.choice([number(), f"{number()}:{number()}"])
                        for _ in range(self._random.randint(1, 2)))

    def _one(self):
        kinds = [self._mailbox]
        if self.selected:
            kinds += [self._any] + [self._search, self._sort] * 2
            if self.count:
                kinds += [self._fetch] * 6 + [self._store] * 3 + [self._copy]
        else:
            kinds += [self._select]
        return self._random.choice(kinds)()

    def _select(self):
        return f"{self._random.choice(['SELECT', 'SELECT', 'EXAMINE'])} {self._random.choice(self.boxes)}"

    def _mailbox(self):
        box, other = self._random.choice(self.boxes), self._random.choice(self.boxes)
        return self._random.choice([
            f"CREATE {box}", f"SUBSCRIBE {self._random.choice(self.made)}", f"UNSUBSCRIBE {box}",
            f"STATUS {box} (MESSAGES UIDNEXT UNSEEN)",
            f'LIST "" {self.boxes[0]}*', f'LIST "" "{self.boxes[0]}/%"', f'LSUB "" {self.boxes[0]}*',
            f'LIST (SUBSCRIBED) "" {self.boxes[0]}* RETURN (CHILDREN)',
            f'LIST "" ({box} {other}) RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT))',
            self._append(box), self._append(box)])

    def _any(self):
        return self._random.choice(["NOOP", "CHECK", "EXPUNGE", f"UID EXPUNGE {self._uids()}", "CLOSE", "UNSELECT",
                                    self._select(), f"UID {self._fetch_of(self._uids())}"])

    def _fetch(self):
        return self._fetch_of(self._set()) if self._random.random() < 0.7 else f"UID {self._fetch_of(self._uids())}"

    def _fetch_of(self, numbers):
        items = self._random.sample(_ITEMS, self._random.randint(1, 3))
        for _ in range(self._random.randint(0, 2)):
            part = self._random.choice(["", "", f"<{self._random.randint(0, 40)}.{self._random.randint(1, 50)}>"])
            items.append(f"BODY{self._random.choice(['.PEEK', '.PEEK', ''])}[{self._random.choice(_SECTIONS)}]{part}")
        return f"FETCH {numbers} ({' '.join(items)})"

    def _store(self):
        what = self._random.choice(["FLAGS", "+FLAGS", "-FLAGS"]) + self._random.choice(["", "", ".SILENT"])
        if self._random.random() < 0.5:
            return f"STORE {self._set()} {what} ({self._flags()})"
        return f"UID STORE {self._uids()} {what} ({self._flags()})"

    def _copy(self):
        # Not after EXAMINE: Dovecot moves then all the same, against RFC 3501 section 6.3.2, and all that follows differs.
        verb = self._random.choice(["COPY", "COPY", "COPY" if self.read_only else "MOVE"])
        box = self._random.choice(self.boxes)
        return f"{verb} {self._set()} {box}" if self._random.random() < 0.5 else f"UID {verb} {self._uids()} {box}"

    def _key(self, depth=0):
        word = self._random.choice(_WORDS)
        word = f'"{word}"'
        simple = [
            "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED",
            "UNSEEN",
            f"KEYWORD {self._random.choice(KEYWORDS)}", f"UNKEYWORD {self._random.choice(KEYWORDS)}",
            f"{self._random.choice(['FROM', 'TO', 'CC', 'BCC', 'SUBJECT', 'BODY', 'TEXT'])} {word}",
            f"HEADER {self._random.choice(['Subject', 'X-Extra', 'Message-ID', 'Reply-To'])} "
            f"{self._random.choice([word, chr(34) * 2])}",
            f"{self._random.choice(['SINCE', 'BEFORE', 'ON', 'SENTSINCE', 'SENTBEFORE', 'SENTON'])} "
            f"{self._random.choice(DATES)}",
            f"{self._random.choice(['LARGER', 'SMALLER'])} {self._random.choice([100, 230, 300, 1000])}",
            f"UID {self._uids()}"]
        if self.count:
            simple.append(self._set())
        if depth < 2 and self._random.random() < 0.3:
            return self._random.choice([f"NOT {self._key(2)}", f"OR {self._key(depth + 1)} {self._key(depth + 1)}",
                                        f"({self._key(depth + 1)} {self._key(depth + 1)})"])
        return self._random.choice(simple)

    def _search(self):
        keys = " ".join(self._key() for _ in range(self._random.randint(1, 2)))
        uid = self._random.choice(["", "UID "])
        what = self._random.choice(["", "", "RETURN (ALL) ", "RETURN (MIN MAX COUNT) "])
        return f"{uid}SEARCH {what}CHARSET UTF-8 {keys}"

    def _sort(self):
        uid = self._random.choice(["", "UID "])
        if self._random.random() < 0.4:
            return f"{uid}THREAD {self._random.choice(['REFERENCES', 'ORDEREDSUBJECT'])} UTF-8 {self._key()}"
        by = self._random.sample(["DATE", "ARRIVAL", "SUBJECT", "SIZE", "FROM", "TO", "CC"], 2)
        return f"{uid}SORT ({self._random.choice(['', 'REVERSE '])}{' '.join(by)}) UTF-8 {self._key()}"
