"""The site of a link after it has turned its connection around (RFC 2645): from then on it is the server."""
import re
import socket


class Turned:
    """The site as the server that it is after ATRN: takes every message, says what the test wants."""

    def __init__(self, client):
        self.socket, self.file = client.sock, client.sock.makefile("rb")
        self.mails = []   # (recipients, bytes)
        self.commands = []
        self.say("220 island.example ready")

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def _message(self):
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def serve(self, until=lambda mails, command: False, cut_before_reply=None):
        """To QUIT, or until a command (or a message) after which until() is true. True: QUIT was said."""
        recipients = []
        while line := self.file.readline():
            command = line.decode().rstrip("\r\n")
            self.commands.append(command)
            verb = command.upper()
            if verb.startswith("EHLO"):
                self.say("250-island.example\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb.startswith("MAIL"):
                recipients = []
                self.say("250 ok")
            elif verb.startswith("RCPT"):
                recipients.append(re.search("<(.*?)>", command)[1])
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                message = self._message()
                self.mails.append((recipients, message))
                if cut_before_reply and len(self.mails) == cut_before_reply:
                    self.close()
                    return False
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                self.close()
                return True
            else:
                self.say("250 ok")
            if until(self.mails, command):
                return False
        return False

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side was first
        self.file.close()
        self.socket.close()
