"""What tests/bench/relay measures: each has a name, an address to send to, the process whose work counts, and stop().

With `hold` a relay keeps what it takes; held() counts that.
"""
import socket
import subprocess

from postfix import Postfix, why_not
from sites.process import Process


def free_address():
    """host:port where nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Straight:
    """smtp-source into smtp-sink with nothing between them: the ceiling of what the two can show."""
    name = "straight"
    first_count = 20000
    pid = None

    def __init__(self, directory, sink, binaries, hold=False):
        self.address = sink

    def stop(self):
        pass


class Quartet:
    """One mta with the sink as its smart host; as it comes, but for sessions as long as smtp-source makes them (Postfix
    has no such limit).
    """
    name = "quartet"
    first_count = 3000

    def __init__(self, directory, sink, binaries, hold=False):
        self.address = free_address()
        self._quartetctl = binaries.resolve() / "quartetctl"
        program = binaries.resolve() / "mta"
        if not program.exists():
            raise SystemExit(f"relay: no {program}; build it: cmake --preset release && cmake --build --preset release")
        home = directory / "quartet"
        home.mkdir()
        self.spool = home / "spool"
        self.control = f"unix:{home}/control"
        (home / "mta.txtpb").write_text(f"""agent {{ hostname: "mta.example" control {{ socket: "{home}/control" }} }}
listener {{ address: "{self.address}" }}
spool: "{self.spool}"
trusted: "127.0.0.0/8"
limits {{ transactions: 1000000 }}
{'transport { match: "sink.example" hold: true }' if hold else f'smart_host {{ host: "{sink}" }}'}
""")
        self.process = Process("mta", [program, "--config", home / "mta.txtpb"], home / "mta.log")
        self.start()

    def start(self):
        self.process.start()
        self.process.wait_for_endpoints([self.address])
        self.pid = self.process.pid

    def held(self):
        done = subprocess.run([self._quartetctl, "--target", self.control, "queue", "count", "--state", "held"],
                              capture_output=True, text=True, check=True, timeout=60)
        return int(done.stdout.split()[0])

    def stop(self):
        self.process.stop(seconds=60)


class PostfixRelay:
    """Debian's Postfix with the sink as its relayhost."""
    first_count = 1000

    def __init__(self, name, directory, address, sink, settings):
        if reason := why_not():
            raise SystemExit(f"relay: {reason}")
        self.name = name
        self.address = address
        host, _, port = sink.rpartition(":")
        self._postfix = Postfix(directory / name, address, {
            "myhostname": "postfix.example", "relayhost": f"[{host}]:{port}", "smtp_tls_security_level": "none",
            "default_transport": "smtp", "relay_transport": "relay", **settings}).start()
        self.pid = self._postfix.process.pid

    @classmethod
    def as_shipped(cls, directory, sink, binaries, hold=False):
        return cls("postfix", directory, free_address(), sink, cls._holding(hold))

    @classmethod
    def tuned(cls, directory, sink, binaries, hold=False):
        """More processes, more deliveries at a time from the start, no brake between arrival and departure."""
        return cls("postfix-tuned", directory, free_address(), sink, {
            "default_process_limit": 300, "smtp_destination_concurrency_limit": 100, "in_flow_delay": 0,
            "initial_destination_concurrency": 50, "qmgr_message_active_limit": 100000, "smtpd_client_connection_count_limit": 0,
            "smtpd_client_connection_rate_limit": 0, "smtp_connection_reuse_time_limit": "300s", **cls._holding(hold)})

    @staticmethod
    def _holding(hold):
        return {"smtpd_recipient_restrictions": "check_recipient_access static:HOLD"} if hold else {}

    def held(self):
        return sum(1 for path in (self._postfix.directory / "queue/hold").rglob("*") if path.is_file())

    def stop(self):
        self._postfix.stop()
