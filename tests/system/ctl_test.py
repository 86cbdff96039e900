#!/usr/bin/env python3
"""quartetctl as people use it: in a shell that completes, with manual pages, for several agents, on a whole screen."""
import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import termios
import unittest

from harness import BIN, SitesTestCase
from sites.process import wait_until


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, **more)


class Shell(unittest.TestCase):
    """What needs no agent."""

    def completed(self, *words):
        """What bash offers for the last word."""
        script = ('source <("$1" completion bash); shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _quartetctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = run("bash", "-c", script, "bash", BIN / "quartetctl", BIN / "quartetctl", *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.completed("queue", "re"), ["retry", "release", "reschedule", "reroute", "requeue"])
        self.assertEqual(self.completed("queue", "list", "--state", "h"), ["held"])
        self.assertIn("--max-affected", self.completed("queue", "drop", "--"))
        self.assertEqual(self.completed("--ca", str(BIN / "quartetc")), [str(BIN / "quartetctl")])

    def test_output_that_is_lost_is_no_success(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BIN / "quartetctl", "manual", "queue"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, "quartetctl: the standard output cannot be written\n"))

    def test_manual_pages_are_clean(self):
        """groff, which man(1) runs, has no complaint and shows what the help shows."""
        pages = sorted((BIN.parent / "share" / "man" / "man1").glob("*.1"))
        self.assertIn("quartetctl-queue.1", [page.name for page in pages])
        for page in pages:
            done = run("groff", "-man", "-Tascii", "-ww", page)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
        text = re.sub(r".\x08|\x1b\[\d*m", "", run("groff", "-man", "-Tascii", pages[0].with_name("quartetctl-queue.1")).stdout)
        self.assertIn("quartetctl queue bounce [ID...]", text)
        self.assertIn("--max-affected N", text)

    def test_all_programs_are_installed(self):
        """By `cmake --install`; as links, which takes no room."""
        if not (BIN.parent / "cmake_install.cmake").exists():
            self.skipTest("QUARTET_BIN is no part of a build tree")
        with tempfile.TemporaryDirectory() as prefix:
            done = run("cmake", "--install", BIN.parent, "--prefix", prefix,
                       env={**os.environ, "CMAKE_INSTALL_MODE": "ABS_SYMLINK"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLessEqual({"msa", "mta", "mda", "imapd", "quartetctl", "quartet-password", "quartet-sendmail",
                                  "quartet-transfer"}, set(os.listdir(pathlib.Path(prefix, "bin"))))
            self.assertTrue(pathlib.Path(prefix, "share/man/man1/quartetctl.1").exists())


class Live(SitesTestCase):
    def environment(self):
        """Of a user who knows both sites' mtas by name."""
        home = self.scratch()
        (home / "quartet").mkdir()
        (home / "quartet" / "contexts").write_text("".join(
            f"{name} {site.endpoint('mta_control')}\n" for name, site in (("here", self.pair.a), ("there", self.pair.b))))
        return {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(home), "LANG": "C.UTF-8"}

    def test_contexts(self):
        environment = self.environment()
        done = run(BIN / "quartetctl", "--context", "there", "node", "status", env=environment)
        self.assertIn("mx.b.example", done.stdout, done.stderr)
        done = run(BIN / "quartetctl", "--all-contexts", "node", "status", env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"here   host +mx\.a\.example")
        self.assertRegex(done.stdout, r"there  host +mx\.b\.example")

    def test_top_on_a_terminal(self):
        """It shows a message that goes by, ends by q, and gives the screen back."""
        keeper, terminal = pty.openpty()
        self.addCleanup(os.close, keeper)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        before = termios.tcgetattr(terminal)
        top = subprocess.Popen([BIN / "quartetctl", "--all-contexts", "top", "--interval", "200ms"], stdin=terminal,
                               stdout=terminal, stderr=subprocess.PIPE, env=self.environment())
        self.addCleanup(top.kill)
        self.addCleanup(top.stderr.close)
        os.set_blocking(keeper, False)
        seen = bytearray()

        def look():
            try:
                seen.extend(os.read(keeper, 1 << 16))
            except BlockingIOError:
                pass
            return seen

        wait_until(lambda: b"there: mta@mx.b.example ready" in look(), 30, "the screen")

        def delivered():
            # What is sent before the watch is in place is not counted: until something is.
            self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
            return re.search(rb"rates [^\r]*, (?!0\.0)[0-9.]+/s delivered", look())

        wait_until(delivered, 30, "a delivery on the screen")
        self.assertIn(b"smtp", look())
        os.write(keeper, b"q")
        self.assertEqual(top.wait(20), 0, top.stderr.read())
        wait_until(lambda: b"\x1b[?1049l" in look(), 10, "the screen given back")
        self.assertEqual(termios.tcgetattr(terminal), before)
        os.close(terminal)

    def test_top_without_a_terminal(self):
        done = run(BIN / "quartetctl", "--target", self.pair.a.endpoint("mta_control"), "top", "--count", "2",
                   "--interval", "100ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertIn("delivered 0.0/s", done.stdout)
        done = run(BIN / "quartetctl", "--target", f"unix:{self.directory}/nobody", "top", "--count", "1", "--interval",
                   "100ms")
        self.assertEqual(done.returncode, 3, done.stderr)


if __name__ == "__main__":
    unittest.main()
