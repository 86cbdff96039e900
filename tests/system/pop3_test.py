#!/usr/bin/env python3
"""POP3 with real clients: poplib, curl, fetchmail, getmail, mpop; beside a session of IMAP on the same mailbox."""
import email
import email.policy
import poplib
import socket
import ssl
import unittest

import second_imapd
from harness import BIN, SitesTestCase, as_bytes
from sites import letter
from sites.process import wait_until


class Pop3(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.b, self.pair.b.users[0]
        self.empty()

    def empty(self):
        reader = self.reader(self.site, self.account)
        reader.store("1:*", "+FLAGS", "(\\Deleted)")
        reader.expunge()
        reader.logout()

    def fill(self, count=3):
        """`count` letters in INBOX, as the bytes that a client should get."""
        reader = self.reader(self.site, self.account)
        letters = []
        for number in range(count):
            text = as_bytes(letter.write("x@elsewhere.example", self.account.address, f"number {number}"))
            letters.append(text + b".\r\n..\r\n. dots\r\n" * (number + 1))
            self.assertEqual(reader.append("INBOX", "", None, letters[-1])[0], "OK")
        reader.logout()
        return letters

    def pop(self, log_in=True, port=None):
        client = poplib.POP3(self.site.address, port or self.site.port("pop3"), timeout=30)
        self.addCleanup(client.close)
        client.stls(self.tls())
        if log_in:
            client.user(self.account.address)
            client.pass_(self.account.password)
        return client

    def stat(self):
        client = self.pop()
        count = client.stat()[0]
        client.quit()
        return count

    @staticmethod
    def body(lines):
        return b"".join(line + b"\r\n" for line in lines)

    def test_poplib_reads_and_deletes(self):
        letters = self.fill()
        client = self.pop()
        self.assertEqual(client.stat(), (3, sum(map(len, letters))))
        sizes = [line.decode().split() for line in client.list()[1]]
        self.assertEqual(sizes, [[str(n), str(len(text))] for n, text in enumerate(letters, 1)])
        for number, text in enumerate(letters, 1):
            self.assertEqual(self.body(client.retr(number)[1]), text)
        head = self.body(client.top(2, 0)[1])
        self.assertTrue(letters[1].startswith(head) and head.endswith(b"\r\n\r\n"))
        ids = client.uidl()[1]
        client.dele(2)
        client.quit()
        client = self.pop()
        self.assertEqual([line.split()[1] for line in client.uidl()[1]], [ids[0].split()[1], ids[2].split()[1]])
        client.dele(1)
        client.rset()
        client.quit()
        self.assertEqual(self.stat(), 2)
        reader = self.reader(self.site, self.account)
        self.assertEqual(reader.search(None, "SEEN")[1], [b"1 2"])

    def test_without_quit_nothing_is_deleted(self):
        self.fill(1)
        client = self.pop()
        client.dele(1)
        client.close()
        wait_until(lambda: self.stat_or_in_use() == 1, 20, "the maildrop to be free")

    def stat_or_in_use(self):
        try:
            return self.stat()
        except poplib.error_proto as error:
            self.assertIn("IN-USE", str(error))
            return None

    def test_one_session_of_pop3_beside_any_of_imap(self):
        self.fill(1)
        client = self.pop()
        other = self.pop(log_in=False)
        other.user(self.account.address)
        with self.assertRaisesRegex(poplib.error_proto, "IN-USE"):
            other.pass_(self.account.password)
        reader = self.reader(self.site, self.account)
        self.assertEqual(reader.store("1", "+FLAGS", "(\\Flagged)")[0], "OK")
        self.fill(1)
        self.assertEqual(client.stat()[0], 1)
        client.dele(1)
        client.quit()
        reader.noop()
        self.assertEqual(reader.search(None, "ALL")[1], [b"1"])

    def test_one_session_of_pop3_in_whichever_imapd(self):
        self.fill(1)
        second = second_imapd.start(self.site, BIN, elsewhere=False)
        self.addCleanup(second.stop)
        self.pop(port=second_imapd.PORTS["pop3"])
        with self.assertRaisesRegex(poplib.error_proto, "IN-USE"):
            self.pop()
        second.kill()
        self.pop().quit()

    def test_capabilities_and_refusals(self):
        client = poplib.POP3_SSL(self.site.address, self.site.port("pop3s"), context=self.tls(), timeout=30)
        self.addCleanup(client.close)
        capabilities = client.capa()
        for name in ("TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8"):
            self.assertIn(name, capabilities)
        self.assertIn("SCRAM-SHA-256", capabilities["SASL"])
        self.assertNotIn("STLS", capabilities)
        self.assertTrue(client.utf8().startswith(b"+OK"))
        client.user(self.account.address)
        with self.assertRaisesRegex(poplib.error_proto, r"\[AUTH\]"):
            client.pass_("wrong")
        clear = poplib.POP3(self.site.address, self.site.port("pop3"), timeout=30)
        self.addCleanup(clear.close)
        self.assertNotIn("SASL", clear.capa())
        self.assertNotIn("USER", clear.capa())
        with self.assertRaises(poplib.error_proto):
            clear.user(self.account.address)

    def test_utf8_in_header_fields(self):
        fields = "From: Jörg <x@elsewhere.example>\r\nSubject: Grüße\r\n\r\n"
        letter = (fields + "körper\r\n").encode()
        reader = self.reader(self.site, self.account, None)
        reader.enable("IMAP4rev2")
        self.assertEqual(reader.append("INBOX", None, None, letter)[0], "OK")
        reader.logout()
        client = self.pop(log_in=False)
        client.utf8()
        client.user(self.account.address)
        client.pass_(self.account.password)
        self.assertEqual(self.body(client.retr(1)[1]), letter)
        self.assertEqual(self.body(client.top(1, 0)[1]), fields.encode())
        client.quit()
        client = self.pop()
        self.assertEqual(client.stat(), (1, len(letter)))
        for lines in (client.retr(1)[1], client.top(1, 1)[1]):
            got = email.message_from_bytes(self.body(lines), policy=email.policy.SMTP)
            self.assertTrue(self.body(lines).split(b"\r\n\r\n")[0].isascii())
            self.assertEqual((got["From"], got["Subject"]), ("Jörg <x@elsewhere.example>", "Grüße"))
            self.assertEqual(lines[-1], "körper".encode())
        client.quit()

    def test_commands_in_one_piece(self):
        letters = self.fill(2)
        plain = socket.create_connection((self.site.address, self.site.port("pop3s")), 30)
        with self.tls().wrap_socket(plain, server_hostname=self.site.address) as stream:
            stream.sendall(f"USER {self.account.address}\r\nPASS {self.account.password}\r\nSTAT\r\nRETR 1\r\nRETR 2\r\n"
                           "DELE 1\r\nQUIT\r\n".encode())
            answer = b""
            while piece := self.receive(stream):
                answer += piece
        self.assertEqual(answer.count(b"+OK"), 8, answer[:2000])
        for text in letters:
            self.assertIn(text.replace(b"\n.", b"\n..") + b".\r\n", answer)
        self.assertEqual(self.stat(), 1)

    @staticmethod
    def receive(stream):
        try:
            return stream.recv(65536)
        except ssl.SSLEOFError:
            return b""

    def test_curl(self):
        letters = self.fill(2)
        for url in (f"pop3://{self.site.endpoint('pop3')}", f"pop3s://{self.site.endpoint('pop3s')}"):
            for more in ([], ["--login-options", "AUTH=PLAIN"]):
                curl = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", self.pair.authority.file, "--user",
                        f"{self.account.address}:{self.account.password}", *more]
                self.assertEqual(self.run_program(*curl, url + "/").split(), ["1", str(len(letters[0])), "2", str(len(letters[1]))])
                self.assertEqual(self.run_program(*curl, url + "/2").encode(), letters[1].replace(b"\r\n", b"\r\n"))

    def test_fetchmail(self):
        letters = self.fill(2)
        directory = self.scratch()
        config, box = directory / "fetchmailrc", directory / "box"
        config.write_text(f"""
poll {self.site.address} protocol POP3 service {self.site.port("pop3")} uidl
  user "{self.account.address}" password "{self.account.password}"
  sslproto "TLS1.2+" sslcertck sslcertfile "{self.pair.authority.file}" sslcommonname "{self.site.host_name}"
  no rewrite mda "cat >> {box}; echo END >> {box}"
""")
        config.chmod(0o600)
        self.run_program("fetchmail", "-f", config, "--nosyslog", "--nodetach", "--pidfile", directory / "pid", "-v",
                         environment={"HOME": str(directory), "FETCHMAILHOME": str(directory)})
        self.assertEqual(box.read_bytes().count(b"END\n"), 2)
        for number in range(len(letters)):
            self.assertIn(f"number {number}".encode(), box.read_bytes())
        self.assertEqual(self.stat(), 0)

    def test_getmail(self):
        self.fill(2)
        directory = self.scratch()
        box = directory / "box"
        box.mkdir()
        config = directory / "getmailrc"
        config.write_text(
            f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = {self.site.address}\nport = {self.site.port('pop3s')}\n"
            f"username = {self.account.address}\npassword = {self.account.password}\nca_certs = {self.pair.authority.file}\n"
            f"[destination]\ntype = MDA_external\npath = /bin/sh\narguments = ('-c', 'cat > {box}/$$')\n"
            "allow_root_commands = true\n[options]\nread_all = false\ndelete = false\n")
        command = ("getmail", "--getmaildir", directory, "--rcfile", config)
        # It remembers by UIDL what it has.
        for expected in (2, 2, 3):
            if expected == 3:
                self.fill(1)
            self.run_program(*command, environment={"HOME": str(directory)})
            self.assertEqual(len(list(box.iterdir())), expected)
        self.assertEqual(self.stat(), 3)

    def test_mpop(self):
        letters = self.fill(3)
        for mechanism in ("scram-sha-256", "scram-sha-1", "plain", "user"):
            box = self.scratch() / "Maildir"
            for part in ("cur", "new", "tmp"):
                (box / part).mkdir(parents=True)
            self.run_program("mpop", f"--host={self.site.address}", f"--port={self.site.port('pop3')}", "--tls=on",
                             "--tls-starttls=on", f"--tls-trust-file={self.pair.authority.file}", f"--auth={mechanism}",
                             f"--user={self.account.address}", f"--passwordeval=echo {self.account.password}",
                             f"--uidls-file={box}/uidls", "--keep=on", "--received-header=off",
                             f"--delivery=maildir,{box}")
            got = sorted(file.read_bytes().replace(b"\r\n", b"\n") for file in (box / "new").iterdir())
            self.assertEqual(got, sorted(text.replace(b"\r\n", b"\n") for text in letters), mechanism)

    def test_in_the_list_of_sessions(self):
        client = self.pop()
        listed = self.quartetctl(self.site, "imapd", "session", "list")
        self.assertIn("pop3", str(listed))
        client.quit()


if __name__ == "__main__":
    unittest.main()
