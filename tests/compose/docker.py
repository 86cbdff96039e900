"""Docker for a test: the daemon that runs already, or one started by hand; its base image and Quartet's own images.

A daemon of ours runs twice. First in the host's network but without any of its own (no bridge, no packet filter), to build
images: what installs packages there reaches what the host reaches. Then in a network namespace that is made for it and
leads nowhere, to run the containers: nothing of the host's network is changed, and nothing that is sent can leave.
"""
import io
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time

_BASE = "debian:bookworm-slim"
_PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap",
             "iptables": "iptables"}
_PROGRAMS = ("msa", "mta", "mda", "imapd", "quartetctl", "quartet-password")
_START_SECONDS = 60


def run(*command, seconds=60, **more):
    return subprocess.run([str(word) for word in command], check=True, timeout=seconds, **more)


def _answers():
    return subprocess.run(["docker", "info"], capture_output=True, timeout=30).returncode == 0


class Docker:
    """`state`: where a daemon of ours keeps its images from one run to the next."""

    def __init__(self, state, say):
        self._state, self._say = pathlib.Path(state), say
        self._daemon = None
        os.environ["DOCKER_BUILDKIT"] = "0"  # Debian's docker.io has no buildx
        os.environ["COMPOSE_DOCKER_CLI_BUILD"] = "0"
        if shutil.which("docker") and shutil.which("docker-compose") and _answers():
            self._ours = False
            say("using the docker daemon that runs")
            return
        self._ours = True
        if os.geteuid() != 0:
            raise SystemExit("compose: no docker daemon answers, and only root can start one")
        self._install()
        # Short, for the UNIX sockets in it.
        self._run_directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-docker-", dir="/run"))
        os.environ["DOCKER_HOST"] = f"unix://{self._run_directory}/docker.sock"

    def _install(self):
        missing = [package for program, package in _PACKAGES.items()
                   if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
        if not missing:
            return
        self._say("installing " + " ".join(missing))
        policy = pathlib.Path("/usr/sbin/policy-rc.d")  # "start nothing": the daemon is ours to start
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for words in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *missing]):
                run("apt-get", "-o", "DPkg::Lock::Timeout=300", *words, seconds=900, env=environment,
                    stdout=subprocess.DEVNULL)
        finally:
            if ours:
                policy.unlink()

    # The daemon

    def start_for_building(self):
        if self._ours:
            self._start("--bridge=none --iptables=false --ip-forward=false --ip-masq=false", isolated=False)

    def start_for_running(self):
        if self._ours:
            self.stop()
            self._start("", isolated=True)

    def _start(self, options, isolated):
        self._state.mkdir(parents=True, exist_ok=True)
        where = self._run_directory
        for driver in ("overlay2", "vfs"):
            script = (f"exec dockerd --data-root {self._state}/{driver} --exec-root {where}/exec --pidfile {where}/pid "
                      f"--host unix://{where}/docker.sock --storage-driver {driver} {options}")
            command = ["sh", "-c", script]
            if isolated:
                command = ["unshare", "--net", "sh", "-c", "ip link set lo up; " + script]
            with (self._state / "dockerd.log").open("ab") as log:
                self._daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                start_new_session=True)
            end = time.monotonic() + _START_SECONDS
            while self._daemon.poll() is None and time.monotonic() < end:
                if _answers():
                    self._say(f"dockerd runs ({driver}, " + ("a network of its own)" if isolated else "host's network)"))
                    return
                time.sleep(0.1)
            self.stop()
        raise SystemExit(f"compose: dockerd does not start; see {self._state}/dockerd.log")

    def stop(self):
        """Ends a daemon of ours, with all that it started."""
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(60)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()
        self._daemon = None

    def close(self):
        self.stop()
        if self._ours:
            self._unmount()
            shutil.rmtree(self._run_directory)

    def _unmount(self):
        """dockerd leaves its network namespace mounted."""
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            mount = line.split()[1]
            if mount.startswith(f"{self._run_directory}/"):
                run("umount", mount)

    # Images

    def provide_base(self):
        """A daemon of ours gets its base image from Debian's packages; another one may pull it."""
        if not self._ours or self._has(_BASE):
            return
        self._say(f"making {_BASE} by debootstrap")
        with tempfile.TemporaryDirectory(prefix="quartet-base-") as directory:
            root = pathlib.Path(directory, "root")
            with (self._state / "debootstrap.log").open("wb") as log:
                run("debootstrap", "--variant=minbase", "bookworm", root, *_mirror(), seconds=900, stdout=log, stderr=log)
            _copy_package_sources(root)
            archive = subprocess.Popen(["tar", "-C", str(root), "--exclude=./var/cache/apt/archives/*.deb", "-c", "."],
                                       stdout=subprocess.PIPE)
            run("docker", "import", "-", _BASE, seconds=300, stdin=archive.stdout, stdout=subprocess.DEVNULL)
            if archive.wait():
                raise SystemExit("compose: the base image could not be packed")

    def build(self, root, prebuilt):
        """quartet and quartet-tools, of the source at `root` or of the programs in `prebuilt`."""
        self._say("building the image quartet-tools")
        packages = {"deploy/install-deps": root / "deploy/install-deps"}
        self._build(root, "tools", "quartet-tools", packages, 1200)
        if prebuilt:
            self._say(f"building the image quartet of the programs in {prebuilt}")
            self._build(root, "runtime", "quartet-runtime", packages, 1200)
            self._build_around(prebuilt)
        else:
            self._say("building the image quartet from source")
            names = run("git", "-C", root, "ls-files", "-z", capture_output=True).stdout.decode().split("\0")
            self._build(root, None, "quartet", {name: root / name for name in names if name and (root / name).exists()},
                        5400)

    def _build_around(self, prebuilt):
        """quartet as the last stage of deploy/Dockerfile makes it, with programs that were built outside."""
        with tempfile.TemporaryDirectory() as directory:
            files = {name: pathlib.Path(directory, name) for name in (*_PROGRAMS, "Dockerfile")}
            for program in _PROGRAMS:
                run("strip", "--strip-debug", "-o", files[program], prebuilt / program)
            files["Dockerfile"].write_text(f"FROM quartet-runtime\nCOPY {' '.join(_PROGRAMS)} /usr/bin/\n"
                                           f"RUN for program in {' '.join(_PROGRAMS)}; do $program --version || exit 1; done\n")
            self._build_image("quartet", files, 1200)

    def _build(self, root, target, image, files, seconds):
        self._build_image(image, {"deploy/Dockerfile": root / "deploy/Dockerfile", **files}, seconds,
                          "--file", "deploy/Dockerfile", *(["--target", target] if target else []))

    def _build_image(self, image, files, seconds, *options):
        context = io.BytesIO()
        # docker knows an archive by its first block, which with extended headers would not be enough.
        with tarfile.open(fileobj=context, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for name, path in files.items():
                archive.add(path, name)
        proxies = [f"--build-arg={name}" for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ]
        done = subprocess.run(["docker", "build", "--network", "host", "--tag", image, *options, *proxies, "-"],
                              input=context.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        if done.returncode:
            print(done.stdout.decode(errors="replace")[-6000:])
            raise SystemExit(f"compose: the image {image} could not be built")

    @staticmethod
    def _has(image):
        return subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0


def _mirror():
    """Where this host gets Debian from, if it says so and is Debian 12 itself."""
    if "bookworm" not in platform.freedesktop_os_release().get("VERSION_CODENAME", ""):
        return []
    found = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm",
                            "Created-By: Packages", "Component: main"], capture_output=True, text=True)
    return found.stdout.split()[:1]


def _copy_package_sources(root):
    """So that packages come into images from where this host gets its own."""
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for pattern in ("sources.list", "sources.list.d/*.sources", "sources.list.d/*.list", "apt.conf", "apt.conf.d/*",
                    "keyrings/*", "trusted.gpg.d/*"):
        for path in pathlib.Path("/etc/apt").glob(pattern):
            target = root / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
