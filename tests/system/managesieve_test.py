#!/usr/bin/env python3
"""ManageSieve at the mda, by sieve-connect and by hand: RFC 5804."""
import base64
import pathlib
import re
import shutil
import socket
import unittest

import sasl_test
from sieve_site import SieveTestCase, filtering
from sites.process import wait_until

PORT = 4190


def managing(text):
    address = re.search(r"127\.\d+\.\d+\.\d+", text)[0]
    directory = pathlib.Path(re.search(r'store: "([^"]+)/store"', text)[1])
    certificate = directory.parent / "ca" / "mx.b.example"
    tls = f'tls {{ certificate: "{certificate}.pem" key: "{certificate}.key" }}'
    listener = f'sieve {{ listener {{ address: "{address}:{PORT}" }} redirects: 3'
    return filtering(text).replace("sieve {", listener, 1) + tls + "\n"


class Client:
    """Lines and strings of a ManageSieve connection."""

    def __init__(self, address, context):
        self.socket = socket.create_connection((address, PORT), timeout=30)
        self.file = self.socket.makefile("rb")
        self.context = context
        self.greeting = self.reply()

    def close(self):
        self.file.close()
        self.socket.close()

    def line(self):
        line = self.file.readline()
        while found := re.search(rb"\{(\d+)\}\r\n$", line):
            line = line[:found.start()] + self.file.read(int(found[1])) + self.file.readline()
        return line.decode()

    def reply(self):
        """Lines up to OK, NO or BYE."""
        lines = []
        while True:
            line = self.line()
            if not line:
                return lines
            lines.append(line.rstrip("\r\n"))
            if re.match(r"(OK|NO|BYE)\b", line):
                return lines

    def send(self, text):
        self.socket.sendall(text.encode())
        return self.reply()

    def starttls(self):
        answer = self.send("STARTTLS\r\n")
        assert answer[-1].startswith("OK"), answer
        self.file.close()
        self.socket = self.context.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def login(self, account, password=None):
        response = base64.b64encode(f"\0{account.address}\0{password or account.password}".encode()).decode()
        return self.send(f'AUTHENTICATE "PLAIN" "{response}"\r\n')


def overridden(mda):
    return {**SieveTestCase.options, "overrides": {"b": {**SieveTestCase.options["overrides"]["b"], "mda": mda}}}


class Managing(SieveTestCase):
    def client(self):
        client = Client(self.b.address, self.tls())
        self.addCleanup(client.close)
        return client

    def scram(self, client, password, end='""'):
        """All that the server says; `end` answers what it shows of itself."""
        scram = sasl_test.Scram("sha256", self.user.address, password, client.socket.getpeercert(binary_form=True))
        said, command = [""], 'AUTHENTICATE "SCRAM-SHA-256-PLUS" '
        while not re.match("OK|NO|BYE", said[-1]):
            response = scram(base64.b64decode(said[-1].strip().strip('"')))
            quoted = f'"{base64.b64encode(response.encode()).decode()}"' if response else end
            client.socket.sendall(f"{command}{quoted}\r\n".encode())
            said.append(client.line())
            command = ""
        return said[1:]

    def logged_in(self):
        client = self.client()
        client.starttls()
        self.assertRegex(client.login(self.user)[-1], "^OK")
        return client


class Guessing(Managing):
    options = overridden(lambda text: managing(text).replace("sieve {", "sieve { login_limits { client_failures: 3 }", 1))

    def test_who_guesses_is_refused_before_a_password_is_looked_at(self):
        for number in range(3):
            client = self.client()
            client.starttls()
            response = base64.b64encode(f"\0guess{number}@b.example\0wrong".encode()).decode()
            self.assertRegex(client.send(f'AUTHENTICATE "PLAIN" "{response}"\r\n')[-1], "^NO")
        client = self.client()
        client.starttls()
        self.assertRegex(client.login(self.user)[-1], r"^BYE \(TRYLATER\)")
        client = self.client()
        client.starttls()
        self.assertRegex(self.scram(client, self.user.password)[-1], r"^BYE \(TRYLATER\)")


