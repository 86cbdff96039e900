#!/usr/bin/env python3
"""Logins by OAUTHBEARER (RFC 7628) and XOAUTH2: imapd with the keys of a JWKS from a URL, mda (ManageSieve) with one from a
file, msa with introspection."""
import base64
import hashlib
import hmac
import imaplib
import json
import pathlib
import poplib
import shutil
import smtplib
import tempfile
import time
import unittest

from authorization_server import AuthorizationServer, Key, base64url
from harness import SitesTestCase, network_of
from managesieve_test import Client, managing
from sites import loopback
from sites.process import wait_until

ISSUER = "https://id.example"
CLIENT = ("mail", "a secret: 100%")
TOLD = f'scope: "mail" configuration: "{ISSUER}/.well-known/openid-configuration"'


def response(mechanism, token, user=""):
    if mechanism == "XOAUTH2":
        return f"user={user}\x01auth=Bearer {token}\x01\x01"
    name = f"a={user}" if user else ""
    return f"n,{name},\x01host=mail.b.example\x01port=143\x01auth=Bearer {token}\x01\x01"


class Shower:
    """Shows a token, then keeps what it is told instead of being let in."""

    def __init__(self, *words):
        self.response, self.told = response(*words), None

    def __call__(self, challenge=b""):
        if not challenge:
            return self.response
        self.told = json.loads(challenge)
        return "\x01"


