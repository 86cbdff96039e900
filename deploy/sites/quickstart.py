"""The second half of deploy/quickstart: the programs are built; start the sites, send the letter, show its way."""
import argparse
import pathlib
import shutil
import signal
import smtplib
import ssl
import sys
import threading
import time

from . import letter
from .pair import Pair
from .process import read_events
from .reader import Reader

_MARK = ".quartet-sites"  # in a directory that we made and may empty


def say(text=""):
    print(text, flush=True)


def prepare(directory):
    """An empty directory; one that is not ours is never emptied."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / _MARK).exists():
            sys.exit(f"quickstart: {directory} is not empty and not made by quickstart; choose another --dir")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).touch()


class Hops(threading.Thread):
    """Prints what the daemons log about messages, as they log it."""

    def __init__(self, processes):
        super().__init__(daemon=True)
        self._offsets = {process: process.log.stat().st_size for process in processes}
        self._ended = threading.Event()
        self._began = time.monotonic()

    def run(self):
        while not self._ended.wait(0.02):
            self._show_new()

    def stop(self):
        self._ended.set()
        self.join()
        self._show_new()

    def _show_new(self):
        for process, offset in self._offsets.items():
            events, self._offsets[process] = read_events(process.log, offset)
            for event in events:
                self._show(process.name, event)

    def _show(self, name, event):
        kind = event.get("event", "")
        if event.get("level") == "debug" or not kind.startswith(_SHOWN):
            return
        fields = " ".join(f"{key}={value}" for key, value in event.items() if key not in _HIDDEN and value != "")
        say(f"  {time.monotonic() - self._began:6.3f} s  {name:8} {kind:22} {fields}"[:220])


_SHOWN = ("msa.", "mta.", "mda.", "imapd.", "smtp.", "lmtp.", "relay.", "spool.", "store.", "imap.")
_HIDDEN = {"event", "level", "time", "ts", "agent", "loop", "thread"}


def read_letter(reader, sent):
    """What a mail client asks for; the differences from what was sent."""
    line = reader.wait_for(rb"EXISTS", 60)
    reader.done()
    number = line.split()[1].decode()
    reader.fetch(number, "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    received = reader.fetch(number, "(BODY.PEEK[])")[1][0][1]
    return letter.differences(sent, received)


def send_letter(pair):
    """The reader waits in IDLE, the sender submits; (was it intact, the sent letter)."""
    sender, recipient = pair.a.users[0], pair.b.users[0]
    context = ssl.create_default_context(cafile=pair.authority.file)
    reader = Reader(pair.b.address, pair.b.port("imap"))
    reader.starttls(context)
    reader.login(recipient.address, recipient.password)
    reader.select("INBOX")
    reader.idle()

    sent = letter.write(sender.address, recipient.address)
    say(f"\n{sender.address} submits a letter to {recipient.address}: {len(sent.as_bytes())} bytes, parts "
        + ", ".join(kind for kind, _ in letter.parts(sent)))
    hops = Hops(pair.daemons())
    hops.start()
    client = smtplib.SMTP(pair.a.address, pair.a.port("submission"), local_hostname="desk.a.example", timeout=30)
    client.starttls(context=context)
    client.login(sender.address, sender.password)
    client.send_message(sent)
    client.quit()
    try:
        differences = read_letter(reader, sent)
    except (TimeoutError, Reader.abort) as error:
        differences = [f"the letter did not arrive: {error}"]
    hops.stop()
    say(f"\nThe IMAP session of {recipient.address} (C: client, S: server):")
    for line in reader.transcript:
        say("  " + line)
    reader.shutdown()
    say()
    for difference in differences:
        say(f"NOT AS SENT: {difference}")
    if not differences:
        say("The letter arrived intact: every header field and every byte of its three parts.")
    return not differences


def tell_more(pair):
    a, b = pair.a, pair.b
    control = pair.binaries / "quartetctl"
    say(f"""
Everything stays up until Ctrl-C. Look further, in another terminal:
  . {pair.directory}/env                       # every endpoint and account as a shell variable
  {control} --target $A_MTA_CONTROL queue list
  curl --ssl-reqd --cacert $CA_FILE -u $B_USER:$B_PASSWORD imap://$B_IMAP/INBOX -X 'FETCH 1:* ENVELOPE'
  curl --crlf --ssl-reqd --cacert $CA_FILE -u $A_USER:$A_PASSWORD smtp://$A_SUBMISSION/desk.a.example \\
       --mail-from $A_USER --mail-rcpt $B_USER -T letter.eml
  mutt -e "set ssl_ca_certificates_file=$CA_FILE" -f imap://{b.users[0].address.replace('@', '%40')}@$B_IMAP/INBOX
  drill -p {pair.name_server.port} @{pair.name_server.host} MX b.example
Logs: {a.directory}/log, {b.directory}/log; configuration: {a.directory}/etc, {b.directory}/etc""")


def main():
    parser = argparse.ArgumentParser(prog="quickstart")
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--shared-spool", action="store_true")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = options.dir.absolute()
    prepare(directory)
    pair = Pair(directory, options.bin.absolute(), shared_spool=True if options.shared_spool else None)
    intact = False
    try:
        pair.start(say)
        intact = send_letter(pair)
        if not options.once:
            tell_more(pair)
            pair.wait_while_running()
    except KeyboardInterrupt:
        pass
    finally:
        say("\nstopping")
        for process, code in pair.stop():
            if code != 0:
                say(f"{process.name} ended with {code}; see {process.log}")
                intact = False
    if not intact:
        say(f"quickstart failed; logs are below {directory}")
    sys.exit(0 if intact else 1)


if __name__ == "__main__":
    main()
