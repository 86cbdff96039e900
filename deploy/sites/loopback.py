"""Addresses of our own on loopback: each set of sites has a /24 of 127.0.0.0/8, so that ports can be the same
everywhere (MX hosts share one port) and many sets can run side by side.
"""
import random
import socket

# Not port 25 and the like: those need rights.
PORTS = {"mx": 10025, "lmtp": 10024, "submission": 10587, "submissions": 10465, "imap": 10143, "imaps": 10993,
         "pop3": 10110, "pop3s": 10995, "odmr": 10366, "dns": 10053, "https": 10443, "msa_metrics": 10081,
         "mta_metrics": 10082, "mda_metrics": 10083, "imapd_metrics": 10084}
_LEASE_PORT = 10000


class Network:
    """Held until close() or the end of the process."""

    def __init__(self):
        for _ in range(200):
            self.prefix = f"127.{random.randrange(16, 250)}.{random.randrange(256)}"
            self._lease = socket.socket()
            try:
                self._lease.bind((self.prefix + ".254", _LEASE_PORT))
                self._check_ports()
                return
            except OSError:
                self._lease.close()
        raise RuntimeError("no free network on loopback: does something listen on all addresses on ports "
                           + ", ".join(str(port) for port in sorted(PORTS.values())) + "?")

    def _check_ports(self):
        for port in PORTS.values():
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((self.address(1), port))

    def address(self, host):
        return f"{self.prefix}.{host}"

    def close(self):
        self._lease.close()
