#!/usr/bin/env python3
"""SCRAM with real clients: gsasl (with the channel of TLS bound in), msmtp, mutt, and Python for what these do not do."""
import base64
import hashlib
import hmac
import imaplib
import poplib
import secrets
import signal
import smtplib
import socket
import ssl
import subprocess
import unicodedata
import unittest

from harness import SitesTestCase
from sites import letter


class Scram:
    """The client's side (RFC 5802), as an authenticator for smtplib and imaplib. `certificate`: what to bind to by
    tls-server-end-point; None: nothing.
    """

    def __init__(self, digest, user, password, certificate=None):
        self.digest, self.password, self.nonce = digest, password, secrets.token_hex(12)
        self.header = b"p=tls-server-end-point,," if certificate else b"n,,"
        self.bound = hashlib.sha256(certificate).digest() if certificate else b""
        self.bare = f"n={user},r={self.nonce}".encode()
        self.signature = None

    def __call__(self, challenge=b""):
        if not challenge:
            return (self.header + self.bare).decode()
        if challenge.startswith(b"v="):
            assert base64.b64decode(challenge[2:]) == self.signature, "the server does not know the password"
            return ""
        nonce, salt, iterations = (part[2:] for part in challenge.split(b","))
        assert nonce.startswith(self.nonce.encode())
        self.salt = salt
        salted = hashlib.pbkdf2_hmac(self.digest, self.password.encode(), base64.b64decode(salt), int(iterations))
        client = hmac.digest(salted, b"Client Key", self.digest)
        final = b"c=" + base64.b64encode(self.header + self.bound) + b",r=" + nonce
        message = b",".join((self.bare, challenge, final))
        signature = hmac.digest(hashlib.new(self.digest, client).digest(), message, self.digest)
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", self.digest), message, self.digest)
        proof = bytes(a ^ b for a, b in zip(client, signature))
        return (final + b",p=" + base64.b64encode(proof)).decode()


MECHANISMS = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}