class ManageSieve(Managing):
    options = overridden(managing)

    def test_idle_sessions_hear_that_they_are_to_end(self):
        kicked, stopped = self.logged_in(), self.logged_in()
        sessions = [session["id"] for session in self.quartetctl(self.b, "mda", "session", "list")
                    if session["protocol"] == "managesieve"]
        self.quartetctl(self.b, "mda", "session", "kick", min(sessions, key=int))
        self.assertEqual([line[:14] for line in kicked.reply()], ["BYE (TRYLATER)"])
        stopped.socket.settimeout(0.5)
        self.assertRaises(TimeoutError, stopped.socket.recv, 1)
        stopped.socket.settimeout(30)
        mda = self.b.processes["mda"]
        mda.signal(15)
        self.assertRegex(stopped.socket.recv(100), rb"^BYE \(TRYLATER\)")
        wait_until(lambda: not mda.is_running(), 20, "the end of the mda")
        self.b.start_agent("mda", self.pair.binaries)

    def put(self, client, name, text):
        return client.send(f'PUTSCRIPT "{name}" {{{len(text.encode())}+}}\r\n{text}\r\n')[-1]

    def test_capabilities(self):
        client = self.client()
        for line in ('"STARTTLS"', '"SASL" ""', '"NOTIFY" "mailto"', '"MAXREDIRECTS" "3"', '"VERSION" "1.0"', '"UNAUTHENTICATE"',
                     '"EXTLISTS" "urn:ietf:params:sieve:addrbook tag"'):
            self.assertIn(line, client.greeting)
        sieve = next(line for line in client.greeting if line.startswith('"SIEVE"'))
        self.assertIn("vacation-seconds", sieve.split('"')[3].split())
        client.starttls()
        self.assertIn('"SASL" "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN LOGIN"', client.greeting)
        self.assertNotIn('"STARTTLS"', client.greeting)
        client.login(self.user)
        self.assertIn(f'"OWNER" "{self.user.address}"', client.send("CAPABILITY\r\n"))

    def test_scram(self):
        for password, answers in ((self.user.password, ['"', '"', "OK"]), ("wrong", ['"', "NO"])):
            client = self.client()
            client.starttls()
            said = self.scram(client, password)
            self.assertEqual([line[:len(start)] for line, start in zip(said, answers, strict=True)], answers)
            self.assertRegex(client.send("LISTSCRIPTS\r\n")[-1], f"^{answers[-1]}")

    def test_a_server_that_is_not_believed(self):
        client = self.client()
        client.starttls()
        self.assertRegex(self.scram(client, self.user.password, '"*"')[-1], "^NO")
        self.assertRegex(client.send("LISTSCRIPTS\r\n")[-1], "^NO")
        self.assertRegex(client.login(self.user)[-1], "^OK")

    def test_passwords_are_taken_within_tls_only(self):
        client = self.client()
        self.assertRegex(client.login(self.user)[-1], r"^NO \(ENCRYPT-NEEDED\)")
        self.assertRegex(client.send("LISTSCRIPTS\r\n")[-1], "^NO")
        self.assertRegex(client.send("STARTTLS\r\nNOOP\r\n")[-1], "^BYE")

    def test_logins(self):
        client = self.client()
        client.starttls()
        self.assertRegex(client.login(self.user, "wrong")[-1], "^NO")
        self.assertRegex(client.send('AUTHENTICATE "NONE"\r\n')[-1], "^NO")
        client.socket.sendall(b'AUTHENTICATE "LOGIN"\r\n')
        self.assertEqual(base64.b64decode(client.line().strip().strip('"')), b"Username:")
        client.socket.sendall(f'"{base64.b64encode(self.user.address.encode()).decode()}"\r\n'.encode())
        client.line()
        self.assertRegex(client.send(f'"{base64.b64encode(self.user.password.encode()).decode()}"\r\n')[-1], "^OK")
        self.assertRegex(client.login(self.user)[-1], "^NO")
        self.assertRegex(client.send("UNAUTHENTICATE\r\n")[-1], "^OK")
        self.assertRegex(client.send("LISTSCRIPTS\r\n")[-1], "^NO")
        self.assertRegex(client.login(self.second)[-1], "^OK")
        self.assertEqual(client.send('NOOP "a b"\r\n')[-1], 'OK (TAG "a b") "Done"')
        self.assertRegex(client.send("LOGOUT\r\n")[-1], "^OK")

    def test_names_that_are_long_or_written_otherwise(self):
        client = self.logged_in()
        long = "\U0001F4E8" * 128
        for name, same in ((long, long), ("Urlaubsgru\u0308\u00dfe", "Urlaubsgr\u00fc\u00dfe"), ("../a", "../a"), (".hidden", ".hidden")):
            with self.subTest(name=name):
                self.assertRegex(self.put(client, name, 'require "fileinto"; fileinto "Junk";'), "^OK")
                self.assertRegex(client.send(f'SETACTIVE "{name}"\r\n')[-1], "^OK")
                self.assertIn(f'"{same}" ACTIVE', client.send("LISTSCRIPTS\r\n"))
                sent = self.letter()
                self.assertEqual(self.deliver(sent), {})
                self.wait_for_message(self.b, self.user, sent["Message-ID"], mailbox="Junk")
                self.assertRegex(client.send(f'RENAMESCRIPT "{name}" "{same}"\r\n')[-1], r"^NO \(ALREADYEXISTS\)")
                self.assertRegex(client.send('SETACTIVE ""\r\n')[-1], "^OK")
                self.assertRegex(client.send(f'DELETESCRIPT "{name}"\r\n')[-1], "^OK")
        self.assertEqual(len(client.send("LISTSCRIPTS\r\n")), 1)

    def test_scripts_are_kept_and_run(self):
        client = self.logged_in()
        self.assertRegex(self.put(client, "junk", 'require "fileinto"; fileinto "Junk";'), "^OK")
        self.assertRegex(self.put(client, "bad", "quux;\r\nfileinto 1;"), r'(?s)^NO 1:1: unknown command "quux"\r\n2:1: ')
        self.assertRegex(client.send('CHECKSCRIPT "keep"\r\n')[-1], "^NO")
        self.assertRegex(client.send('CHECKSCRIPT "keep;"\r\n')[-1], "^OK")
        self.assertRegex(client.send('SETACTIVE "junk"\r\n')[-1], "^OK")
        self.assertIn('"junk" ACTIVE', client.send("LISTSCRIPTS\r\n"))
        sent = self.letter()
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.user, sent["Message-ID"], mailbox="Junk")
        self.assertIn('fileinto "Junk";', client.send('GETSCRIPT "junk"\r\n')[0])
        self.assertRegex(client.send('DELETESCRIPT "junk"\r\n')[-1], r"^NO \(ACTIVE\)")
        self.assertRegex(client.send('RENAMESCRIPT "junk" "spam"\r\n')[-1], "^OK")
        self.assertIn('"spam" ACTIVE', client.send("LISTSCRIPTS\r\n"))
        self.put(client, "other", "keep;")
        self.assertRegex(client.send('RENAMESCRIPT "spam" "other"\r\n')[-1], r"^NO \(ALREADYEXISTS\)")
        self.assertRegex(client.send('RENAMESCRIPT "none" "x"\r\n')[-1], r"^NO \(NONEXISTENT\)")
        self.assertRegex(client.send('SETACTIVE "none"\r\n')[-1], r"^NO \(NONEXISTENT\)")
        self.assertRegex(client.send('SETACTIVE ""\r\n')[-1], "^OK")
        for name in ("spam", "other"):
            self.assertRegex(client.send(f'DELETESCRIPT "{name}"\r\n')[-1], "^OK")
        self.assertEqual(len(client.send("LISTSCRIPTS\r\n")), 1)
        sent = self.letter()
        self.assertEqual(self.deliver(sent), {})
        self.wait_for_message(self.b, self.user, sent["Message-ID"])

    def test_room_and_names(self):
        client = self.logged_in()
        self.assertRegex(client.send('HAVESPACE "x" 1000\r\n')[-1], "^OK")
        self.assertRegex(client.send('HAVESPACE "x" 9999999\r\n')[-1], r"^NO \(QUOTA/MAXSIZE\)")
        self.assertRegex(self.put(client, "x", "#" * 1_100_000), r"^NO \(QUOTA/MAXSIZE\)")
        for name in ("a\u0085b", "a\u2028b", "x" * 385, ""):
            self.assertRegex(self.put(client, name, "keep;"), '^NO "This cannot name')
        self.assertRegex(self.put(client, "nothing", ""), '^NO "The script is empty"')
        self.assertRegex(client.send("NONSENSE\r\n")[-1], "^NO")
        self.assertRegex(client.send("@\r\n")[-1], "^NO")

    def test_sieve_connect(self):
        if not shutil.which("sieve-connect"):
            self.skipTest("sieve-connect is not there: deploy/install-deps test")
        directory = self.scratch()
        (directory / "mine.sieve").write_text('require "fileinto"; fileinto "Archive";\n')
        (directory / "password").write_text(self.second.password + "\n")

        def connect(*words):
            command = " ".join(f"'{word}'" for word in (
                "sieve-connect", "--server", self.b.address, "--port", str(PORT), "--tlshostname", "localhost", "--user", self.second.address,
                "--tlscafile", str(self.pair.authority.file), "--passwordfd", "3", *words))
            return self.run_program("sh", "-c", f"{command} 3< {directory}/password")

        connect("--upload", "--localsieve", str(directory / "mine.sieve"),
                "--remotesieve", "mine")
        connect("--activate", "--remotesieve", "mine")
        self.assertRegex(connect("--list"), r"(?m)^\"?mine\"?.*ACTIVE")
        sent = self.letter()
        self.assertEqual(self.deliver(sent, recipients=[self.second.address]), {})
        self.wait_for_message(self.b, self.second, sent["Message-ID"], mailbox="Archive")


if __name__ == "__main__":
    unittest.main()
