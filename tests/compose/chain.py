"""What deploy/docker-compose.yml must do, on running containers."""
import email.policy
import json
import subprocess
import time

from sites import letter

_SENDER = ("sender@a.example", "sends-much")
_READER = ("reader@b.example", "reads-much")
_AGENTS = ("msa", "relay", "boundary", "mx", "mda", "imapd")

# Where each host listens: (host, address in a network, port, those who are in that network).
_DOORS = [
    ("msa", "10.77.1.2", 587, {"client"}), ("msa", "10.77.2.2", 587, {"relay"}),
    ("relay", "10.77.2.3", 25, {"msa"}), ("relay", "10.77.3.2", 25, {"boundary"}),
    ("boundary", "10.77.3.3", 25, {"relay"}), ("boundary", "10.77.4.2", 25, {"mx"}),
    ("boundary", "10.77.4.2", 366, {"mx"}), ("msa", "10.77.7.2", 7001, {"operator"}),
    ("relay", "10.77.8.2", 7001, {"operator"}), ("boundary", "10.77.9.2", 7001, {"operator"}),
    ("mx", "10.77.4.3", 25, {"boundary"}), ("mx", "10.77.5.2", 25, {"mda"}),
    ("mda", "10.77.5.3", 24, {"mx"}), ("imapd", "10.77.6.2", 143, {"reader"}),
]


