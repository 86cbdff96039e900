"""IMAP as it is on the wire: commands as text, answers taken apart into lists, without any opinion of what they should be."""
import re
import socket


class Atom(str):
    """A word without quotes, so that NIL and "NIL" differ."""


def parse(octets):
    """The values of one response: Atom, str (quoted), bytes (literal), list (parenthesised)."""
    values, end = _values(octets, 0)
    if end != len(octets):
        raise ValueError(f"not a response: {octets!r} from {end} on")
    return values


def _values(text, at):
    values = []
    while at < len(text) and text[at:at + 1] != b")":
        char = text[at:at + 1]
        if char == b" ":
            at += 1
        elif char == b"(":
            inner, at = _values(text, at + 1)
            values.append(inner)
            at += 1
        elif char == b'"':
            match = re.compile(rb'"((?:[^"\\]|\\.)*)"').match(text, at)
            values.append(re.sub(r"\\(.)", r"\1", match[1].decode("utf-8", "surrogateescape")))
            at = match.end()
        elif match := re.compile(rb"~?\{(\d+)\}\r\n").match(text, at):
            values.append(text[match.end():match.end() + int(match[1])])
            at = match.end() + int(match[1])
        else:
            # A section in brackets may hold spaces and parentheses.
            match = re.compile(rb"(?:[^ ()\[]|\[[^\]]*\])+").match(text, at)
            values.append(Atom(match[0].decode("utf-8", "surrogateescape")))
            at = match.end()
    return values, at


class Wire:
    """One connection that is logged in."""

    def __init__(self, endpoint, user, password):
        host, port = endpoint.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), 60)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self.greeting = self._response()
        self.run(f"LOGIN {user} {password}")

    def _response(self):
        """One response, with its literals, without its last line end."""
        octets = b""
        while True:
            line = self._file.readline()
            if not line.endswith(b"\r\n"):
                raise EOFError(f"the connection ended after {octets + line!r}")
            octets += line
            match = re.search(rb"\{(\d+)\}\r\n$", line)
            if not match:
                return octets[:-2]
            octets += self._file.read(int(match[1]))

    def run(self, command):
        """(untagged responses as octets, the tagged one without its tag). `command` is str, or octets for literals."""
        self._number += 1
        tag = b"a%d" % self._number
        self._socket.sendall(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
        untagged = []
        while True:
            response = self._response()
            if response.startswith(tag + b" "):
                return untagged, response[len(tag) + 1:]
            if response.startswith(b"* "):
                untagged.append(response[2:])

    def close(self):
        self._file.close()
        self._socket.close()
