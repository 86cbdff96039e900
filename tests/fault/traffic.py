"""Numbered messages under load: who sends them and notes what was acknowledged, and who takes them and notes what came.

All runs on one asyncio loop in a thread of its own, so that the test itself can kill and start daemons meanwhile.
"""
import asyncio
import base64
import collections
import hashlib
import random
import re
import threading

NUMBERS = 1_000_000  # in each set of them
_LARGE = 400_000  # more than what the journal keeps inside a segment
_ENOUGH = 500  # messages of one session, of which servers take no more than some number


class Loop:
    """An asyncio loop in a thread."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine, seconds=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def start(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self):
        self.run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @staticmethod
    async def _cancel_all():
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def content(number, size=None):
    """A message that proves itself: its number and the digest of its body; every fortieth is large, unless `size` says
    how many octets its body has, about.
    """
    chance = random.Random(number)
    size = size or (_LARGE if number % 40 == 7 else chance.randrange(100, 8000))
    text = base64.encodebytes(chance.randbytes(size * 3 // 4)).decode().replace("\n", "\r\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (f"From: <from@load.example>\r\nSubject: load\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{number}@load.example>\r\nX-Number: {number}\r\nX-Digest: {digest}\r\n\r\n{text}").encode()


def number_of(message):
    """The number of an intact message; ValueError for any other."""
    head, separator, body = message.partition(b"\r\n\r\n")
    number = re.search(rb"^X-Number: (\d+)\r$", head + b"\r", re.M)
    digest = re.search(rb"^X-Digest: ([0-9a-f]+)\r$", head + b"\r", re.M)
    if not separator or not number or not digest:
        raise ValueError(f"not one of ours: {message[:400]!r}")
    if hashlib.sha256(body).hexdigest().encode() != digest[1]:
        raise ValueError(f"message {int(number[1])} is damaged: {len(body)} octets")
    return int(number[1])


class Recorder:
    """An SMTP server at host:port that takes everything, save every 50th recipient at first: that one gets a 450. While
    `refusing` all do.
    """

    def __init__(self):
        self.refusing = False
        self.came = collections.Counter()  # (number, recipient) -> how often
        self.faults = []
        self._server = None
        self._seen = 0

    async def listen(self, host):
        self._server = await asyncio.start_server(self._serve, host, 0, limit=1 << 20)
        return self._server.sockets[0].getsockname()[:2]

    async def _serve(self, reader, writer):
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the mta was killed, or the test is over
        finally:
            writer.close()

    async def _converse(self, reader, writer):
        writer.write(b"220 recorder.example\r\n")
        recipients = []
        while line := await reader.readline():
            verb = line[:4].upper()
            reply = b"250 ok\r\n"
            if verb == b"EHLO":
                reply = b"250-recorder.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            elif verb == b"MAIL":
                recipients = []
            elif verb == b"RCPT":
                self._seen += 1
                if self.refusing or self._seen % 50 == 0:
                    reply = b"450 4.2.0 later\r\n"
                else:
                    recipients.append(re.search(rb"<(.*)>", line)[1].decode())
            elif verb == b"DATA":
                # Pipelined after recipients that were all refused: RFC 2920 section 3.1 lets us say so.
                reply = b"354 go\r\n" if recipients else b"554 5.5.1 no valid recipients\r\n"
            elif verb == b"QUIT":
                reply = b"221 bye\r\n"
            writer.write(reply)
            if verb == b"QUIT":
                return
            if reply.startswith(b"354"):
                await writer.drain()
                self._note(await self._read_message(reader), recipients)
                writer.write(b"250 taken\r\n")

    @staticmethod
    async def _read_message(reader):
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _note(self, message, recipients):
        try:
            number = number_of(message)
        except ValueError as error:
            self.faults.append(str(error))
            return
        for recipient in recipients:
            self.came[number, recipient] += 1


class Senders:
    """Parallel sessions that send numbered messages until stop(); one that breaks is opened anew. `deliver(session,
    number)` sends one and returns what was acknowledged, as a set of keys; `open_session()` connects. `pause`: seconds
    that a session is silent after each message.
    """

    def __init__(self, open_session, deliver, set_of_numbers=0, pause=0):
        self.acknowledged = set()
        self.faults = []
        self.refusals = []  # what was said with a 4yz
        self.broken = 0     # sessions that ended in the middle
        self._open_session, self._deliver = open_session, deliver
        self._number = set_of_numbers * NUMBERS
        self._pause = pause
        self._stopping = False

    async def run(self, sessions):
        await asyncio.gather(*(self._one() for _ in range(sessions)))

    def stop(self):
        self._stopping = True

    async def _one(self):
        while not self._stopping:
            try:
                session = await asyncio.wait_for(self._open_session(), 20)
            except (OSError, EOFError, asyncio.TimeoutError):
                await asyncio.sleep(0.02)  # nobody listens just now
                continue
            try:
                for _ in range(_ENOUGH):
                    if self._stopping:
                        break
                    self._number += 1
                    self.acknowledged |= await asyncio.wait_for(self._deliver(session, self._number), 60)
                    await asyncio.sleep(self._pause)
            except Refused as refusal:
                self._note(refusal)
            except (OSError, EOFError):
                self.broken += 1
            except asyncio.TimeoutError:
                self.faults.append("no reply within 60 s")
            finally:
                session.close()

    def _note(self, refusal):
        (self.faults if refusal.permanent else self.refusals).append(str(refusal))


class Refused(Exception):
    def __init__(self, text, permanent):
        super().__init__(text)
        self.permanent = permanent


class Session:
    """A client's connection, with the few commands that load needs."""

    def __init__(self, reader, writer):
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, address, tls=None):
        """`address`: (host, port) or the path of a UNIX socket; `tls`: a context for TLS from the first byte."""
        if isinstance(address, str):
            return cls(*await asyncio.open_unix_connection(address))
        return cls(*await asyncio.open_connection(*address, ssl=tls, server_hostname=address[0] if tls else None))

    def close(self):
        self._writer.transport.abort()

    def write(self, data):
        self._writer.write(data)

    async def line(self):
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    async def reply(self):
        """The last line of an SMTP reply; Refused for 4yz and 5yz."""
        while (line := await self.line())[3:4] == b"-":
            pass
        if line[:1] in b"45":
            raise Refused(line.decode().strip(), line[:1] == b"5")
        return line

    async def command(self, text):
        self.write(text.encode() + b"\r\n")
        return await self.reply()


