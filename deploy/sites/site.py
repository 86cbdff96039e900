"""One site: its names, addresses, accounts, files and four daemons."""
import base64
import dataclasses
import hashlib
import hmac
import os
import pathlib
import subprocess

from . import config, loopback
from .process import Process

AGENTS = ("mda", "imapd", "mta", "msa")  # in the order of starting: who receives, before who sends


@dataclasses.dataclass(frozen=True)
class Account:
    address: str
    password: str

    def password_hash(self):
        done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=self.password, capture_output=True,
                              text=True, check=True)
        return done.stdout.strip()

    def scram_verifiers(self):
        """RFC 5803, for SCRAM-SHA-256 and SCRAM-SHA-1."""
        for name, digest in (("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-1", "sha1")):
            salt, iterations = os.urandom(16), 10_000
            salted = hashlib.pbkdf2_hmac(digest, self.password.encode(), salt, iterations)
            stored = hashlib.new(digest, hmac.digest(salted, b"Client Key", digest)).digest()
            server = hmac.digest(salted, b"Server Key", digest)
            salt, stored, server = (base64.b64encode(octets).decode() for octets in (salt, stored, server))
            yield f"{name}${iterations}:{salt}${stored}:{server}"


class Site:
    """`shared_spool`: msa puts its mail into mta's spool directory instead of sending it by SMTP.
    `lmtp_socket`: the mda listens on a UNIX socket instead of a port.
    `overrides`: {agent: text} is appended to that agent's configuration (or to "directory"), {agent: function} makes a
    new text of it.
    """

    def __init__(self, directory, domain, address, users, shared_spool=False, lmtp_socket=False, overrides=None):
        self.directory = pathlib.Path(directory)
        self.domain = domain
        self.host_name = f"mx.{domain}"
        self.address = address
        self.users = [Account(f"{name}@{domain}", password) for name, password in users]
        self.shared_spool = shared_spool
        self.lmtp_socket = lmtp_socket
        self.overrides = overrides or {}
        self.certificate = self.key = self.authority_file = None
        self.name_server = None
        self.processes = {}
        if len(os.fsencode(self.directory)) > 80:
            raise RuntimeError(f"{self.directory} is too long a path for UNIX sockets in it: choose a shorter one")

    def port(self, service):
        return loopback.PORTS[service]

    def endpoint(self, service):
        """"host:port" or "unix:path" of "mx", "submission", "lmtp", "msa_control", ..."""
        if service.endswith("_control"):
            return f"unix:{self.directory}/run/{service.removesuffix('_control')}.control"
        if service == "relay" or (service == "lmtp" and self.lmtp_socket):
            return f"unix:{self.directory}/run/{service}"
        return f"{self.address}:{self.port(service)}"

    def zone(self):
        """The site's DNS records."""
        return (f"@ MX 10 mx\n@ TXT \"v=spf1 mx -all\"\nmx A {self.address}\nmail A {self.address}\n"
                f"_submission._tcp SRV 0 1 {self.port('submission')} mail\n_imap._tcp SRV 0 1 {self.port('imap')} mail\n")

    def prepare(self, authority, name_server):
        """Makes certificate, directories, accounts and the four configuration files."""
        self.authority_file = authority.file
        self.name_server = name_server
        self.certificate, self.key = authority.issue(self.host_name, ["mail." + self.domain, "localhost"],
                                                     [self.address])
        for name in ("etc", "run", "log", "store", "spool", "msa-spool", "mda-spool"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.config_file("directory").write_text(self._override("directory", config.directory(self)))
        for agent in AGENTS:
            self.config_file(agent).write_text(self._override(agent, config.AGENTS[agent](self)))

    def _override(self, name, text):
        change = self.overrides.get(name, "")
        return change(text) if callable(change) else text + change

    def config_file(self, agent):
        return self.directory / "etc" / f"{agent}.txtpb"

    def start(self, binaries):
        for agent in AGENTS:
            self.start_agent(agent, binaries)

    def start_agent(self, agent, binaries):
        """Starts one daemon, or starts it anew; returns when all its endpoints are open."""
        if agent not in self.processes:
            name = f"{agent}@{self.domain[0]}"
            self.processes[agent] = Process(name, [binaries / agent, "--config", self.config_file(agent)],
                                            self.directory / "log" / f"{agent}.log")
        self.processes[agent].start()
        self.processes[agent].wait_for_endpoints([self.endpoint(service) for service in config.SERVICES[agent]])

    def stop(self):
        """[(process, exit code)], in the opposite order of starting."""
        return [(self.processes[agent], self.processes[agent].stop()) for agent in reversed(AGENTS)
                if agent in self.processes]
