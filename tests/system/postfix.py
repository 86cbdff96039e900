"""A Postfix of our own beside the system's: its configuration, queue and data in one directory, its ports on loopback."""
import os
import pathlib
import shutil
import subprocess

from sites.process import Process, wait_until

_DAEMONS = "/usr/lib/postfix/sbin"

# Debian's master.cf without what needs further programs, nothing in a chroot.
_SERVICES = """{listen} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def why_not():
    """The reason why no Postfix can run here, or None."""
    if not shutil.which("postfix", path="/usr/sbin"):
        return "Postfix is not installed; deploy/install-deps test installs it"
    if os.geteuid() != 0:
        return "Postfix's master program runs as root only"
    return None


class Postfix:
    """`listen`: host:port of its smtpd. `settings`: lines of main.cf as a dictionary; they win over ours.
    `directory` must be below directories that the user postfix may pass.
    """

    def __init__(self, directory, listen, settings=None):
        self.directory = pathlib.Path(directory)
        self.listen = listen
        self.log = self.directory / "mail.log"
        self.settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.directory / "queue",
            "data_directory": self.directory / "data",
            "daemon_directory": _DAEMONS,
            "command_directory": "/usr/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": self.log,
            "maillog_file_prefixes": self.directory,
            "inet_interfaces": "127.0.0.1",  # must be an interface's own address; the port is bound by master.cf
            "inet_protocols": "ipv4",
            "smtp_bind_address": listen.rpartition(":")[0],
            "mynetworks": "127.0.0.0/8",
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            "append_dot_mydomain": "no",
            "biff": "no",
            **(settings or {}),
        }
        self.process = None

    def start(self):
        configuration = self.directory / "etc"
        configuration.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        (self.directory / "queue").mkdir(exist_ok=True)
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        shutil.chown(data, "postfix", "postfix")
        self._write("main.cf", "".join(f"{name} = {value}\n" for name, value in self.settings.items()))
        self._write("master.cf", _SERVICES.format(listen=self.listen))
        # Makes the queue's directories, with their owners.
        done = subprocess.run(["/usr/sbin/postfix", "-c", configuration, "check"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"postfix check: {done.stdout}{done.stderr}{self.read_log()}")
        # master itself rather than `postfix start`: it stays our child, so its processor time and its end are ours.
        self.process = Process("postfix", [f"{_DAEMONS}/master", "-c", configuration, "-s"],
                               self.directory / "master.log").start()
        self.process.wait_for_endpoints([self.listen])
        return self

    def _write(self, name, text):
        (self.directory / "etc" / name).write_text(text)

    def read_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_log(self, text, seconds=60):
        """The first line of its log that has `text`."""
        return wait_until(lambda: next((line for line in self.read_log().splitlines() if text in line), None), seconds,
                          f"{text!r} in Postfix's log")

    def queued(self, *queues):
        """Messages in all queues or in those named, by their files."""
        return sum(1 for name in queues or ("maildrop", "incoming", "active", "deferred")
                   for path in (self.directory / "queue" / name).rglob("*") if path.is_file())

    def deferred(self):
        """Messages of which it has noted for whom they wait: ETRN moves no others."""
        return self.queued("deferred")

    def flush(self):
        """Tries everything that waits, now."""
        subprocess.run(["/usr/sbin/postqueue", "-c", self.directory / "etc", "-f"], check=True, timeout=60)

    def stop(self):
        if self.process:
            self.process.stop()