class Chain:
    def __init__(self, root, say):
        self._root, self._say = root, say

    # Commands

    def compose(self, *words, seconds=120, stdin=None, check=True):
        command = ["docker-compose", "--project-name", "quartet-test", "--file", self._root / "deploy/docker-compose.yml",
                   *words]
        done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, timeout=seconds)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: {done.returncode}\n{done.stdout.decode(errors='replace')}"
                                 f"{done.stderr.decode(errors='replace')}")
        return done

    def _person(self, where, *words, stdin=b"", seconds=120):
        """A program in a new container of a user's computer."""
        done = self.compose("run", "--rm", "-T", "-v", f"{self._root}/tests/compose/people.py:/people.py:ro", where,
                            "python3", "/people.py", *words, stdin=stdin, seconds=seconds)
        return done.stdout

    def _in_place(self, host, *words):
        """quartetctl in the host's own container, by its UNIX socket."""
        agent = host if host in ("msa", "mda", "imapd") else "mta"
        return self.compose("exec", "-T", host, "quartetctl", "--target", f"unix:/run/quartet/{agent}.control",
                            *words).stdout.decode()

    def _control(self, host, *words):
        return json.loads(self._in_place(host, "--json", *words))

    def _operate(self, *words):
        """quartetctl in a container of its own, by gRPC with mutual TLS."""
        return self.compose("run", "--rm", "-T", "operator", "quartetctl", *words).stdout.decode()

    def send(self, recipient):
        message = letter.write(_SENDER[0], recipient)
        self._person("client", "send", *_SENDER, recipient, stdin=message.as_bytes(policy=email.policy.SMTP))
        return message

    def read(self, message, seconds=60):
        """(how often it is in the reader's mailbox, the message)."""
        count, _, content = self._person("reader", "read", *_READER, message["Message-ID"], str(seconds)).partition(b"\n")
        return int(count), content

    def assert_arrived(self, message, seconds=60):
        count, content = self.read(message, seconds)
        assert count == 1, f"{message['Message-ID']} is there {count} times"
        differences = letter.differences(message, content)
        assert not differences, differences
        return content

    def wait_for_queue(self, host, recipients, seconds=60):
        end = time.monotonic() + seconds
        while (found := self._control(host, "queue", "count")["matched"]) != recipients:
            assert time.monotonic() < end, f"{found} recipients in the queue of {host}, not {recipients}"
            time.sleep(0.2)

    # Steps

    def up(self):
        self.compose("up", "--detach", "--no-build", seconds=300)
        end = time.monotonic() + 120
        while waiting := [host for host in _AGENTS if self._health(host) != "healthy"]:
            assert time.monotonic() < end, f"not healthy: {waiting}"
            time.sleep(0.5)

    def _health(self, host):
        container = self.compose("ps", "--quiet", host).stdout.decode().strip()
        done = subprocess.run(["docker", "inspect", "--format", "{{.State.Health.Status}}", container],
                              capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def down(self):
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "30", seconds=300)

    def logs(self):
        done = self.compose("logs", "--no-color", "--tail", "60", check=False)
        return done.stdout.decode(errors="replace")

    def check_neighbours(self):
        """Everybody tries every door; only neighbours may find it open."""
        script = "".join(f"(timeout 5 bash -c '</dev/tcp/{address}/{port}' && echo {number}) 2>/dev/null & "
                         for number, (_, address, port, _) in enumerate(_DOORS)) + "wait"
        tried = 0
        for host in (*_AGENTS, "client", "reader", "operator"):
            how = ("run", "--rm", "-T") if host in ("client", "reader", "operator") else ("exec", "-T")
            opened = set(self.compose(*how, host, "bash", "-c", script).stdout.decode().split())
            for number, (owner, address, port, neighbours) in enumerate(_DOORS):
                if owner == host:
                    continue
                tried += 1
                expected = host in neighbours
                assert (str(number) in opened) == expected, (
                    f"{host} {'does not reach' if expected else 'reaches'} {owner} at {address}:{port}")
        return f"{tried} pairs of host and address tried, {sum(len(door[3]) for door in _DOORS)} open"

    def letter_through_the_chain(self):
        content = self.assert_arrived(self.send(_READER[0]))
        hops = content.decode(errors="replace").lower().count("\nreceived:") + content.lower().startswith(b"received:")
        assert hops >= 4, f"{hops} Received fields, fewer than msa, relay, boundary, mx"
        return f"{hops} Received fields"

    def held_queue_by_grpc(self):
        message = self._hold("reader@held.example")
        shown = self._operate("--context", "boundary", "link", "start", "held")
        self.assert_arrived(message)
        self.wait_for_queue("boundary", 0)
        return shown.strip().splitlines()[-1] if shown.strip() else ""

    def held_queue_by_etrn(self):
        message = self._hold("reader@held.example")
        refused = self._etrn("relay", "10.77.3.3")
        assert refused.startswith("459"), f"a host without the right is told {refused}"
        answer = self._etrn("mx", "10.77.4.2")
        assert answer.startswith("253"), answer
        self.assert_arrived(message)
        self.wait_for_queue("boundary", 0)
        return answer

    def held_queue_by_atrn(self):
        message = self._hold("reader@roaming.example")
        shown = self._in_place("mx", "upstream", "trigger", "boundary")
        self.assert_arrived(message)
        self.wait_for_queue("boundary", 0)
        return shown.strip().splitlines()[-1]

    def trace(self):
        """By its Message-ID, asked for in the operator's container."""
        message = self.send(_READER[0])
        self.assert_arrived(message)
        said = self._operate("--all-contexts", "--json", "trace", message["Message-ID"].strip("<>"))
        steps = [json.loads(line) for line in said.splitlines()]
        passed = {(step["hostname"], step["kind"]) for step in steps}
        expected = {(f"{host}.a.example", kind) for host in ("msa", "relay", "boundary") for kind in ("accepted", "delivered")}
        assert passed == expected, steps
        assert len({step["trace_id"] for step in steps}) == 1, steps
        return f"{len(steps)} steps with one trace id"

    def _hold(self, recipient):
        """A letter that waits at the boundary, tried by nobody."""
        message = self.send(recipient)
        self.wait_for_queue("boundary", 1)
        assert self.read(message, 1)[0] == 0, "the held letter was delivered without being asked for"
        return message

    def _etrn(self, host, boundary):
        """The boundary's answer to ETRN out of the container of `host`."""
        script = (f"exec 3<>/dev/tcp/{boundary}/25; read -t 20 -r line <&3; printf 'EHLO x.example\\r\\n' >&3; "
                  "while read -t 20 -r line <&3 && [[ $line == 250-* ]]; do :; done; "
                  "printf 'ETRN held.example\\r\\n' >&3; read -t 20 -r line <&3; printf '%s' \"$line\"; "
                  "printf 'QUIT\\r\\n' >&3")
        return self.compose("exec", "-T", host, "bash", "-c", script).stdout.decode().strip()

    def stop_hop(self, hop, before):
        """The letter waits at the hop before; that one is killed meanwhile, too."""
        self.compose("stop", "--timeout", "30", hop)
        message = self.send(_READER[0])
        self.wait_for_queue(before, 1)
        self.compose("kill", "-s", "SIGKILL", before)
        self.compose("start", before, hop)
        self.wait_until_up(before, hop)
        # An attempt that the kill cut short is due at once, one that had failed is not.
        self._control(before, "queue", "retry", "--all")
        self.assert_arrived(message)
        self.wait_for_queue(before, 0)
        return f"waited at {before}, which was killed, and arrived once"

    def wait_until_up(self, *hosts, seconds=60):
        end = time.monotonic() + seconds
        for host in hosts:
            agent = host if host in ("msa", "mda", "imapd") else "mta"
            while self.compose("exec", "-T", host, "quartetctl", "--target", f"unix:/run/quartet/{agent}.control", "node",
                               "status", check=False).returncode:
                assert time.monotonic() < end, f"{host} is not up"
                time.sleep(0.2)
