#!/usr/bin/env python3
"""Runs a command beside a PostgreSQL server made for it: with_postgres.py COMMAND [ARGUMENT ...]

The server listens on a socket in a new directory only. QUARTET_TEST_POSTGRES tells the command how to connect (as libpq
takes it), with the right to make databases. All of it is gone afterwards; the exit code is the command's.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile


def binaries():
    """The directory of the newest server that Debian's packages installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        sys.exit("with_postgres.py: no PostgreSQL server is installed")
    return found[-1].parent


class Server:
    """A cluster in a directory; not as root, which PostgreSQL refuses. `durable`: whether it syncs, which only matters to
    who measures it or cuts its power; what dies here otherwise is processes."""

    def __init__(self, directory, durable=False):
        self.directory = pathlib.Path(directory)
        self._durable = durable
        self._bin = binaries()
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.directory, self._user)
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D", self.data)
        self.start()

    @property
    def data(self):
        return self.directory / "data"

    @property
    def conninfo(self):
        return f"host={self.directory} user={self._user}"

    def _run(self, program, *arguments, environment=None):
        prefix = ["runuser", "-u", self._user, "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*prefix, self._bin / program, *arguments], cwd=self.directory, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        if done.returncode != 0:
            sys.exit(f"{program}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, environment=None, settings=""):
        """`environment`: what the server has beside ours; `settings`: options of its command line."""
        if not self._durable:
            settings += " -c fsync=off"
        options = f"{settings} -c listen_addresses= -c unix_socket_directories={self.directory} -c max_connections=500"
        self._run("pg_ctl", "-w", "-D", self.data, "-l", self.directory / "log", "-o", options, "start", environment=environment)

    def sql(self, statements):
        """What psql prints of them, without headings."""
        database = f"{self.conninfo} dbname=postgres"
        return self._run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statements)

    @contextlib.contextmanager
    def locked(self, key):
        """Holds this advisory lock while the context lasts."""
        prefix = ["runuser", "-u", self._user, "--"] if os.geteuid() == 0 else []
        holder = subprocess.Popen([*prefix, self._bin / "psql", "-XqAt", "-d", f"{self.conninfo} dbname=postgres"],
                                  cwd=self.directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with holder:
            holder.stdin.write(f"SELECT pg_advisory_lock({key});\n\\echo held\n")
            holder.stdin.flush()
            if not any(line == "held\n" for line in holder.stdout):
                raise RuntimeError("the lock could not be taken")
            yield

    @contextlib.contextmanager
    def frozen(self):
        """Neither answers nor ends while the context lasts."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)  # it makes no more processes then
        found = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True).stdout
        processes = [*map(int, found.split()), postmaster]
        try:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-w", "-D", self.data, "-m", mode, "stop")


@contextlib.contextmanager
def server(durable=False):
    """A server that runs while the context lasts, unless it is stopped before."""
    with tempfile.TemporaryDirectory(prefix="quartet-postgres-") as directory:
        os.chmod(directory, 0o755)
        made = Server(directory, durable)
        try:
            yield made
        finally:
            if (made.data / "postmaster.pid").exists():
                made.stop("immediate")


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    with server() as made:
        return subprocess.run(sys.argv[1:], env={**os.environ, "QUARTET_TEST_POSTGRES": made.conninfo}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
