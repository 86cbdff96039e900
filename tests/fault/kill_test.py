#!/usr/bin/env python3
"""kill -9 at any moment under load: what was acknowledged is there in the end, whole, at least once.

A daemon is killed and started anew again and again while clients send numbered messages and note which of them were
acknowledged. Doubles are counted and printed: they are allowed for what was under way when the daemon died.
QUARTET_FULL=1 kills every daemon a hundred times.
"""
import collections
import functools
import pathlib
import random
import tempfile
import unittest

import harness
import traffic
from sites import loopback
from sites.certificates import Authority
from sites.process import wait_until
from sites.site import Site

_ROUNDS = 100  # of the mta, which is what acknowledges mail that others must get
_FEWER = 100 if harness.FULL else 25
_SESSIONS = 8
# What can be under way when a daemon dies: 20 connections to one site, a transaction of up to 3 recipients on each.
_UNDER_WAY = 60


class OneSite:
    """Takes the place of sites.pair.Pair: one site, of which tests start what they need; no name server."""

    def __init__(self, directory, overrides):
        self.network = loopback.Network()
        self.authority = Authority(directory / "ca")
        self.site = Site(directory / "site", "a.example", self.network.address(1),
                         [("sender", "sends-much"), ("other", "sends-little")], shared_spool=True, overrides=overrides)
        self.binaries = harness.BIN
        self.site.prepare(self.authority, f"{self.network.address(53)}:{loopback.PORTS['dns']}")

    def stop(self):
        ended = self.site.stop()
        self.network.close()
        return ended


class KillTestCase(harness.SitesTestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="quartet-"))
        cls.addClassCleanup(cls._remove_directory)
        cls.pair = OneSite(cls.directory, cls.prepare())
        cls.addClassCleanup(cls._stop)
        cls.site = cls.pair.site

    @classmethod
    def prepare(cls):
        """Changes of configuration, as Site takes them."""
        return {}

    @classmethod
    def to_recorder(cls, retry=1):
        """The change of an mta's configuration that makes `cls.recorder` its smart host, tried every `retry` seconds."""
        loop = traffic.Loop()
        cls.addClassCleanup(loop.close)
        cls.recorder = traffic.Recorder()
        host, port = loop.run(cls.recorder.listen("127.0.0.1"))
        return lambda text: (text.replace("sending {", f"sending {{ retry {{ delay_seconds: {retry} }}")
                             + f'trusted: "127.0.0.0/8"\nsmart_host {{ host: "{host}:{port}" tls: NONE }}\n')

    def setUp(self):
        self.loop = traffic.Loop()
        self.addCleanup(self.loop.close)
        self.chance = random.Random()
        self.addCleanup(self.end_agents)

    def end_agents(self):
        for process, code in self.site.stop():
            self.assertEqual(code, 0, process.name)
        self.site.processes.clear()

    def kill_under_load(self, senders, agents, rounds):
        """Each round kills one of the agents, some time after messages have begun to be acknowledged again."""
        running = [(one, self.loop.start(one.run(_SESSIONS))) for one in senders]
        for number in range(rounds):
            for one in senders:
                known = len(one.acknowledged)
                wait_until(lambda: len(one.acknowledged) > known or one.faults, 30, f"progress in round {number + 1}")
            # Not only right after a start: at most as many more messages as this.
            more = len(senders[0].acknowledged) + self.chance.randrange(60)
            wait_until(lambda: len(senders[0].acknowledged) >= more or senders[0].faults, 30, "more messages")
            agent = agents[number % len(agents)]
            self.assertTrue(self.site.processes[agent].is_running(), agent)
            self.site.processes[agent].kill()
            self.site.start_agent(agent, harness.BIN)
        for one, future in running:
            one.stop()
            future.result(90)
            self.assertEqual(one.faults, [])

    def assert_all_there(self, acknowledged, came, what, rounds):
        missing = acknowledged - set(came)
        self.assertEqual(len(missing), 0, f"lost: {sorted(missing)[:20]}")
        doubles = sum(times - 1 for times in came.values())
        what = f"{what} killed {rounds} times"
        print(f"\n{what}: {len(acknowledged)} acknowledged, none lost, {doubles} doubles, "
              f"{len(set(came) - acknowledged)} came without acknowledgement", flush=True)
        self.assertLessEqual(doubles, rounds * _UNDER_WAY, what)


class Relay(KillTestCase):
    """The mta's queue, which msa and clients fill; a recorder is its smart host."""

    @classmethod
    def prepare(cls):
        return {"mta": cls.to_recorder()}

    def drain_and_compare(self, senders, what, rounds):
        """Waits until all that was acknowledged has come, then compares."""
        acknowledged = set().union(*(one.acknowledged for one in senders))
        try:
            wait_until(lambda: acknowledged <= set(self.recorder.came) or self.recorder.faults, 120, "the queue to drain")
        except TimeoutError:
            pass  # the comparison says what is missing
        self.assertEqual(self.recorder.faults, [])
        # Not what another test of this class has sent.
        ours = {number // traffic.NUMBERS for number, _ in acknowledged}
        self.assert_all_there(acknowledged, {key: times for key, times in self.recorder.came.items()
                                             if key[0] // traffic.NUMBERS in ours}, what, rounds)

    def test_mta(self):
        mx = (self.site.address, self.site.port("mx"))
        senders = traffic.Senders(functools.partial(traffic.open_smtp, mx), traffic.send_by_smtp, set_of_numbers=0)
        self.site.start_agent("mta", harness.BIN)
        self.kill_under_load([senders], ["mta"], _ROUNDS)
        self.drain_and_compare([senders], "mta", _ROUNDS)

    def test_msa_and_mta_with_one_spool(self):
        account = self.site.users[0]
        address = (self.site.address, self.site.port("submissions"))
        submit = traffic.Senders(
            functools.partial(traffic.open_smtp, address, self.tls(), (account.address, account.password)),
            functools.partial(traffic.send_by_smtp, sender=account.address), set_of_numbers=1)
        relay = traffic.Senders(functools.partial(traffic.open_smtp, (self.site.address, self.site.port("mx"))),
                                traffic.send_by_smtp, set_of_numbers=2)
        for agent in ("mta", "msa"):
            self.site.start_agent(agent, harness.BIN)
        self.kill_under_load([submit, relay], ["msa", "mta"], _FEWER)
        self.drain_and_compare([submit, relay], "msa and mta in turn", _FEWER)


class Mailboxes(KillTestCase):
    """The store, which mda and imapd fill at the same time."""

    def test_mda_and_imapd_with_one_store(self):
        users = self.site.users
        login = (users[0].address, users[0].password)
        deliver = traffic.Senders(
            functools.partial(traffic.open_lmtp, (self.site.address, self.site.port("lmtp"))),
            functools.partial(traffic.deliver_by_lmtp, recipients=[user.address for user in users]))
        append = traffic.Senders(
            functools.partial(traffic.open_imap, (self.site.address, self.site.port("imaps")), self.tls(), login),
            functools.partial(traffic.append_by_imap, user=users[0].address), set_of_numbers=1)
        for agent in ("mda", "imapd"):
            self.site.start_agent(agent, harness.BIN)
        self.kill_under_load([deliver, append], ["mda", "imapd"], _FEWER)
        came = collections.Counter()
        for user in users:
            for message in self.fetch_all(self.site, user):
                came[traffic.number_of(message), user.address] += 1  # ValueError: a message is damaged
        self.assert_all_there(deliver.acknowledged | append.acknowledged, came, "mda and imapd in turn", _FEWER)


if __name__ == "__main__":
    unittest.main()
