#!/usr/bin/env python3
"""Roles on the control plane of a running agent, by certificate and by the user at the UNIX socket."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import SitesTestCase, control_over_tcp
from sites import letter
from sites.process import wait_until

ROLES = """
  socket_mode: "0666"
  role { role: OBSERVER certificate: "monitor.example" user: "nobody" }
  role { role: OPERATOR certificate: "ops.example" }
  role { role: CONTENT_READER certificate: "abuse.example" }
  role { role: OPERATOR group: "games" }
"""


class Roles(SitesTestCase):
    options = {"shared_spool": False, "overrides": {"a": {"mta": lambda text: control_over_tcp(text, 10072, ROLES)}}}

    def setUp(self):
        a = self.pair.a
        recipient = "someone@nowhere.example"
        self.ctl("rule", "add", "--kind", "hold", "--recipient", recipient)
        self.addCleanup(self.ctl, "queue", "drop", "--older-than", "0s")
        self.send(a, a.users[0], recipient, letter.write(a.users[0].address, recipient))
        self.message = wait_until(lambda: json.loads(self.ctl("--json", "queue", "list", "--state", "held")), 30,
                                  "the letter on hold")[0]["message_id"]

    def ctl(self, *words):
        """As the user who runs the agent."""
        return self.run_program(self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"), *words)

    def as_certificate(self, name, *words):
        """(exit code, what was said) of quartetctl with a certificate of this name."""
        certificate, key = self.pair.authority.issue(name)
        return self.answer(["--target", f"{self.pair.a.address}:10072", "--ca", self.pair.authority.file, "--cert",
                            certificate, "--key", key, *words])

    def answer(self, words, **options):
        done = subprocess.run([str(word) for word in (self.pair.binaries / "quartetctl", *words)], capture_output=True,
                              text=True, timeout=60, **options)
        return done.returncode, done.stdout + done.stderr

    def may(self, answer):
        self.assertEqual(answer[0], 0, answer[1])

    def may_not(self, answer, role):
        self.assertNotEqual(answer[0], 0, answer[1])
        self.assertIn(f"needs the role {role}", answer[1])

    def test_an_observer(self):
        self.may(self.as_certificate("monitor.example", "queue", "list"))
        self.may(self.as_certificate("monitor.example", "queue", "show", self.message))
        self.may(self.as_certificate("monitor.example", "rule", "list"))
        self.may(self.as_certificate("monitor.example", "node", "status"))
        self.may_not(self.as_certificate("monitor.example", "queue", "drop", self.message), "operator")
        self.may_not(self.as_certificate("monitor.example", "rule", "add", "--kind", "drop", "--all"), "operator")
        self.may_not(self.as_certificate("monitor.example", "dest", "suspend", "b.example"), "operator")
        self.may_not(self.as_certificate("monitor.example", "queue", "export", self.message, "--to",
                                         self.scratch() / "out"), "content reader")
        self.assertEqual(len(json.loads(self.ctl("--json", "queue", "list"))), 1)
        self.pair.a.processes["mta"].wait_for_event("control.denied", peer="tls:monitor.example", role="operator")

    def test_an_operator_does_not_read(self):
        self.may(self.as_certificate("ops.example", "queue", "hold", self.message))
        self.may_not(self.as_certificate("ops.example", "queue", "show", self.message, "--header"), "content reader")

    def test_a_content_reader_does_not_change(self):
        self.may(self.as_certificate("abuse.example", "queue", "show", self.message, "--header"))
        self.may_not(self.as_certificate("abuse.example", "queue", "drop", self.message), "operator")

    def test_a_stranger_sees_nothing(self):
        self.may_not(self.as_certificate("stranger.example", "queue", "list"), "observer")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_users_and_groups_at_the_socket(self):
        # What another user may reach: neither the build tree nor the sites need be.
        place = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        self.addCleanup(shutil.rmtree, place)
        place.chmod(0o755)
        program = shutil.copy(self.pair.binaries / "quartetctl", place)
        self.pair.directory.chmod(0o755)

        def ask(words, **who):
            done = subprocess.run([program, "--target", self.pair.a.endpoint("mta_control"), *words],
                                  capture_output=True, text=True, timeout=60, cwd="/", env={"HOME": "/"}, **who)
            return done.returncode, done.stdout + done.stderr

        nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        self.may(ask(["queue", "list"], **nobody))
        self.may_not(ask(["queue", "hold", self.message], **nobody), "operator")
        self.may(ask(["queue", "hold", self.message], **{**nobody, "extra_groups": ["games"]}))
        daemon = {"user": "daemon", "group": "daemon", "extra_groups": []}
        self.may_not(ask(["queue", "list"], **daemon), "observer")

    def test_bad_roles_are_found_at_their_places(self):
        path = self.scratch() / "mta.txtpb"
        path.write_text('agent { control { socket: "/run/x"\n role { role: OPERATOR user: "no-such-user" }\n'
                        ' role { role: OBSERVER }\n role { user: "root" } } }\nspool: "/tmp/x"\n'
                        'listener { address: "127.0.0.1:25" }\n')
        checked = subprocess.run([self.pair.binaries / "mta", "--config", path, "--check"], capture_output=True,
                                 text=True, timeout=30)
        self.assertEqual(checked.returncode, 2)
        for place in (f"{path}:2:24: ", f"{path}:3:9: ", f"{path}:4:"):
            self.assertIn(place, checked.stderr)


if __name__ == "__main__":
    unittest.main()
