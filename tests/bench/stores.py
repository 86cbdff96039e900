"""What tests/bench/store and tests/bench/imap measure: each has a name, LMTP and IMAP endpoints, the processes whose work
counts, and stop(). Users are user000, user001, ... at DOMAIN, all with PASSWORD."""
import pathlib
import pwd
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.request

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import with_postgres
from relays import free_address
from sites import loopback
from sites.certificates import Authority
from sites.process import Process, wait_until
from sites.site import Site

DOMAIN = "mail.example"
PASSWORD = "pass"


def user(number):
    return f"user{number:03}@{DOMAIN}"


class QuartetStore:
    """One mda and one imapd on a store."""
    name = "quartet"

    def __init__(self, directory, binaries, users, more="", full_text_index="ON"):
        """`more`: settings of both agents."""
        self._network = loopback.Network()
        self.site = Site(directory / "q", DOMAIN, self._network.address(1),
                         [(f"user{number:03}", PASSWORD) for number in range(users)],
                         overrides={"mda": "limits { transactions: 1000000 connections_per_client: 1000 }\n" + more,
                                    "imapd": "login_in_clear: true\nsessions_per_account: 1000\n"
                                             "trusted: \"127.0.0.0/8\"\n"
                                             f"full_text_index: {full_text_index}\n" + more})
        self.site.prepare(Authority(directory / "ca"), "127.0.0.1:1")
        self._binaries = binaries.resolve()
        for agent in ("mda", "imapd"):
            self.site.start_agent(agent, self._binaries)
        self.lmtp, self.imap = self.site.endpoint("lmtp"), self.site.endpoint("imap")
        self.delivery_pid = self.site.processes["mda"].pid
        self.reading_pid = self.site.processes["imapd"].pid

    def restart_reading(self):
        """Nothing is in the memory of the server afterwards."""
        self.site.processes["imapd"].stop()
        self.site.start_agent("imapd", self._binaries)
        self.reading_pid = self.site.processes["imapd"].pid

    def switch_index_on(self, messages):
        """The index for searches in texts; gives the seconds from the start of the server until so many are in it."""
        file = self.site.config_file("imapd")
        file.write_text(file.read_text().replace("full_text_index: OFF", "full_text_index: ON"))
        started = time.monotonic()
        self.restart_reading()
        # A few may wait for more to come.
        wait_until(lambda: self._indexed() > messages - 64, 3600, f"{messages} messages in the index")
        return time.monotonic() - started

    def _indexed(self):
        with urllib.request.urlopen(f"http://{self.site.endpoint('imapd_metrics')}/metrics", timeout=10) as reply:
            found = re.search(r"^quartet_imapd_text_index_messages (\S+)$", reply.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0

    def stop(self):
        self.site.stop()
        self._network.close()


class QuartetOnPostgres(QuartetStore):
    """The same on a store in a PostgreSQL server of its own, whose work does not count."""
    name = "quartet-postgres"

    def __init__(self, directory, binaries, users, full_text_index="ON"):
        self._server = with_postgres.server(durable=True)
        home = directory / "postgres"
        home.mkdir()
        super().__init__(home, binaries, users, f'store_database: "{self._server.__enter__().conninfo} dbname=postgres"\n', full_text_index)

    def stop(self):
        super().stop()
        self._server.__exit__(None, None, None)


class Dovecot:
    """Debian's Dovecot with everything in one directory. It syncs before it answers, as it comes."""

    def __init__(self, name, location, directory, users):
        if not shutil.which("dovecot", path="/usr/sbin"):
            raise SystemExit("Dovecot is not installed; apt-get install dovecot-imapd dovecot-lmtpd")
        self.name = name
        self.lmtp, self.imap = free_address(), free_address()
        home = directory / name
        mail = home / "mail"
        mail.mkdir(parents=True)
        home.chmod(0o755)
        shutil.chown(mail, "nobody", "nogroup")
        nobody = pwd.getpwnam("nobody")
        text = f"""base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = {location}:{mail}/%n
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 0
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={mail}/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap.rpartition(":")[2]}
  }}
  inet_listener imaps {{
    port = 0
  }}
  process_min_avail = 2
  service_count = 0
}}
service imap {{
  process_limit = 2000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {self.lmtp.rpartition(":")[2]}
  }}
  process_limit = 200
  process_min_avail = 4
}}
service anvil {{
  client_limit = 8000
}}
service auth {{
  client_limit = 8000
}}
"""
        (home / "dovecot.conf").write_text(text)
        (home / "state").mkdir()
        self._process = Process(name, ["/usr/sbin/dovecot", "-F", "-c", home / "dovecot.conf"], home / "out")
        self._start()

    def _start(self):
        self._process.start()
        self._process.wait_for_endpoints([self.lmtp, self.imap])
        self.delivery_pid = self.reading_pid = self._process.pid

    def restart_reading(self):
        self._process.stop()
        self._start()

    def stop(self):
        self._process.stop()


def store_kinds(binaries, users):
    """{name: what makes it of a directory}."""
    return {**{kind.name: lambda directory, kind=kind: kind(directory, binaries, users, full_text_index="OFF")
               for kind in (QuartetStore, QuartetOnPostgres)},
            **{f"dovecot-{kind}": lambda directory, kind=kind: Dovecot(f"dovecot-{kind}", kind, directory, users)
               for kind in ("sdbox", "mdbox", "maildir")}}


_WORDS = ("mail queue letter answer meeting report budget harbour winter garden signal paper bridge engine morning "
          "river stone window market summer travel office ticket invoice number street minute second").split()


def _text(random_, octets):
    lines, size = [], 0
    while size < octets:
        line = " ".join(random_.choices(_WORDS, k=10)) + "\r\n"
        lines.append(line)
        size += len(line)
    return "".join(lines)


def make_message(random_, number, octets):
    """A letter as people send it: headers of many hops, text and HTML, at times an attachment; about so many octets."""
    names = [f"{random_.choice(_WORDS)}.{random_.choice(_WORDS)}@{random_.choice(_WORDS)}.example" for _ in range(4)]
    head = "".join(f"Received: from {hop}.example ([192.0.2.{hop_number}]) by mx{hop_number}.example with ESMTPS id {number:08x}{hop_number}\r\n"
                   f"\tfor <{names[1]}>; Mon, {1 + number % 28:02} Jun 2026 10:{number % 60:02}:00 +0000\r\n"
                   for hop_number, hop in enumerate(random_.choices(_WORDS, k=3)))
    head += (f"From: {random_.choice(_WORDS).title()} {random_.choice(_WORDS).title()} <{names[0]}>\r\n"
             f"To: <{names[1]}>\r\nCc: <{names[2]}>, <{names[3]}>\r\n"
             f"Subject: {'Re: ' * (number % 3 == 0)}{' '.join(random_.choices(_WORDS, k=5))}\r\n"
             f"Date: Mon, {1 + number % 28:02} Jun 2026 10:{number % 60:02}:{number // 60 % 60:02} +0000\r\n"
             f"Message-ID: <{number}@bench.example>\r\n"
             + (f"In-Reply-To: <{number - 3}@bench.example>\r\nReferences: <{number - 3}@bench.example>\r\n"
                if number % 3 == 0 and number > 3 else "")
             + "MIME-Version: 1.0\r\n")
    rest = max(200, octets - len(head) - 400)
    if number % 4 == 0:
        body = ("Content-Type: text/plain; charset=utf-8\r\n\r\n" + _text(random_, rest))
    else:
        body = ("Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n"
                "--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + _text(random_, rest // 3)
                + "\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + _text(random_, rest - rest // 3)
                + "</p>\r\n--b1--\r\n")
    return (head + body).encode()


def write_messages(path, count, sizes, seed=1):
    """A file as lmtp_load takes it. `sizes`: octets from and to."""
    random_ = random.Random(seed)
    with pathlib.Path(path).open("wb") as file:
        for number in range(count):
            message = make_message(random_, number, random_.randint(*sizes))
            file.write(b"%d\n" % len(message) + message)


def load(binaries, store, connections, messages, users, recipients, corpus, limit=600):
    """Seconds that lmtp_load needed."""
    host, _, port = store.lmtp.rpartition(":")
    done = subprocess.run([binaries.resolve() / "lmtp_load", host, port, *map(str, (connections, messages, users, recipients)),
                           DOMAIN, corpus], capture_output=True, text=True, timeout=limit)
    if done.returncode:
        raise RuntimeError(f"{store.name}: {done.stderr}")
    return float(done.stdout)
