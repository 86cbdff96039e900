"""What the tests of this folder share: two running sites per test class, and small clients. See README.md."""
import email.policy
import json
import os
import pathlib
import re
import shutil
import smtplib
import ssl
import subprocess
import tempfile
import unittest

from sites import letter
from sites.pair import Pair
from sites.process import wait_until
from sites.reader import Reader

BIN = pathlib.Path(os.environ.get("QUARTET_BIN", "build/dev/bin")).absolute()
FULL = bool(os.environ.get("QUARTET_FULL"))


def control_over_tcp(text, port, more=""):
    """The configuration of an mta whose control plane is also served by mutual TLS, with the site's certificate and
    authority; `more` are further settings of it."""
    directory = text.partition('directory: "')[2].partition("/etc/")[0]
    host = text.partition('listener { address: "')[2].partition(":")[0]
    tls = text.partition("\ntls {")[2].partition("}\n")[0]
    authority = text.partition('ca: "')[2].partition('"')[0]
    return text.replace(f'control {{ socket: "{directory}/run/mta.control" }}',
                        f'control {{ socket: "{directory}/run/mta.control" address: "{host}:{port}" '
                        f'tls {{{tls}}} client_ca: "{authority}" {more} }}')


class SitesTestCase(unittest.TestCase):
    """Two sites (self.pair.a, self.pair.b) for all tests of a class. After them every daemon must end by SIGTERM with
    exit code 0, and no log may hold a sanitizer's report. QUARTET_KEEP=1 keeps the directory.
    """
    options = {}  # of Pair, e.g. {"shared_spool": True}

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(cls._remove_directory)
        cls.pair = Pair(cls.directory, BIN, **cls.options)
        cls.addClassCleanup(cls._stop)
        cls.pair.start()

    @classmethod
    def _stop(cls):
        codes = {process.name: code for process, code in cls.pair.stop()}
        faults = [f"{name} ended with {code}" for name, code in codes.items() if code != 0]
        for log in cls._logs():
            text = log.read_text(errors="replace")
            if found := re.search(r"(ERROR: \w+Sanitizer|runtime error:|CHECK failed)[^\n]*", text):
                faults.append(f"{log}: {found[0]}\n" + text[found.start():][:4000])
        if faults:
            raise AssertionError("\n".join(faults))

    @classmethod
    def _logs(cls):
        """What programs wrote; the segments of spools and stores have names like theirs."""
        return sorted(log for log in cls.directory.rglob("*.log")
                      if not any("spool" in part or part == "store" for part in log.relative_to(cls.directory).parts))

    @classmethod
    def _remove_directory(cls):
        if os.environ.get("QUARTET_KEEP"):
            print(f"kept: {cls.directory}")
        else:
            shutil.rmtree(cls.directory, ignore_errors=True)

    def run(self, result=None):
        """Shows what the daemons logged when a test fails."""
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            for log in self._logs():
                lines = log.read_text(errors="replace").splitlines()[-30:]
                print(f"--- {log.relative_to(self.directory)}", *lines, sep="\n", flush=True)

    # Clients

    @classmethod
    def tls(cls):
        return ssl.create_default_context(cafile=cls.pair.authority.file)

    def submission(self, site, account=None):
        """A connection to 587, in TLS; logged in when an account is given."""
        host, port = site.address, site.port("submission")
        client = smtplib.SMTP(host, port, local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        client.starttls(context=self.tls())
        if account:
            client.login(account.address, account.password)
        return client

    def send(self, site, account, recipients, message=None):
        """Submits `message` (by default a letter with parts) and gives it back."""
        if isinstance(recipients, str):
            recipients = [recipients]
        message = message or letter.write(account.address, recipients[0])
        client = self.submission(site, account)
        refused = client.send_message(message, account.address, recipients)
        self.assertEqual(refused, {})
        client.quit()
        return message

    def reader(self, site, account, mailbox="INBOX"):
        """An IMAP session in TLS, with `mailbox` selected unless it is None."""
        reader = Reader(site.address, site.port("imap"), timeout=60)
        self.addCleanup(self._close, reader)
        reader.starttls(self.tls())
        reader.login(account.address, account.password)
        if mailbox:
            self.assertEqual(reader.select(mailbox)[0], "OK")
        return reader

    @staticmethod
    def _close(reader):
        try:
            reader.shutdown()
        except OSError:
            pass

    def fetch_all(self, site, account, mailbox="INBOX"):
        """The messages of a mailbox as bytes."""
        reader = self.reader(site, account, mailbox)
        kind, numbers = reader.search(None, "ALL")
        self.assertEqual(kind, "OK")
        messages = [reader.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers[0].split()]
        reader.logout()
        return messages

    def wait_for_message(self, site, account, message_id, seconds=60, mailbox="INBOX"):
        """The bytes of the message with this Message-ID, as soon as it is in the mailbox."""
        reader = self.reader(site, account, mailbox)

        def find():
            reader.noop()
            numbers = reader.search(None, "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()
            return numbers and reader.fetch(numbers[0], "(BODY.PEEK[])")[1][0][1]

        found = wait_until(find, seconds, f"{message_id} in {mailbox} of {account.address}")
        reader.logout()
        return found

    def assert_intact(self, sent, received):
        self.assertEqual(letter.differences(sent, received), [])

    def run_program(self, *command, stdin=None, timeout=120, environment=None):
        """A client's output; it must end with 0."""
        done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, timeout=timeout,
                              env={**os.environ, **(environment or {})})
        output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, 0, f"{command}:\n{output}")
        return done.stdout.decode(errors="replace")

    def quartetctl(self, site, agent, *words):
        """What quartetctl says as JSON."""
        return json.loads(self.run_program(self.pair.binaries / "quartetctl", "--target",
                                           site.endpoint(f"{agent}_control"), "--json", *words))

    def scratch(self):
        """A new directory for a client's files."""
        return pathlib.Path(tempfile.mkdtemp(dir=self.directory))


def as_bytes(message):
    return message.as_bytes(policy=email.policy.SMTP)


def network_of(text):
    """The first three numbers of the addresses in a configuration, for what a test adds to it."""
    return text.partition('mx_port')[0].partition('listener { address: "')[2].partition(":")[0].rpartition(".")[0]
