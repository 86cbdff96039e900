#!/usr/bin/env python3
"""Logins by client certificate (EXTERNAL, RFC 4422 appendix A) at msa, imapd (IMAP, POP3) and mda (ManageSieve)."""
import base64
import imaplib
import pathlib
import poplib
import shutil
import smtplib
import subprocess
import tempfile
import unittest

from harness import SitesTestCase
from managesieve_test import Client, managing
from sites.process import wait_until


class People:
    """An authority for users, and certificates of it: (certificate, key)."""

    def __init__(self, directory, name="people"):
        self.directory, self.name = directory, name
        self.file, self._key = self._make(name, f"/CN=Authority {name}",
                                          "-addext", "basicConstraints=critical,CA:TRUE")

    def _make(self, name, subject, *options):
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", subject, "-keyout", key, "-out", certificate, *options],
                       check=True, capture_output=True)
        return certificate, key

    def issue(self, name, subject, *alternatives, usage="clientAuth"):
        more = ["-addext", "subjectAltName=" + ",".join(alternatives)] if alternatives else []
        return self._make(name, subject, "-CA", self.file, "-CAkey", self._key, "-days", "2",
                          "-addext", "basicConstraints=CA:FALSE", "-addext", f"extendedKeyUsage={usage}", *more)

    def outdated(self, certificate, key):
        """The same subject, but at its end."""
        request, ended = certificate.with_suffix(".csr"), certificate.with_suffix(".ended")
        subprocess.run(["openssl", "x509", "-x509toreq", "-in", certificate, "-signkey", key, "-out", request],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key,
                        "-CAcreateserial", "-days", "0", "-out", ended], check=True, capture_output=True)
        return ended, key