async def open_smtp(address, tls=None, login=None):
    session = await Session.connect(address, tls)
    await session.reply()
    await session.command("EHLO load.example")
    if login:
        await session.command("AUTH PLAIN " + base64.b64encode("\0".join(("", *login)).encode()).decode())
    return session


async def send_by_smtp(session, number, sender="from@load.example", size=None):
    """One message to one to three recipients, in one transaction."""
    recipients = [f"r{i}@load.example" for i in range(1 + number % 3)]
    await session.command(f"MAIL FROM:<{sender}>")
    for recipient in recipients:
        await session.command(f"RCPT TO:<{recipient}>")
    await session.command("DATA")
    session.write(content(number, size) + b".\r\n")
    await session.reply()
    return {(number, recipient) for recipient in recipients}


async def open_lmtp(address):
    session = await Session.connect(address)
    await session.reply()
    await session.command("LHLO load.example")
    return session


async def deliver_by_lmtp(session, number, recipients):
    """One message to one of `recipients`."""
    recipient = recipients[number % len(recipients)]
    await session.command("MAIL FROM:<from@load.example>")
    await session.command(f"RCPT TO:<{recipient}>")
    await session.command("DATA")
    session.write(content(number) + b".\r\n")
    await session.reply()
    return {(number, recipient)}


async def open_imap(address, tls, login):
    session = await Session.connect(address, tls)
    await session.line()
    await _imap(session, b"a LOGIN " + b" ".join(b'"' + word.encode() + b'"' for word in login) + b"\r\n")
    return session


async def append_by_imap(session, number, user):
    message = content(number)
    await _imap(session, b"a APPEND INBOX {%d+}\r\n%s\r\n" % (len(message), message))
    return {(number, user)}


async def _imap(session, command):
    session.write(command)
    while not (line := await session.line()).startswith(b"a "):
        if line.startswith(b"* BYE"):
            raise EOFError
    if not line.startswith(b"a OK"):
        raise Refused(line.decode().strip(), permanent=b"UNAVAILABLE" not in line)
