"""A letter with a text, an image and a sound, made from nothing, and its comparison with what arrived."""
import email
import email.policy
import email.utils
import io
import math
import struct
import wave
import zlib
from email.message import EmailMessage

TEXT = ("Dear reader,\n\nthis letter left my desk by submission, found your site by its MX record and waits in your\n"
        "mailbox. With it come a picture and a tone: gr\u00fc\u00dfe aus a.example.\n\n.A line that begins with a dot.\n"
        "\nYours,\nthe sender\n")


def picture(size=64):
    """A PNG: a gradient of size by size pixels."""
    rows = b"".join(b"\0" + b"".join(bytes((x * 255 // size, y * 255 // size, 128)) for x in range(size))
                    for y in range(size))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tone(seconds=0.5, rate=8000, frequency=440):
    """A WAV file: one sine."""
    samples = b"".join(struct.pack("<h", int(12000 * math.sin(2 * math.pi * frequency * i / rate)))
                       for i in range(int(seconds * rate)))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


def write(sender, recipient, subject="A letter with a picture and a tone"):
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Message-ID"] = email.utils.make_msgid(domain=sender.rpartition("@")[2])
    message["Date"] = email.utils.localtime()
    message.set_content(TEXT)
    message.add_attachment(picture(), maintype="image", subtype="png", filename="picture.png")
    message.add_attachment(tone(), maintype="audio", subtype="x-wav", filename="tone.wav")
    return message


def parts(message):
    """[(content type, decoded bytes)] of the leaves."""
    return [(part.get_content_type(), part.get_payload(decode=True).replace(b"\r\n", b"\n")
             if part.get_content_maintype() == "text" else part.get_payload(decode=True))
            for part in message.walk() if not part.is_multipart()]


def differences(sent, received_bytes):
    """What is not as it was sent, as sentences; none if the letter is intact."""
    received = email.message_from_bytes(received_bytes, policy=email.policy.default)
    found = [f"{name}: sent {sent[name]!r}, received {received[name]!r}"
             for name in ("From", "To", "Subject", "Message-ID") if str(sent[name]) != str(received[name])]
    before, after = parts(sent), parts(received)
    if len(before) != len(after):
        found.append(f"sent {len(before)} parts, received {len(after)}")
    for number, (mine, theirs) in enumerate(zip(before, after), 1):
        if mine != theirs:
            found.append(f"part {number}: sent {mine[0]} of {len(mine[1])} bytes, received {theirs[0]} of "
                         f"{len(theirs[1])} bytes" + ("" if mine[0] != theirs[0] else ", not the same bytes"))
    return found
