#!/usr/bin/env python3
"""The control plane: quartetctl and a generic gRPC client on the queues of running agents."""
import json
import os
import signal
import subprocess
import unittest

import npm
from harness import SitesTestCase, control_over_tcp
from sites.process import wait_until

HEALTH = "grpc.health.v1.Health"
QUEUE = "quartet.control.v1.QueueService"


class Control(SitesTestCase):
    """Everything a sends is held at its mta by a transport, so that the queue keeps still."""
    options = {"shared_spool": True,
               "overrides": {"a": {"mta": lambda text: control_over_tcp(text, 10071) + 'transport { match: "held.example" hold: true }\n'}}}

    @classmethod
    def setUpClass(cls):
        npm.install()
        super().setUpClass()

    def ctl(self, *words, code=0):
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                               *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def generic(self, target, service=None, method=None, request=None, **more):
        job = {"target": target, "service": service, "method": method, "request": request or {}, **more}
        return json.loads(self.run_program("node", npm.MODULES / "grpc.js", stdin=json.dumps(job).encode()))

    def hold(self, recipient):
        """A message that waits for us in state held; its id."""
        self.send(self.pair.a, self.pair.a.users[0], recipient)

        def look():
            entries = self.quartetctl(self.pair.a, "mta", "queue", "list", "--recipient", recipient)
            return entries and entries[0]["state"] == "held" and entries[0]["message_id"]

        return wait_until(look, 30, f"{recipient} held")

    def test_from_list_to_drop(self):
        message = self.hold("one@held.example")
        self.assertIn(message, self.ctl("queue", "list"))
        self.assertIn("one@held.example", self.ctl("queue", "show", message))
        self.ctl("queue", "drop", code=2)  # which ones?
        self.ctl("queue", "drop", "--id", message, "--reason", "a test")
        self.assertEqual(self.quartetctl(self.pair.a, "mta", "queue", "list", "--id", message), [])
        self.ctl("queue", "show", message, code=1)

    def test_selector_as_text(self):
        message = self.hold("three@held.example")
        where = 'rcpt="three@held.example" and rcpt.domain=held.example,other.example and state=held and age<1h'
        self.assertIn(message, self.ctl("queue", "list", "--where", where))
        self.assertNotIn(message, self.ctl("queue", "list", "--where", "rcpt=three@held.example and age>1h"))
        self.ctl("queue", "drop", "--where", "rcpt=three@held.example or age>1h", code=1)
        target = self.pair.a.endpoint("mta_control")
        dropped = self.generic(target, QUEUE, "Drop", {"selector": {"text": where}, "reason": "a test"})[0]
        self.assertEqual(dropped["changed"], 1)
        self.ctl("queue", "show", message, code=1)

    def test_exit_codes(self):
        self.ctl("queue", "sing", code=2)
        self.ctl("queue", "list", "--older-than", "soon", code=2)
        done = subprocess.run([self.pair.binaries / "quartetctl", "--target", f"unix:{self.directory}/nobody", "queue",
                               "list"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_watch(self):
        watch = subprocess.Popen([self.pair.binaries / "quartetctl", "--target", self.pair.a.endpoint("mta_control"),
                                  "--json", "queue", "watch"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.kill)
        self.addCleanup(watch.stdout.close)
        os.set_blocking(watch.stdout.fileno(), False)
        seen = []

        def look():
            # Until the watch is in place its first message may have gone by: send until one is seen whole.
            self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
            end = wait_until(lambda: seen.extend(line for line in watch.stdout) or True, 5, "lines")
            kinds = [json.loads(line)["kind"] for line in seen]
            return end and {"enqueued", "delivered"} <= set(kinds)

        wait_until(look, 30, "a message enqueued and delivered")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(20), 0)

    def test_reflection_and_health_of_every_agent(self):
        for agent in ("msa", "mta", "mda", "imapd"):
            target = self.pair.a.endpoint(f"{agent}_control")
            services = self.generic(target)
            self.assertIn(HEALTH, services)
            self.assertIn("quartet.control.v1.NodeService", services)
            self.assertEqual(self.generic(target, HEALTH, "Check", {"service": ""})[0]["status"], "SERVING", agent)
        self.assertIn(QUEUE, self.generic(self.pair.a.endpoint("mta_control")))

    def test_a_generic_client_works_on_the_queue(self):
        message = self.hold("two@held.example")
        target = self.pair.a.endpoint("mta_control")
        listed = self.generic(target, QUEUE, "ListMessages", {"selector": {"recipient": "two@held.example"}})[0]
        self.assertEqual([entry["message_id"] for entry in listed["entry"]], [message])
        dropped = self.generic(target, QUEUE, "Drop", {"selector": {"id": [message]}, "reason": "a test"})[0]
        self.assertEqual(dropped["changed"], 1)

    def test_tcp_by_mutual_tls_only(self):
        site = self.pair.a
        ca = self.pair.authority.file
        target = f"{site.address}:10071"
        program = self.pair.binaries / "quartetctl"
        self.run_program(program, "--target", target, "--ca", ca, "--cert", site.certificate, "--key", site.key, "node",
                         "status")
        for words in (["--ca", ca], []):
            done = subprocess.run([program, "--target", target, "--timeout", "5s", *map(str, words), "node", "status"],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
