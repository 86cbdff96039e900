"""A mail reader: imaplib with IDLE, and a record of the conversation."""
import imaplib
import re


class Reader(imaplib.IMAP4):
    """`transcript` gets each line sent and received, long ones cut."""

    def __init__(self, host, port, timeout=30):
        self.transcript = []
        self._seconds = timeout
        super().__init__(host, port, timeout)

    def _note(self, mark, line):
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        if not text:
            return
        text = re.sub(r"(LOGIN \S+) .*", r"\1 ****", text)
        self.transcript.append(f"{mark} {text[:160]}{'...' if len(text) > 160 else ''}")

    def readline(self):
        line = super().readline()
        self._note("S:", line)
        return line

    def send(self, data):
        self._note("C:", data)
        super().send(data)

    def read(self, size):
        data = super().read(size)
        self.transcript.append(f"S: [{len(data)} bytes]")
        return data

    def say(self, text):
        """Sends a command as it is; the lines of the answer, the last without its tag."""
        tag = self._new_tag()
        self.send(tag + b" " + text.encode() + b"\r\n")
        lines = []
        while not lines or not lines[-1].startswith(tag.decode() + " "):
            line = self.readline()
            if not line:
                raise self.abort(f"the connection broke after {lines}")
            lines.append(line.rstrip(b"\r\n").decode())
        lines[-1] = lines[-1].split(" ", 1)[1]
        return lines

    def idle(self):
        """RFC 2177: returns when the server listens and will tell about changes."""
        self._idle_tag = self._new_tag()
        self.send(self._idle_tag + b" IDLE\r\n")
        while not (line := self.readline()).startswith(b"+"):
            if not line or line.startswith(self._idle_tag):
                raise self.error(f"IDLE refused: {line!r}")

    def wait_for(self, pattern, seconds=30):
        """During idle() or after NOTIFY: the first line that matches, e.g. rb"EXISTS". TimeoutError when none comes."""
        self.sock.settimeout(seconds)
        try:
            while not re.search(pattern, line := self.readline()):
                if not line:
                    raise self.abort("the connection broke during IDLE")
            return line
        finally:
            self.sock.settimeout(self._seconds)

    def done(self):
        """Ends idle()."""
        self.send(b"DONE\r\n")
        while not (line := self.readline()).startswith(self._idle_tag):
            if not line:
                raise self.abort("the connection broke during IDLE")