class Sasl(SitesTestCase):
    def setUp(self):
        self.site, self.account = self.pair.a, self.pair.a.users[0]

    def gsasl(self, protocol, mechanism, password, *options):
        port = self.site.port({"imap": "imap", "smtp": "submission"}[protocol])
        return subprocess.run(
            ["gsasl", "--client", f"--{protocol}", f"--connect={self.site.address}:{port}", "--starttls",
             f"--x509-ca-file={self.pair.authority.file}", f"--hostname=mail.{self.site.domain}", "--verbose",
             f"--mechanism={mechanism}", f"--authentication-id={self.account.address}",
             f"--password={password}", *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def test_gsasl(self):
        for protocol in ("imap", "smtp"):
            for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"):
                # A client that could bind says so ("y"), and is then told that it should.
                options = () if mechanism.endswith("-PLUS") else ("--no-cb",)
                with self.subTest(protocol=protocol, mechanism=mechanism):
                    done = self.gsasl(protocol, mechanism, self.account.password, *options)
                    transcript = done.stdout + done.stderr
                    self.assertEqual(done.returncode, 0, transcript)
                    self.assertIn("235 2.7.0" if protocol == "smtp" else "OK [CAPABILITY", transcript)
                    if mechanism.startswith("SCRAM"):
                        done = self.gsasl(protocol, mechanism, "wrong", *options)
                        self.assertIn("535 5.7.8" if protocol == "smtp" else "NO [AUTHENTICATIONFAILED]",
                                      done.stdout + done.stderr)

    def test_a_client_that_was_not_told_of_binding_is_refused(self):
        done = self.gsasl("smtp", "SCRAM-SHA-256", self.account.password)
        self.assertNotIn("235", done.stdout, done.stdout)

    def test_smtp(self):
        for name, digest in MECHANISMS.items():
            for plus in (False, True):
                client = self.submission(self.site)
                certificate = client.sock.getpeercert(binary_form=True) if plus else None
                mechanism = name + ("-PLUS" if plus else "")
                client.ehlo()
                self.assertIn(mechanism, client.esmtp_features["auth"].split())
                scram = Scram(digest, self.account.address, self.account.password, certificate)
                self.assertEqual(client.auth(mechanism, scram)[0], 235)
                client.sendmail(self.account.address, [self.pair.a.users[1].address], "Subject: by SCRAM\r\n\r\nx\r\n")
                client.quit()

    def test_imap_with_and_without_initial_response(self):
        for name, digest in MECHANISMS.items():
            client = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=30)
            self.addCleanup(client.shutdown)
            self.assertNotIn(f"AUTH={name}", client.capabilities)
            client.starttls(self.tls())
            self.assertIn(f"AUTH={name}", client.capabilities)
            self.assertIn(f"AUTH={name}-PLUS", client.capabilities)
            certificate = client.sock.getpeercert(binary_form=True)
            scram = Scram(digest, self.account.address, self.account.password, certificate)
            self.assertEqual(client.authenticate(f"{name}-PLUS", scram)[0], "OK")
            self.assertIsNotNone(scram.signature)
            self.assertEqual(client.select()[0], "OK")

    def test_tls_unique_where_there_is_no_tls_1_3(self):
        done = self.gsasl("imap", "SCRAM-SHA-256-PLUS", self.account.password, "--priority=NORMAL:-VERS-TLS1.3")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        context = self.tls()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = self.log_in_by_tls_unique(context)
        self.assertFalse(first.session_reused)
        self.assertTrue(self.log_in_by_tls_unique(context, first.session).session_reused)

    def log_in_by_tls_unique(self, context, session=None):
        """By POP3, whose answers are single lines."""
        plain = socket.create_connection((self.site.address, self.site.port("pop3")), timeout=30)
        self.addCleanup(plain.close)

        def ask(connection, line):
            connection.sendall(line.encode() + b"\r\n")
            return connection.recv(4096).decode().strip()

        self.assertRegex(plain.recv(4096), rb"^\+OK")
        self.assertRegex(ask(plain, "STLS"), r"^\+OK")
        secured = context.wrap_socket(plain, server_hostname="localhost", session=session)
        self.addCleanup(secured.close)
        scram = Scram("sha256", self.account.address, self.account.password)
        scram.header, scram.bound = b"p=tls-unique,,", secured.get_channel_binding("tls-unique")
        answer = ask(secured, "AUTH SCRAM-SHA-256-PLUS")
        while answer.startswith("+ ") or answer == "+":
            answer = ask(secured, base64.b64encode(scram(base64.b64decode(answer[2:])).encode()).decode())
        self.assertRegex(answer, r"^\+OK")
        self.assertRegex(ask(secured, "QUIT"), r"^\+OK")
        return secured

    def test_a_server_that_is_not_believed(self):
        """The client has the last word; a session that it does not want is none, and counts as none."""
        imap = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=30)
        self.addCleanup(imap.shutdown)
        imap.starttls(self.tls())
        scram = Scram("sha256", self.account.address, self.account.password)
        with self.assertRaisesRegex(imaplib.IMAP4.error, "BAD"):
            imap.authenticate("SCRAM-SHA-256", lambda said: None if said.startswith(b"v=") else scram(said).encode())
        self.assertEqual(imap.state, "NONAUTH")
        self.assertEqual(imap.login(self.account.address, self.account.password)[0], "OK")
        pop3 = poplib.POP3_SSL(self.site.address, self.site.port("pop3s"), context=self.tls(), timeout=30)
        self.addCleanup(pop3.close)
        self.shown(pop3._shortcmd)
        with self.assertRaisesRegex(poplib.error_proto, "Cancelled"):
            pop3._shortcmd("*")
        self.assertTrue(pop3.user(self.account.address).startswith(b"+OK"))
        self.assertTrue(pop3.pass_(self.account.password).startswith(b"+OK"))
        smtp = self.submission(self.site)
        smtp.ehlo()
        self.shown(lambda line: b" ".join((b"+", smtp.docmd(line)[1])))
        self.assertEqual(smtp.docmd("*")[0], 501)
        self.assertEqual(smtp.mail(self.account.address)[0], 530)

    def shown(self, ask):
        """Goes on until the server has shown that it knows the password."""
        scram = Scram("sha256", self.account.address, self.account.password)
        said = base64.b64decode(ask("AUTH SCRAM-SHA-256")[2:])
        while not said.startswith(b"v="):
            said = base64.b64decode(ask(base64.b64encode(scram(said).encode()).decode())[2:])

    def test_another_channel_is_refused(self):
        client = self.submission(self.site)
        client.ehlo()
        scram = Scram("sha256", self.account.address, self.account.password, b"another certificate")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            client.auth("SCRAM-SHA-256-PLUS", scram)

    def test_strangers_are_answered_like_users(self):
        def salt(user):
            scram = Scram("sha256", user, "wrong")
            client = self.submission(self.site)
            client.ehlo()
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                client.auth("SCRAM-SHA-256", scram)
            self.assertEqual(caught.exception.smtp_code, 535)
            return scram.salt

        nobody = salt("nobody@a.example")
        self.assertEqual(salt("Nobody@A.example"), nobody)
        self.assertNotEqual(salt("nobody2@a.example"), nobody)
        known = salt(self.account.address)
        self.assertEqual(salt(self.account.address.upper()), known)
        self.assertEqual(len(known), len(nobody))

    def test_msmtp(self):
        recipient = self.pair.b.users[0]
        for mechanism in ("scram-sha-256", "scram-sha-1", "plain"):
            message = letter.write(self.account.address, recipient.address)
            self.run_program("msmtp", f"--host={self.site.address}", f"--port={self.site.port('submission')}",
                             "--tls=on", f"--tls-trust-file={self.pair.authority.file}", f"--auth={mechanism}",
                             f"--user={self.account.address}", f"--passwordeval=echo {self.account.password}",
                             f"--from={self.account.address}", recipient.address,
                             stdin=message.as_bytes())
            self.wait_for_message(self.pair.b, recipient, message["Message-ID"])

    def test_what_quartet_password_prints_works(self):
        before = self.site.config_file("directory").read_text()
        self.addCleanup(self.reload, before)
        accounts = ""
        for method in ("yescrypt", "argon2id", "bcrypt", "sha512"):
            printed = self.run_program(self.pair.binaries / "quartet-password", f"--hash={method}",
                                       stdin=f"by {method}\n".encode())
            self.assertEqual(printed.count("scram_verifier"), 2)
            accounts += f"account {{ login: \"{method}@{self.site.domain}\" {printed} }}\n"
        self.reload(before + accounts)
        for method in ("yescrypt", "argon2id", "bcrypt", "sha512"):
            login, password = f"{method}@{self.site.domain}", f"by {method}"
            client = self.submission(self.site)
            client.ehlo()
            self.assertEqual(client.auth("SCRAM-SHA-256", Scram("sha256", login, password))[0], 235)
            client = self.submission(self.site)
            self.assertEqual(client.login(login, password)[0], 235)
            client = self.submission(self.site)
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                client.login(login, "by another")

    def test_names_and_passwords_in_the_form_of_another_keyboard(self):
        before = self.site.config_file("directory").read_text()
        self.addCleanup(self.reload, before)
        login, password = f"m\u00fcller@{self.site.domain}", "p\u00e4ss wort"
        printed = self.run_program(self.pair.binaries / "quartet-password", stdin=f"{password}\n".encode())
        self.reload(before + f'account {{ login: "{login}" {printed} }}\n')
        for form in ("NFC", "NFD"):
            user, typed = unicodedata.normalize(form, login), unicodedata.normalize(form, password)
            for mechanism in ("PLAIN", "SCRAM-SHA-256"):
                with self.subTest(form=form, mechanism=mechanism):
                    client = self.submission(self.site)
                    client.ehlo()
                    if mechanism == "PLAIN":
                        response = base64.b64encode(f"\0{user}\0{typed}".encode()).decode()
                        self.assertEqual(client.docmd("AUTH", f"PLAIN {response}")[0], 235)
                    else:
                        self.assertEqual(self.authenticate(client, Scram("sha256", user, password)), 235)
                    client.command_encoding = "utf-8"
                    self.assertEqual(client.mail(login, ["SMTPUTF8"])[0], 250)
                    client.rset()

    @staticmethod
    def authenticate(client, scram):
        """smtplib's own way is for ASCII."""
        code, challenge = client.docmd("AUTH", "SCRAM-SHA-256")
        while code == 334:
            response = scram(base64.b64decode(challenge)).encode()
            code, challenge = client.docmd(base64.b64encode(response).decode())
        return code

    def reload(self, text):
        process = self.site.processes["msa"]
        logged = process.log.stat().st_size
        self.site.config_file("directory").write_text(text)
        process.signal(signal.SIGHUP)
        process.wait_for_event("reload.done", start=logged)


if __name__ == "__main__":
    unittest.main()
