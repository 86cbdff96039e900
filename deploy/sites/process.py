"""Programs that run beside us, and what they log."""
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def wait_until(condition, seconds, what):
    """Polls until `condition` gives something true, and gives that; TimeoutError names `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def can_connect(endpoint):
    """Whether somebody listens at "host:port" or "unix:path"."""
    family = socket.AF_UNIX if endpoint.startswith("unix:") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(socket_address(endpoint))
            return True
        except OSError:
            return False


def socket_address(endpoint):
    """What socket.connect() takes."""
    if endpoint.startswith("unix:"):
        return endpoint[len("unix:"):]
    host, _, port = endpoint.rpartition(":")
    return host, int(port)


class Process:
    """One program; its standard output and error go to `log`, and it does not outlive us."""

    def __init__(self, name, command, log, environment=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = pathlib.Path(log)
        self.environment = environment or {}
        self._process = None

    def start(self):
        parent = os.getpid()

        def end_with_parent():
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            # A session of its own: Ctrl-C at the terminal reaches us alone, and we end things in order.
            self._process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                             env={**os.environ, **self.environment}, start_new_session=True,
                                             preexec_fn=end_with_parent)
        return self

    @property
    def pid(self):
        return self._process.pid

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def wait_for_endpoints(self, endpoints, seconds=30):
        """Until all are open; RuntimeError with the end of the log if the program ends first."""
        for endpoint in endpoints:
            wait_until(lambda: not self.is_running() or can_connect(endpoint), seconds, f"{self.name} at {endpoint}")
            if not self.is_running():
                raise RuntimeError(f"{self.name} ended with {self._process.poll()}; {self.log} ends with:\n"
                                   + "\n".join(self.log.read_text(errors="replace").splitlines()[-20:]))

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        """As if the power failed for this process."""
        if self.is_running():
            self._process.kill()
        self._process.wait()

    def stop(self, seconds=20):
        """SIGTERM and its exit code; SIGKILL and None when it does not end in time."""
        if self._process is None:
            return 0
        if self.is_running():
            self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None

    def events(self, start=0):
        """The JSON lines of the log from byte `start` as dictionaries; other lines are passed over."""
        return list(read_events(self.log, start)[0])

    def wait_for_event(self, event, seconds=20, start=0, **fields):
        """The first event of this name whose fields have these values."""

        def find():
            return next((line for line in self.events(start) if line.get("event") == event
                         and all(line.get(key) == value for key, value in fields.items())), None)

        return wait_until(find, seconds, f"event {event} {fields} of {self.name}")


def read_events(path, start=0):
    """(events, where to go on): the whole JSON lines of a log from byte `start`."""
    with open(path, "rb") as log:
        log.seek(start)
        text = log.read()
    whole = text[:text.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events, start + len(whole)
