"""Two sites that send mail to each other: a.example and b.example, with a name server for both."""
import pathlib
import shlex
import time

from . import loopback
from .certificates import Authority
from .nameserver import NameServer
from .site import Site

_PARENT = "nothing TXT \"exists\"\n"  # of the zone "example": an unknown domain below it is NXDOMAIN


class Pair:
    """`shared_spool`: True or False for both sites; None for the one by SMTP (a) and the other shared (b).
    `zones`: more zones for the name server, or more records for ours: {"c.example": "@ MX 10 mx\\nmx A NET.9"}; NET
    stands for the first three numbers of our addresses.
    `overrides`: {"a": {"mta": "text"}}: see Site.
    `name_server`: what makes it of a directory, an address and {zone: records}; the sites ask its `address`.
    start(), stop(); also a context manager.
    """

    def __init__(self, directory, binaries, shared_spool=None, zones=None, overrides=None,
                 name_server=NameServer):
        self.directory = pathlib.Path(directory)
        self.binaries = pathlib.Path(binaries)
        self.network = loopback.Network()
        self.authority = Authority(self.directory / "ca")
        overrides = overrides or {}
        by_default = shared_spool is None
        self.a = Site(self.directory / "a", "a.example", self.network.address(1),
                      [("sender", "sends-much"), ("other", "sends-little")],
                      shared_spool=False if by_default else shared_spool, lmtp_socket=True,
                      overrides=overrides.get("a"))
        self.b = Site(self.directory / "b", "b.example", self.network.address(2),
                      [("reader", "reads-much"), ("second", "reads-little")],
                      shared_spool=True if by_default else shared_spool, overrides=overrides.get("b"))
        records = {"example": _PARENT, self.a.domain: self.a.zone(), self.b.domain: self.b.zone()}
        for zone, text in (zones or {}).items():
            records[zone] = records.get(zone, "") + text.replace("NET.", self.network.prefix + ".") + "\n"
        self.name_server = name_server(self.directory / "dns", self.network.address(53), records)

    @property
    def sites(self):
        return (self.a, self.b)

    def start(self, say=lambda text: None):
        self.name_server.start()
        say(f"name server    {self.name_server.address}")
        for site in self.sites:
            site.prepare(self.authority, self.name_server.address)
            site.start(self.binaries)
            say(f"{site.domain:14} " + "  ".join(f"{name} {site.endpoint(name)}" for name in
                                                 ("submission", "mx", "lmtp", "imap")))
        self._write_env()
        return self

    def stop(self):
        """[(process, exit code)] of the daemons."""
        ended = [result for site in self.sites for result in site.stop()]
        self.name_server.stop()
        self.network.close()
        return ended

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()

    def daemons(self):
        return [process for site in self.sites for process in site.processes.values()]

    def wait_while_running(self):
        """Until a daemon ends by itself, which is an error."""
        while all(process.is_running() for process in self.daemons()):
            time.sleep(0.5)
        ended = next(process for process in self.daemons() if not process.is_running())
        raise RuntimeError(f"{ended.name} has ended; see {ended.log}")

    def env(self):
        """The endpoints and accounts as the names of variables and their values."""
        values = {}
        for prefix, site in (("A", self.a), ("B", self.b)):
            for service in ("submission", "submissions", "mx", "lmtp", "imap", "imaps", "msa_control", "mta_control",
                            "mda_control", "imapd_control"):
                values[f"{prefix}_{service.upper()}"] = site.endpoint(service)
            for number, user in enumerate(site.users, 1):
                suffix = "" if number == 1 else str(number)
                values[f"{prefix}_USER{suffix}"] = user.address
                values[f"{prefix}_PASSWORD{suffix}"] = user.password
        values["CA_FILE"] = str(self.authority.file)
        values["DNS_SERVER"] = self.name_server.address
        return values

    def _write_env(self):
        lines = [f"{name}={shlex.quote(value)}" for name, value in self.env().items()]
        (self.directory / "env").write_text("\n".join(lines) + "\n")
