"""nsd with the zones of a set of sites."""
import pathlib
import shutil
import socket
import struct

from . import loopback
from .process import Process, wait_until


def _program():
    found = shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not found:
        raise RuntimeError("nsd is not installed; deploy/install-deps quickstart installs it")
    return found


class NameServer:
    """`zones`: name -> records in master file form; $ORIGIN, $TTL, SOA and NS are put in front."""

    def __init__(self, directory, address, zones):
        self.directory = pathlib.Path(directory)
        self.zones = dict(zones)
        self.host, self.port = address, loopback.PORTS["dns"]
        self.address = f"{self.host}:{self.port}"
        self.process = None

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        # The user stays who we are: an ordinary one, or root where the quickstart runs as root.
        config = [f'server:\n server-count: 1\n ip-address: {self.host}@{self.port}\n username: ""\n database: ""',
                  f' zonesdir: "{self.directory}"\n pidfile: ""\n xfrdir: "{self.directory}"',
                  f' xfrdfile: "{self.directory}/xfrd"\n zonelistfile: "{self.directory}/zones"',
                  " rrl-ratelimit: 0\nremote-control:\n control-enable: no"]
        for zone in self.zones:
            config.append(f'zone:\n name: "{zone}"\n zonefile: "{zone}.zone"')
            self._write_zone(zone)
        path = self.directory / "nsd.conf"
        path.write_text("\n".join(config) + "\n")
        self.process = Process("nsd", [_program(), "-d", "-c", path], self.directory / "nsd.log").start()
        wait_until(lambda: not self.process.is_running() or self._answers(), 20, "nsd")
        if not self.process.is_running():
            raise RuntimeError(f"nsd does not run: {self.process.log.read_text()}")
        return self

    def set_zone(self, zone, records):
        """Changes what a zone says; nsd is started anew."""
        self.stop()
        self.zones[zone] = records
        self.start()

    def stop(self):
        if self.process:
            self.process.stop()

    def _write_zone(self, zone):
        head = (f"$ORIGIN {zone}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A {self.host}\n")
        (self.directory / f"{zone}.zone").write_text(head + self.zones[zone] + "\n")

    def _answers(self):
        """One SOA query; 6 is SOA, 1 is IN."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in next(iter(self.zones)).split("."))
        query = struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 6, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.5)
            try:
                udp.connect((self.host, self.port))
                udp.send(query)
                return len(udp.recv(512)) > 12
            except OSError:
                return False