class External(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = pathlib.Path(tempfile.mkdtemp(prefix="quartet-people-"))
        cls.addClassCleanup(shutil.rmtree, cls.files, ignore_errors=True)
        people, others = People(cls.files), People(cls.files, "others")
        cls.own = people.issue("own", "/CN=nobody@b.example", "email:Reader@b.example")
        cls.by_name = people.issue("by_name", "/CN=Sales/CN=second@b.example")
        cls.both = people.issue("both", "/CN=both", "DNS:b.example", "email:reader@b.example", "email:second@b.example")
        cls.stranger = people.issue("stranger", "/CN=reader@b.example", "email:nobody@b.example")
        cls.host = people.issue("host", "/CN=reader@b.example", "email:reader@b.example", usage="serverAuth")
        cls.expired = people.outdated(*cls.by_name)
        cls.foreign = others.issue("foreign", "/CN=reader@b.example", "email:reader@b.example")
        asked = f'client_ca: "{people.file}"'
        cls.options = {"shared_spool": False, "overrides": {"b": {
            "msa": asked + "\n", "imapd": asked + "\n",
            "mda": lambda text: managing(text).replace("redirects: 3", "redirects: 3 " + asked, 1),
            "directory": 'account { login: "keyless@b.example" }\n'
                         'account { login: "gone@b.example" disabled: true }\n'}}}
        cls.keyless = people.issue("keyless", "/CN=x", "email:keyless@b.example")
        cls.gone = people.issue("gone", "/CN=x", "email:gone@b.example")
        super().setUpClass()

    def setUp(self):
        self.site = self.pair.b
        self.reader_account, self.second = self.site.users

    def context(self, certificate=None):
        context = self.tls()
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    # Each gives (whether EXTERNAL is offered, whether it lets in as `authorization`).

    def smtp(self, certificate, authorization=""):
        client = smtplib.SMTP(self.site.address, self.site.port("submission"), local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        client.ehlo()
        self.assertNotIn("auth", client.esmtp_features)
        client.starttls(context=self.context(certificate))
        client.ehlo()
        offered = "EXTERNAL" in client.esmtp_features["auth"].split()
        self.assertIn("PLAIN", client.esmtp_features["auth"].split())
        try:
            return offered, client.auth("EXTERNAL", lambda challenge=None: authorization)[0] == 235
        except smtplib.SMTPAuthenticationError as refused:
            self.assertEqual(refused.smtp_code, 535 if offered else 504)
            return offered, False

    def imap(self, certificate, authorization=""):
        client = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=60)
        self.addCleanup(client.shutdown)
        self.assertNotIn("AUTH=EXTERNAL", client.capabilities)
        client.starttls(self.context(certificate))
        offered = "AUTH=EXTERNAL" in client.capabilities
        try:
            client.authenticate("EXTERNAL", lambda challenge: authorization.encode())
            self.assertEqual(client.select()[0], "OK")
            return offered, True
        except imaplib.IMAP4.error:
            return offered, False

    def pop3(self, certificate, authorization=""):
        client = poplib.POP3(self.site.address, self.site.port("pop3"), timeout=60)
        self.addCleanup(client.close)
        client.stls(self.context(certificate))
        offered = "EXTERNAL" in client.capa()["SASL"]
        response = base64.b64encode(authorization.encode()).decode() or "="
        try:
            client._shortcmd(f"AUTH EXTERNAL {response}")
            client.quit()
            return offered, True
        except poplib.error_proto:
            return offered, False

    def managesieve(self, certificate, authorization=""):
        client = Client(self.site.address, self.context(certificate))
        self.addCleanup(client.close)
        client.starttls()
        mechanisms = next(line for line in client.greeting if line.startswith('"SASL"'))
        response = base64.b64encode(authorization.encode()).decode()
        answer = client.send(f'AUTHENTICATE "EXTERNAL" "{response}"\r\n')[-1]
        return "EXTERNAL" in mechanisms, answer.startswith("OK")

    def check(self, expected, certificate, authorization=""):
        for protocol in (self.smtp, self.imap, self.pop3, self.managesieve):
            with self.subTest(protocol=protocol.__name__, certificate=certificate, authorization=authorization):
                self.assertEqual(protocol(certificate, authorization), expected)

    def test_the_address_in_the_certificate_is_the_login(self):
        self.check((True, True), self.own)
        self.check((True, True), self.own, "reader@b.example")

    def test_the_common_name_is_where_there_is_no_address(self):
        self.check((True, True), self.by_name, "second@b.example")
        self.check((True, False), self.by_name, "reader@b.example")
        # "own" has another common name, which does not count.
        self.check((True, False), self.own, "nobody@b.example")

    def test_one_of_several_is_chosen_by_the_client(self):
        self.check((True, True), self.both, "second@b.example")
        self.check((True, False), self.both, "keyless@b.example")
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.context(self.both))
        self.addCleanup(client.shutdown)
        start = self.site.processes["imapd"].log.stat().st_size
        client.authenticate("EXTERNAL", lambda challenge: b"")
        self.site.processes["imapd"].wait_for_event("imap.login", start=start, account="reader@b.example")

    def test_without_a_password(self):
        self.check((True, True), self.keyless)
        self.check((True, False), self.gone)

    def test_who_is_no_user(self):
        self.check((True, False), self.stranger)

    def test_not_offered_without_a_valid_certificate(self):
        for certificate in (None, self.foreign, self.expired, self.host):
            self.check((False, False), certificate)

    def test_passwords_go_on_whatever_certificate_is_shown(self):
        for certificate in (None, self.foreign, self.own):
            client = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=60)
            self.addCleanup(client.shutdown)
            client.starttls(self.context(certificate))
            self.assertEqual(client.login(self.second.address, self.second.password)[0], "OK")
            client = smtplib.SMTP_SSL(self.site.address, self.site.port("submissions"), timeout=60,
                                      context=self.context(certificate))
            self.addCleanup(client.close)
            self.assertEqual(client.login(self.second.address, self.second.password)[0], 235)

    def test_a_resumed_session_has_its_certificate(self):
        context = self.context(self.own)
        first = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=context)
        first.capability()  # the ticket has come with it
        session = first.sock.session
        first.shutdown()

        class Resuming(imaplib.IMAP4_SSL):
            def _create_socket(self, timeout):
                sock = imaplib.IMAP4._create_socket(self, timeout)
                return self.ssl_context.wrap_socket(sock, server_hostname=self.host, session=session)

        second = Resuming(self.site.address, self.site.port("imaps"), ssl_context=context)
        self.addCleanup(second.shutdown)
        self.assertTrue(second.sock.session_reused)
        self.assertIn("AUTH=EXTERNAL", second.capabilities)
        self.assertEqual(second.authenticate("EXTERNAL", lambda challenge: b"")[0], "OK")

    def test_unauthenticate_leaves_the_certificate(self):
        client = imaplib.IMAP4_SSL(self.site.address, self.site.port("imaps"), ssl_context=self.context(self.own))
        self.addCleanup(client.shutdown)
        client.authenticate("EXTERNAL", lambda challenge: b"")
        imaplib.Commands["UNAUTHENTICATE"] = ("AUTH", "SELECTED")
        client._simple_command("UNAUTHENTICATE")
        client.state = "NONAUTH"
        self.assertIn("AUTH=EXTERNAL", client.capability()[1][-1].decode())
        self.assertEqual(client.authenticate("EXTERNAL", lambda challenge: b"")[0], "OK")

    def test_curl(self):
        letter = self.scratch() / "letter"
        letter.write_text("From: reader@b.example\r\nSubject: by curl\r\n\r\nx\r\n")
        certificate, key = self.own
        common = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", self.pair.authority.file, "--cert",
                  certificate, "--key", key, "--user", "reader@b.example:", "--login-options", "AUTH=EXTERNAL"]
        address = self.site.address
        self.run_program(*common, f"smtp://{address}:{self.site.port('submission')}/client.example", "--mail-from",
                         "reader@b.example", "--mail-rcpt", "second@b.example", "--upload-file", letter)
        wait_until(lambda: any(b"by curl" in text for text in self.fetch_all(self.site, self.second)), 60, "the letter")
        listed = self.run_program(*common, f"imap://{address}:{self.site.port('imap')}/")
        self.assertIn("INBOX", listed)
        self.run_program(*common, f"pop3://{address}:{self.site.port('pop3')}/")

    def test_gsasl(self):
        certificate, key = self.own
        for protocol, port in (("imap", "imap"), ("smtp", "submission")):
            done = subprocess.run(
                ["gsasl", "--client", f"--{protocol}", f"--connect={self.site.address}:{self.site.port(port)}",
                 "--starttls", f"--x509-ca-file={self.pair.authority.file}", f"--x509-cert-file={certificate}",
                 f"--x509-key-file={key}", f"--hostname=mail.{self.site.domain}", "--verbose", "--mechanism=EXTERNAL",
                 "--authorization-id=reader@b.example"],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
