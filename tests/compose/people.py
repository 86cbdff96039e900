"""Runs in containers: a user's computer. `send USER PASSWORD RECIPIENT` submits the message on standard input, `read USER
PASSWORD MESSAGE-ID SECONDS` waits for a message in INBOX and prints how many have this Message-ID, then the first one.
"""
import imaplib
import smtplib
import ssl
import sys
import time

_TLS = ssl.create_default_context(cafile="/etc/quartet/tls/ca.pem")


def send(user, password, recipient):
    with smtplib.SMTP("msa", 587, timeout=60) as client:
        client.starttls(context=_TLS)
        client.login(user, password)
        client.sendmail(user, [recipient], sys.stdin.buffer.read())


def read(user, password, message_id, seconds):
    client = imaplib.IMAP4("imapd", 143, timeout=60)
    client.starttls(_TLS)
    client.login(user, password)
    client.select("INBOX", readonly=True)
    end = time.monotonic() + float(seconds)
    while not (found := client.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()):
        if time.monotonic() > end:
            break
        time.sleep(0.2)
        client.noop()
    print(len(found), flush=True)
    if found:
        sys.stdout.buffer.write(client.fetch(found[0], "(BODY.PEEK[])")[1][0][1])
    client.logout()


if __name__ == "__main__":
    {"send": send, "read": read}[sys.argv[1]](*sys.argv[2:])
