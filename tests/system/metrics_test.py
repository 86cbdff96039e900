#!/usr/bin/env python3
"""What /metrics shows: figures that move with the mail, and every metric that the dashboard and the alert rules name."""
import json
import pathlib
import re
import subprocess
import unittest
import urllib.request

from harness import SitesTestCase
from sites.process import wait_until
from sites.site import AGENTS

_DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
_RULES = _DEPLOY / "prometheus/quartet.rules.yml"
_DASHBOARD = _DEPLOY / "grafana/quartet.json"
_NAME = re.compile(r"quartet_[a-z_]+")


def dashboard_expressions():
    """Every query of the dashboard as Prometheus gets it."""
    panels = json.loads(_DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in expressions]


class Metrics(SitesTestCase):
    options = {"shared_spool": False,
               "overrides": {"a": {"mta": 'transport { match: "held.example" hold: true }\n'}}}

    def text(self, site, agent):
        with urllib.request.urlopen(f"http://{site.endpoint(agent + '_metrics')}/metrics", timeout=10) as reply:
            return reply.read().decode()

    def figures(self, site, agent):
        """{"name{labels}": value} of what an agent shows now."""
        lines = self.text(site, agent).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def letter_to_b(self):
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[0].address)
        self.wait_for_message(self.pair.b, self.pair.b.users[0], sent["Message-ID"])

    def test_promtool_finds_no_fault(self):
        """In what the agents show, in the rules, and in the dashboard's queries."""
        self.letter_to_b()
        for site in self.pair.sites:
            for agent in AGENTS:
                self.run_program("promtool", "check", "metrics", stdin=self.text(site, agent).encode())
        self.run_program("promtool", "check", "rules", _RULES)
        queries = self.directory / "dashboard.rules.yml"
        queries.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": [
            {"record": f"query_{number}", "expr": expression}
            for number, expression in enumerate(dashboard_expressions())]}]}))
        self.run_program("promtool", "check", "rules", queries)

    def test_alerts_come_when_they_are_due(self):
        self.run_program("promtool", "test", "rules", pathlib.Path(__file__).with_name("quartet.rules.test.yml"))

    def test_dashboard_and_rules_name_what_there_is(self):
        self.letter_to_b()
        # Domains are shown while they are in the queue.
        self.send(self.pair.a, self.pair.a.users[0], "somebody@held.example")
        self.addCleanup(self.quartetctl, self.pair.a, "mta", "queue", "drop", "--older-than", "0s", "--reason", "a test")
        for metric in ("quartet_queue_domain_recipients{", "quartet_queue_site_recipients{"):
            wait_until(lambda: metric in self.text(self.pair.a, "mta"), 30, metric)
        named = set(_NAME.findall(" ".join(dashboard_expressions()))) | set(
            _NAME.findall("\n".join(line for line in _RULES.read_text().splitlines() if not line.startswith("#"))))
        self.assertGreater(len(named), 20)
        shown = set()
        for agent in AGENTS:
            shown |= {name.partition("{")[0] for name in self.figures(self.pair.a, agent)}
            shown |= {name.partition("{")[0] for name in self.figures(self.pair.b, agent)}
        self.assertEqual(sorted(named - shown), [])

    def test_phases_codes_and_tls_of_a_delivery(self):
        wanted = ['quartet_relay_recipients_total{result="delivered",code="250"}',
                  *(f'quartet_relay_seconds_count{{phase="{phase}"}}'
                    for phase in ("queue", "look-up", "connect", "session", "transaction", "total")),
                  'quartet_relay_sessions_total{policy="dane",version="TLSv1.3",verified="unverified"}',
                  'quartet_tls_handshakes_total{role="client",version="TLSv1.3"}',
                  "quartet_commit_seconds_count", "quartet_connections_total"]
        before = self.figures(self.pair.a, "mta")
        # A domain of its own: its next hop is looked up and connected to anew.
        sent = self.send(self.pair.a, self.pair.a.users[0], self.pair.b.users[1].address)
        self.wait_for_message(self.pair.b, self.pair.b.users[1], sent["Message-ID"])

        def grown():
            now = self.figures(self.pair.a, "mta")
            return all(now.get(name, 0) >= 1 and now[name] >= before.get(name, 0) for name in wanted)

        try:
            wait_until(grown, 20, "figures of a delivery")
        except TimeoutError:
            now = self.figures(self.pair.a, "mta")
            self.fail("\n".join(f"{name}: {before.get(name)}, {now.get(name)}" for name in wanted))

    def test_certificates_end(self):
        ends = [value for name, value in self.figures(self.pair.a, "mta").items()
                if name.startswith(f'quartet_tls_certificate_expiry_seconds{{file="{self.pair.a.certificate}"')]
        told = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in",
                               self.pair.a.certificate], capture_output=True, text=True, check=True).stdout
        epoch = subprocess.run(["date", "-u", "+%s", "-d", told.strip().removeprefix("notAfter=")], capture_output=True,
                               text=True, check=True).stdout
        self.assertEqual(ends, [float(epoch)])

    def test_depth_by_site_and_age(self):
        a, b = self.pair.sites
        site = f"smtp+dane:mx:{a.port('mx')}:mx.b.example"
        figure = f'quartet_queue_site_recipients{{site="{site}",minutes="0-5"}}'
        self.letter_to_b()  # then it is known at which site b.example is
        b.processes["mta"].stop()
        try:
            self.send(a, a.users[0], [user.address for user in b.users])
            wait_until(lambda: self.figures(a, "mta").get(figure) == 2, 30, "the site in the metrics")
        finally:
            b.start_agent("mta", self.pair.binaries)
        self.quartetctl(a, "mta", "queue", "retry", "--all")
        wait_until(lambda: figure not in self.figures(a, "mta"), 30, "nothing that waits")

    def test_depth_by_domain_and_age(self):
        site = self.pair.a
        domain = f'quartet_queue_domain_recipients{{domain="{site.domain}"}}'
        site.processes["mda"].stop()
        try:
            self.send(site, site.users[0], site.users[1].address)
            wait_until(lambda: self.figures(site, "mta").get(domain) == 1, 30, "the domain in the metrics")
            self.assertGreater(self.figures(site, "mta")["quartet_queue_oldest_seconds"], 0)
        finally:
            site.start_agent("mda", self.pair.binaries)
        self.quartetctl(site, "mta", "queue", "retry", "--all")
        wait_until(lambda: domain not in self.figures(site, "mta"), 60, "the domain gone from the metrics")
        self.assertEqual(self.figures(site, "mta")["quartet_queue_oldest_seconds"], 0)


if __name__ == "__main__":
    unittest.main()
