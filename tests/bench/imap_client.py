"""A client that only sends commands and reads to their end, so that the server is what is measured."""
import socket
import ssl
import time

from sites.process import socket_address


class ImapClient:
    def __init__(self, endpoint, login, password, tls=False):
        self._socket = socket.create_connection(socket_address(endpoint), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(1 << 20)
        self._number = 0
        self._read_until(lambda tail: tail.endswith(b"\r\n"))
        if tls:
            self.command("STARTTLS")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self.command(f"LOGIN {login} {password}")

    def _read_until(self, complete):
        """(octets, the last 4 KB) up to where `complete` says so of what came last."""
        total, tail = 0, b""
        while not complete(tail):
            count = self._socket.recv_into(self._buffer)
            if count == 0:
                raise RuntimeError(f"the server closed the connection after {tail[-300:]!r}")
            total += count
            tail = (tail + self._buffer[max(0, count - 4096):count])[-4096:]
        return total, tail

    def command(self, text, literal=None):
        """(seconds, octets of the answer, its last 4 KB). `literal`: what follows the command as a non-synchronizing one."""
        self._number += 1
        tag = b"A%d" % self._number
        octets = tag + b" " + text.encode() + (b" {%d+}\r\n" % len(literal) + literal if literal is not None else b"") + b"\r\n"
        start = time.perf_counter()
        self._socket.sendall(octets)
        total, tail = self._read_until(lambda tail: self._ended(tail, tag))
        seconds = time.perf_counter() - start
        line = tail[tail.rindex(b"\r\n", 0, -2) + 2:] if tail.count(b"\r\n") > 1 else tail
        if not line.startswith(tag + b" OK"):
            raise RuntimeError(f"{text[:80]}: {line!r}")
        return seconds, total, tail

    def pipeline(self, texts, window=200):
        """Seconds that all of them take, `window` under way at a time."""
        start = time.perf_counter()
        for first in range(0, len(texts), window):
            part = texts[first:first + window]
            tags = []
            for _ in part:
                self._number += 1
                tags.append(b"A%d" % self._number)
            self._socket.sendall(b"".join(b"%s %s\r\n" % (tag, text.encode()) for tag, text in zip(tags, part)))
            _, tail = self._read_until(lambda tail: self._ended(tail, tags[-1]))
            if b" NO " in tail or b" BAD " in tail:
                raise RuntimeError(tail[-300:])
        return time.perf_counter() - start

    def start_idle(self):
        self._number += 1
        self._socket.sendall(b"A%d IDLE\r\n" % self._number)
        self._read_until(lambda tail: tail.startswith(b"+") and tail.endswith(b"\r\n"))

    @staticmethod
    def _ended(tail, tag):
        if not tail.endswith(b"\r\n"):
            return False
        start = tail.rfind(b"\r\n", 0, -2) + 2 if tail.count(b"\r\n") > 1 else 0
        return tail.startswith(tag + b" ", start)

    def close(self):
        self._socket.close()
