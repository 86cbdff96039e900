"""An Exim of our own: Debian's, unpacked but not installed, since it cannot be beside Postfix. deploy/install-deps test puts
it below build/peers, with the user that it runs as.
"""
import os
import pathlib
import pwd
import shutil

from sites.process import Process, wait_until

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/peers/exim4/usr/sbin/exim4"
USER = "Debian-exim"  # compiled in

_MAIN = """exim_path = {program}
primary_hostname = {name}
local_interfaces = {host}
daemon_smtp_ports = {port}
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
log_selector = +all
keep_environment =
tls_advertise_hosts =
queue_only = {queue_only}
acl_smtp_rcpt = accept
acl_smtp_etrn = accept
begin acl
begin routers
{routers}
begin transports
smtp:
  driver = smtp
  port = {port}
file:
  driver = appendfile
  directory = {directory}/mail
  maildir_format
  user = {user}
begin retry
* * F,1h,1m
"""

_ROUTER = """{name}:
  driver = manualroute
  domains = {domain}
  route_data = {host}
  self = send
  transport = smtp
"""

_MAILBOX = """mailbox:
  driver = accept
  domains = {domain}
  transport = file
"""


def why_not():
    """The reason why no Exim can run here, or None."""
    if not PROGRAM.exists():
        return "Exim is not there; deploy/install-deps test unpacks it"
    if os.geteuid() != 0:
        return "Exim takes another configuration than its own from root only"
    return None


class Exim:
    """`listen`: host:port. Mail for `domain` is put into a Maildir, mail for the domains of `routes` goes to their hosts, at
    the same port; with `queue_only` not before somebody asks for it. `directory` must be below directories that anybody
    may pass.
    """

    def __init__(self, directory, listen, name, domain, routes=None, queue_only=False):
        self.directory = pathlib.Path(directory)
        self.listen = listen
        self.name = name
        self.domain = domain
        self.routes = routes or {}
        self.queue_only = queue_only
        self.process = None

    def start(self):
        for part in ("spool", "log", "mail"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
            shutil.chown(self.directory / part, USER, pwd.getpwnam(USER).pw_gid)
        self.directory.chmod(0o755)
        # It becomes its own user, who may not pass the directories of every checkout.
        program = shutil.copy(PROGRAM, self.directory / "exim4")
        host, _, port = self.listen.rpartition(":")
        routers = "".join(_ROUTER.format(name=f"route{number}", domain=domain, host=to)
                          for number, (domain, to) in enumerate(self.routes.items()))
        configuration = self.directory / "exim.conf"
        configuration.write_text(_MAIN.format(
            program=program, name=self.name, host=host, port=port, directory=self.directory, user=USER,
            queue_only=str(self.queue_only).lower(), routers=routers + _MAILBOX.format(domain=self.domain)))
        configuration.chmod(0o644)
        self.process = Process("exim", [program, "-C", configuration, "-bdf"], self.directory / "exim.log").start()
        self.process.wait_for_endpoints([self.listen])
        return self

    def read_log(self):
        log = self.directory / "log/mainlog"
        return log.read_text(errors="replace") if log.exists() else ""

    def queued(self):
        """Messages in the queue."""
        return sum(1 for _ in (self.directory / "spool/input").rglob("*-H"))

    def wait_for_mail(self, text, seconds=60):
        """The message in the Maildir that has `text`, as bytes with CRLF."""
        def find():
            for path in (self.directory / "mail/new").glob("*"):
                content = path.read_bytes()
                if text.encode() in content:
                    return content.replace(b"\n", b"\r\n")
            return None
        return wait_until(find, seconds, f"{text} in Exim's mailbox")

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None
