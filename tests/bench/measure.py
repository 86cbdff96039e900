"""Processor time of daemons with all their processes, and Postfix's smtp-source and smtp-sink."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
import time

from sites.process import can_connect, wait_until

_TICK = os.sysconf("SC_CLK_TCK")
_SINK_BACKLOG = 1024


def _stat(pid):
    """(parent, ticks used by it and by those of its children that have ended), or None if it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()  # from the state on; the name before may hold anything
    return int(fields[1]), sum(int(field) for field in fields[11:15])


def _tree(root):
    """{pid: ticks} of the process `root` and all below it."""
    found = {int(entry): stat for entry in os.listdir("/proc") if entry.isdigit() and (stat := _stat(int(entry)))}
    tree, more = {root}, True
    while more:
        children = {pid for pid, (parent, _) in found.items() if parent in tree} - tree
        tree |= children
        more = bool(children)
    return {pid: found[pid][1] for pid in tree if pid in found}


def process_tree(root):
    """The process `root` and all below it."""
    return list(_tree(root))


def processor_seconds(root):
    """What the process `root` and all below it have used so far. A child that has ended is in the figures of its parent,
    which has waited for it (Postfix's master waits for all of its daemons), so nothing is missed or counted twice.
    """
    return sum(_tree(root).values()) / _TICK


def settled_processor_seconds(root, quiet=0.5, limit=10.0):
    """processor_seconds() once it has not grown for `quiet` seconds: what follows the last delivery counts as well."""
    end = time.monotonic() + limit
    value, since = processor_seconds(root), time.monotonic()
    while time.monotonic() < end and time.monotonic() - since < quiet:
        time.sleep(0.05)
        now = processor_seconds(root)
        if now - value > 1.5 / _TICK:
            value, since = now, time.monotonic()
    return processor_seconds(root)


class Sink:
    """smtp-sink at host:port; it counts the messages it has answered."""

    def __init__(self, address, directory, sessions=512):
        self.address = address
        self._counts = pathlib.Path(directory) / f"sink-{address.rpartition(':')[2]}"
        user = ["-u", pwd.getpwuid(os.getuid()).pw_name if os.getuid() else "nobody"]
        self._output = self._counts.open("wb")
        self._process = subprocess.Popen(["/usr/sbin/smtp-sink", "-c", "-m", str(sessions), *user, address,
                                          str(_SINK_BACKLOG)], stdin=subprocess.DEVNULL, stdout=self._output)
        wait_until(lambda: can_connect(address), 20, f"smtp-sink at {address}")

    def count(self):
        """Messages so far. smtp-sink writes a line per event; the last one has the totals."""
        with self._counts.open("rb") as counts:
            counts.seek(max(0, os.fstat(counts.fileno()).st_size - 200))
            found = re.findall(rb"mesg=(\d+)\r", counts.read())
        return int(found[-1]) if found else 0

    def wait_for(self, messages, seconds, source=None):
        """The moment at which so many had come; TimeoutError says how many did."""
        end = time.monotonic() + seconds
        while self.count() < messages:
            if source is not None and source.poll() not in (None, 0):
                raise RuntimeError(f"smtp-source ended with {source.returncode}; {self.count()} of {messages} came")
            if time.monotonic() > end:
                raise TimeoutError(f"{self.count()} of {messages} messages came within {seconds} s")
            time.sleep(0.005)
        return time.monotonic()

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._output.close()


def start_source(address, messages, sessions, size, reuse, recipient="to@sink.example"):
    """smtp-source with so many parallel sessions; `reuse`: many messages a connection, else one."""
    return subprocess.Popen(["/usr/sbin/smtp-source", *(["-d"] if reuse else []), "-s", str(sessions), "-m",
                             str(messages), "-l", str(size), "-f", "from@source.example", "-t", recipient,
                             "-M", "source.example", address], stdin=subprocess.DEVNULL)


def file_system(path):
    """(type, whether a flush on it means anything) of the file system that holds `path`."""
    best = ("", "")
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split()
        inside = mount == "/" or str(path) == mount or str(path).startswith(mount + "/")
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1], best[1] not in ("tmpfs", "ramfs", "overlay")


@contextlib.contextmanager
def durable_directory(parent, prefix):
    """A directory below `parent` for the time of a benchmark, which all users may pass; SystemExit where a flush costs
    nothing.
    """
    kind, durable = file_system(parent.resolve())
    if not durable:
        raise SystemExit(f"{parent} is on {kind}, where a flush costs nothing; choose another --directory")
    directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
    directory.chmod(0o755)  # Postfix's processes pass it as the user postfix
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def memory(pid):
    """PSS of one process, octets: what it would free if it ended."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no Pss of {pid}")


def settled_memory(pid, quiet=1.0, limit=20.0):
    """memory() once the process has used no processor time for `quiet` seconds."""
    settled_processor_seconds(pid, quiet, limit)
    return memory(pid)