class OAuth(SitesTestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = pathlib.Path(tempfile.mkdtemp(prefix="quartet-keys-"))
        cls.addClassCleanup(shutil.rmtree, cls.files, ignore_errors=True)
        cls.keys = {name: Key(cls.files, name, name.lower()) for name in ("RS256", "ES256", "EdDSA")}
        (cls.files / "keys.json").write_text(json.dumps({"keys": [cls.keys["EdDSA"].jwk()]}))
        cls.options = {"shared_spool": False, "overrides": {"b": {
            "imapd": cls.imapd, "msa": cls.msa, "mda": cls.mda,
            "directory": 'account { login: "gone@b.example" disabled: true }\n'
                         'account { login: "keyless@b.example" address: "k@b.example" }\n'}}}
        super().setUpClass()
        site = cls.pair.b
        certificate, key = cls.pair.authority.issue("id.example", [], [site.address])
        cls.server = AuthorizationServer(site.address, site.port("https"), certificate, key, CLIENT)
        cls.addClassCleanup(cls.server.stop)
        cls.server.keys = list(cls.keys.values())

    @staticmethod
    def here(text):
        """Base of the server's URLs and its authority."""
        directory = pathlib.Path(text.partition('control { socket: "')[2].partition('"')[0]).parents[2]
        return f"https://{network_of(text)}.2:{loopback.PORTS['https']}", directory / "ca" / "ca.pem"

    @classmethod
    def imapd(cls, text):
        base, authority = cls.here(text)
        return text + (f'oauth {{ keys: "{base}/keys" fetch_seconds: 1 issuer: "{ISSUER}" audience: "mail" audience: "imap" '
                       f'ca: "{authority}" {TOLD} }}\n')

    @classmethod
    def msa(cls, text):
        base, authority = cls.here(text)
        return text + (f'oauth {{ introspection: "{base}/introspect" client_id: "{CLIENT[0]}" '
                       f'client_secret: "{CLIENT[1]}" ca: "{authority}" {TOLD} }}\n')

    @classmethod
    def mda(cls, text):
        more = f'oauth {{ keys: "{cls.files}/keys.json" issuer: "{ISSUER}" audience: "mail" }}'
        return managing(text).replace("redirects: 3", "redirects: 3 " + more, 1)

    def setUp(self):
        self.site = self.pair.b
        self.account, self.second = (user.address for user in self.site.users)

    def claims(self, **changes):
        claims = {"iss": ISSUER, "aud": "mail", "sub": "1234", "email": self.account, "scope": "openid mail",
                  "exp": time.time() + 300, "nbf": time.time() - 1, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def imap(self, mechanism, token, user=None):
        """None if the token lets in, else what the client is told."""
        client = imaplib.IMAP4(self.site.address, self.site.port("imap"), timeout=60)
        self.addCleanup(client.shutdown)
        self.assertNotIn(f"AUTH={mechanism}", client.capabilities)
        client.starttls(self.tls())
        self.assertIn(f"AUTH={mechanism}", client.capabilities)
        shower = Shower(mechanism, token, self.account if user is None else user)
        try:
            self.assertEqual(client.authenticate(mechanism, shower)[0], "OK")
        except imaplib.IMAP4.error as refused:
            self.assertIn("AUTHENTICATIONFAILED", str(refused))
            self.assertIsNotNone(shower.told)
            return shower.told
        self.assertEqual(client.select()[0], "OK")
        return None

    def smtp(self, mechanism, token, user=None):
        client = self.submission(self.site)
        client.ehlo()
        self.assertIn(mechanism, client.esmtp_features["auth"].split())
        shower = Shower(mechanism, token, self.account if user is None else user)
        try:
            self.assertEqual(client.auth(mechanism, shower)[0], 235)
        except smtplib.SMTPAuthenticationError as refused:
            self.assertEqual(refused.smtp_code, 535)
            self.assertIsNotNone(shower.told)
            return shower.told
        self.assertEqual(client.mail(self.account)[0], 250)
        client.rset()
        return None

    def pop3(self, mechanism, token):
        client = poplib.POP3(self.site.address, self.site.port("pop3"), timeout=60)
        self.addCleanup(client.close)
        client.stls(self.tls())
        self.assertIn(mechanism, client.capa()["SASL"])
        encoded = base64.b64encode(response(mechanism, token, self.account).encode()).decode()
        answer = client._shortcmd(f"AUTH {mechanism} {encoded}")
        if answer.startswith(b"+OK"):
            client.quit()
            return None
        told = json.loads(base64.b64decode(answer[2:]))
        with self.assertRaises(poplib.error_proto):
            client._shortcmd("AQ==")
        return told

    def managesieve(self, mechanism, token):
        client = Client(self.site.address, self.tls())
        self.addCleanup(client.close)
        self.assertNotIn(mechanism, " ".join(client.greeting))
        client.starttls()
        self.assertIn(mechanism, next(line for line in client.greeting if line.startswith('"SASL"')))
        encoded = base64.b64encode(response(mechanism, token, self.account).encode()).decode()
        client.socket.sendall(f'AUTHENTICATE "{mechanism}" {{{len(encoded)}+}}\r\n{encoded}\r\n'.encode())
        line = client.line()
        if line.startswith("OK"):
            return None
        told = json.loads(base64.b64decode(line.strip().strip('"')))
        self.assertTrue(client.send('"AQ=="\r\n')[-1].startswith("NO"))
        return told

    def test_tokens_of_each_kind_of_key(self):
        for algorithm, key in self.keys.items():
            token = key.token(self.claims())
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                with self.subTest(algorithm=algorithm, mechanism=mechanism):
                    self.assertIsNone(self.imap(mechanism, token))
                    self.assertIsNone(self.pop3(mechanism, token))
                    known = algorithm == "EdDSA"  # in the file
                    self.assertEqual(self.managesieve(mechanism, token) is None, known)

    def test_long_tokens(self):
        token = self.keys["EdDSA"].token(self.claims(groups="x" * 5600))
        self.assertGreater(len(token), 7800)
        self.server.opaque["o" * 7800] = {"active": True, "username": self.account, "scope": "mail"}
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            self.assertIsNone(self.imap(mechanism, token))
            self.assertIsNone(self.pop3(mechanism, token))
            self.assertIsNone(self.managesieve(mechanism, token))
            self.assertIsNone(self.smtp(mechanism, "o" * 7800))

    def test_who_is_refused_is_told_what_is_needed(self):
        told = {"status": "invalid_token", "schemes": "bearer", "scope": "mail",
                "openid-configuration": f"{ISSUER}/.well-known/openid-configuration"}
        token = self.keys["ES256"].token(self.claims(exp=time.time() - 100))
        # A client that has no token yet may ask by showing none (RFC 7628 section 4.3).
        asked = len(self.server.requests)
        question = f"n,a={self.account},\x01host=mail.b.example\x01port=587\x01auth=\x01\x01"
        client = self.submission(self.site)
        client.ehlo()
        code, answer = client.docmd("AUTH", "OAUTHBEARER " + base64.b64encode(question.encode()).decode())
        self.assertEqual((code, json.loads(base64.b64decode(answer))), (334, told))
        self.assertEqual(client.docmd("AQ==")[0], 535)
        self.assertEqual(len(self.server.requests), asked)
        for mechanism, status in (("OAUTHBEARER", "invalid_token"), ("XOAUTH2", "400")):
            told["status"] = status
            self.assertEqual(self.imap(mechanism, token), told)
            self.assertEqual(self.pop3(mechanism, token), told)
            self.assertEqual(self.smtp(mechanism, token), told)
            self.assertEqual(self.managesieve(mechanism, token), {"status": status, "schemes": "bearer"})

    def test_claims_that_do_not_fit(self):
        key = self.keys["EdDSA"]
        self.assertIsNone(self.imap("OAUTHBEARER", key.token(self.claims(aud=["web", "imap"]))))
        for name, value in {"iss": "https://other.example", "aud": "web", "nbf": time.time() + 300, "exp": None,
                            "scope": "openid", "email": "nobody@b.example", "email_verified": False}.items():
            with self.subTest(claim=name):
                self.assertIsNotNone(self.imap("OAUTHBEARER", key.token(self.claims(**{name: value}))))

    def test_whose_the_session_is(self):
        token = self.keys["EdDSA"].token(self.claims())
        process = self.site.processes["imapd"]
        start = process.log.stat().st_size
        self.assertIsNone(self.imap("OAUTHBEARER", token, ""))  # the token says it
        process.wait_for_event("imap.login", start=start, account=self.account)
        self.assertIsNotNone(self.imap("OAUTHBEARER", token, self.second))
        self.assertIsNotNone(self.imap("XOAUTH2", token, self.second))
        keyless = self.keys["EdDSA"].token(self.claims(email="K@b.example"))
        self.assertIsNone(self.imap("OAUTHBEARER", keyless, "keyless@b.example"))
        gone = self.keys["EdDSA"].token(self.claims(email="gone@b.example"))
        self.assertIsNotNone(self.imap("OAUTHBEARER", gone, "gone@b.example"))

    def test_signatures_that_prove_nothing(self):
        rsa = self.keys["RS256"]
        good = rsa.token(self.claims())
        header, claims, signature = good.split(".")
        self.assertIsNone(self.imap("OAUTHBEARER", good))

        def with_header(**changes):
            return base64url(json.dumps({"alg": "RS256", "kid": rsa.id, **changes}).encode())

        none = with_header(alg="none")
        text = f"{with_header(alg='HS256')}.{claims}"
        by_public_key = base64url(hmac.digest(json.dumps(rsa.jwk()).encode(), text.encode(), hashlib.sha256))
        other = base64url(json.dumps(self.claims(email=self.second)).encode())
        for name, token in {"none": f"{none}.{claims}.", "none with a signature": f"{none}.{claims}.{signature}",
                            "public key as a secret": f"{text}.{by_public_key}",
                            "other claims": f"{header}.{other}.{signature}",
                            "other key": Key(self.files, "RS256", rsa.id).token(self.claims()),
                            "no signature": f"{header}.{claims}.", "opaque": "opaque"}.items():
            with self.subTest(token=name):
                self.assertIsNotNone(self.imap("OAUTHBEARER", token, ""))

    def test_new_keys_are_fetched_but_not_for_every_stranger(self):
        self.assertIsNone(self.imap("OAUTHBEARER", self.keys["EdDSA"].token(self.claims())))
        key = Key(self.files, "ES256", "next")
        token = key.token(self.claims())
        begin = time.monotonic()
        before = len(self.server.requests)
        for _ in range(8):
            self.assertIsNotNone(self.imap("OAUTHBEARER", token))
        fetched = len(self.server.requests) - before
        self.assertLessEqual(fetched, time.monotonic() - begin + 1)
        self.server.keys.append(key)
        self.addCleanup(self.server.keys.remove, key)
        wait_until(lambda: self.imap("OAUTHBEARER", token) is None, 20, "the new key is known")
        before = len(self.server.requests)
        for _ in range(5):
            self.assertIsNone(self.imap("XOAUTH2", token))
        self.assertEqual(len(self.server.requests), before)

    def test_tokens_that_have_ended_are_no_guesses(self):
        token = self.keys["EdDSA"].token(self.claims(exp=time.time() - 100))
        for _ in range(25):  # of passwords 20 are too many from one client
            self.assertIsNotNone(self.imap("OAUTHBEARER", token))
        self.reader(self.site, self.site.users[0]).logout()

    def test_introspection(self):
        self.server.opaque.update({
            "good": {"active": True, "username": self.account, "scope": "mail"},
            "ended": {"active": True, "username": self.account, "scope": "mail", "exp": time.time() - 100},
            "small": {"active": True, "username": self.account, "scope": "web"},
            "nobody": {"active": True, "username": "nobody@b.example", "scope": "mail"},
            "nameless": {"active": True, "scope": "mail"},
            "odd": {"active": "true", "username": self.account, "scope": "mail"}})
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            self.assertIsNone(self.smtp(mechanism, "good"))
            for token in ("ended", "small", "nobody", "nameless", "odd", "unknown"):
                with self.subTest(mechanism=mechanism, token=token):
                    self.assertIsNotNone(self.smtp(mechanism, token))
        self.assertIsNone(self.smtp("OAUTHBEARER", "good", ""))
        self.assertIsNotNone(self.smtp("OAUTHBEARER", "good", self.second))

    def test_a_server_that_is_away(self):
        self.server.stop()
        try:
            self.server.opaque["good"] = {"active": True, "username": self.account, "scope": "mail"}
            client = self.submission(self.site)
            client.ehlo()
            shower = Shower("OAUTHBEARER", "good", self.account)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                client.auth("OAUTHBEARER", shower)
            self.assertEqual(refused.exception.smtp_code, 454)  # the token may be good: come later
            self.assertIsNone(shower.told)
            # Passwords go on.
            self.submission(self.site, self.site.users[0]).quit()
        finally:
            certificate, key = self.pair.authority.issue("id2.example", [], [self.site.address])
            opaque, keys = self.server.opaque, self.server.keys
            type(self).server = AuthorizationServer(self.site.address, self.site.port("https"), certificate, key, CLIENT)
            self.server.opaque, self.server.keys = opaque, keys
            self.addClassCleanup(self.server.stop)
        self.assertIsNone(self.smtp("OAUTHBEARER", "good"))

    def test_curl(self):
        self.server.opaque["by-curl"] = {"active": True, "username": self.account, "scope": "mail"}
        letter = self.scratch() / "letter"
        letter.write_text(f"From: {self.account}\r\nSubject: by curl\r\n\r\nx\r\n")
        address = self.site.address
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            common = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", self.pair.authority.file, "--user",
                      self.account, "--login-options", f"AUTH={mechanism}", "--oauth2-bearer"]
            self.run_program(*common, "by-curl", f"smtp://{address}:{self.site.port('submission')}/client.example",
                             "--mail-from", self.account, "--mail-rcpt", self.second, "--upload-file", letter)
            token = self.keys["RS256"].token(self.claims())
            self.assertIn("INBOX", self.run_program(*common, token, f"imap://{address}:{self.site.port('imap')}/"))
            self.run_program(*common, token, f"pop3://{address}:{self.site.port('pop3')}/")
        wait_until(lambda: len([text for text in self.fetch_all(self.site, self.site.users[1]) if b"by curl" in text]) == 2,
                   60, "two letters")

    def test_tokens_and_secrets_are_not_logged(self):
        self.server.opaque["very-secret-token"] = {"active": False}
        self.assertIsNotNone(self.smtp("OAUTHBEARER", "very-secret-token"))
        shown = self.run_program(self.pair.binaries / "quartetctl", "--target", self.site.endpoint("msa_control"), "config",
                                 "show")
        logged = "".join(process.log.read_text() for process in self.site.processes.values())
        for text in (shown, logged):
            self.assertNotIn("very-secret-token", text)
            self.assertNotIn(CLIENT[1], text)
        self.assertIn("client_id", shown)


if __name__ == "__main__":
    unittest.main()
