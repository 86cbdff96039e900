"""What tests/bench/relay measures: each has a name, an address to send to, the process whose work counts, and stop()."""
import socket

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

    def __init__(self, directory, sink, binaries):
        self.address = sink

    def stop(self):
        pass


class Quartet:
    """One mta with the sink as its smart host; as it comes, but for sessions as long as smtp-source makes them (Postfix
    has no such limit).
    """
    name = "quartet"
    first_count = 3000

    def __init__(self, directory, sink, binaries):
        self.address = free_address()
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
smart_host {{ host: "{sink}" }}
""")
        self.process = Process("mta", [program, "--config", home / "mta.txtpb"], home / "mta.log")
        self.start()

    def start(self):
        self.process.start()
        self.process.wait_for_endpoints([self.address])
        self.pid = self.process.pid

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
    def as_shipped(cls, directory, sink, binaries):
        return cls("postfix", directory, free_address(), sink, {})

    @classmethod
    def tuned(cls, directory, sink, binaries):
        """More processes, more deliveries at a time from the start, no brake between arrival and departure."""
        return cls("postfix-tuned", directory, free_address(), sink, {
            "default_process_limit": 300, "smtp_destination_concurrency_limit": 100, "in_flow_delay": 0,
            "initial_destination_concurrency": 50, "qmgr_message_active_limit": 100000, "smtpd_client_connection_count_limit": 0,
            "smtpd_client_connection_rate_limit": 0, "smtp_connection_reuse_time_limit": "300s"})

    def stop(self):
        self._postfix.stop()
