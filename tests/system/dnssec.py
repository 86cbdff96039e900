"""Signed zones, and a resolver that validates them: nsd with zones signed by ldns-signzone, behind unbound."""
import pathlib
import shutil
import subprocess

from sites import loopback
from sites.nameserver import NameServer
from sites.process import Process

ANCHOR = "example"  # the root of this world: its key is the resolver's trust anchor


def run(*command, cwd=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def tlsa(certificate, name, usage, selector, matching):
    """The data of a TLSA record for a PEM file, as ldns-dane makes it. `name` must be one of the certificate's."""
    made = run("ldns-dane", "-c", certificate, "create", name, 25, usage, selector, matching)
    return made.split("TLSA", 1)[1].strip()


class SignedNameServer(NameServer):
    """nsd. All zones are signed and have their DS in ANCHOR, but those in `insecure`. What `broken` says, {zone: {old:
    new}}, is changed in the text of a zone after it was signed.
    """

    def __init__(self, directory, address, zones, insecure=(), broken=None):
        super().__init__(directory, address, zones)
        self.insecure = set(insecure)
        self.broken = broken or {}
        self.zones.setdefault(ANCHOR, "")
        self._own = dict(self.zones)

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        children = [zone for zone in self.zones if zone != ANCHOR]
        parent = self._own[ANCHOR]
        for zone in children:
            parent += f"\n{zone}. NS ns.{zone}.\nns.{zone}. A {self.host}"
            if zone not in self.insecure:
                parent += "\n" + self._key_file(zone, "ds").read_text()
        self.zones[ANCHOR] = parent
        return super().start()

    def set_zones(self, zones):
        """Changes what zones say; nsd is started anew."""
        self.stop()
        self.zones.update(zones)
        self.start()

    def anchor(self):
        """The file of the trust anchor."""
        return self._key_file(ANCHOR, "ds")

    def _key_file(self, zone, kind):
        marker = self.directory / f"{zone}.keyname"
        if not marker.exists():
            made = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", f"{zone}.", cwd=self.directory).strip()
            marker.write_text(made)
        return self.directory / f"{marker.read_text()}.{kind}"

    def _write_zone(self, zone):
        super()._write_zone(zone)
        if zone in self.insecure:
            return
        key = self._key_file(zone, "key").with_suffix("")
        path = self.directory / f"{zone}.zone"
        run("ldns-signzone", "-f", path.with_suffix(".signed"), path, key, cwd=self.directory)
        text = path.with_suffix(".signed").read_text()
        for old, new in self.broken.get(zone, {}).items():
            if old not in text:
                raise RuntimeError(f"{zone} has no \"{old}\" to break")
            text = text.replace(old, new)
        path.write_text(text)


class Validated:
    """A SignedNameServer and the unbound in front of it: `address` is unbound's. For `name_server` of Pair."""

    def __init__(self, directory, address, zones, **options):
        directory = pathlib.Path(directory)
        prefix = address.rpartition(".")[0]
        self.authority = SignedNameServer(directory / "nsd", f"{prefix}.54", zones, **options)
        self.directory = directory / "unbound"
        self.host, self.port = address, loopback.PORTS["dns"]
        self.address = f"{self.host}:{self.port}"
        self.process = None

    def start(self):
        self.authority.start()
        self._start_resolver()
        return self

    def stop(self):
        if self.process:
            self.process.stop()
        self.authority.stop()

    def set_zones(self, zones):
        """Changes what zones say, and forgets what was cached."""
        self.process.stop()
        self.authority.set_zones(zones)
        self._start_resolver()

    def _start_resolver(self):
        program = shutil.which("unbound", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if not program:
            raise RuntimeError("unbound is not installed; deploy/install-deps test installs it")
        self.directory.mkdir(parents=True, exist_ok=True)
        config = f"""server:
  interface: {self.host}@{self.port}
  access-control: 127.0.0.0/8 allow
  outgoing-interface: {self.host}
  do-ip6: no
  do-daemonize: no
  do-not-query-localhost: no
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{self.directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  val-log-level: 2
  module-config: "validator iterator"
  trust-anchor-file: "{self.authority.anchor()}"
remote-control:
  control-enable: no
"""
        for zone in self.authority.zones:
            config += f'stub-zone:\n  name: "{zone}"\n  stub-addr: {self.authority.host}@{self.authority.port}\n'
        path = self.directory / "unbound.conf"
        path.write_text(config)
        self.process = Process("unbound", [program, "-d", "-c", path], self.directory / "unbound.log").start()
        self.process.wait_for_endpoints([self.address])
