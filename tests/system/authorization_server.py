"""An authorization server of a test's own: keys that sign tokens (JWTs), by the openssl command, and an HTTPS server that
has them as a JWKS and tells of opaque tokens (RFC 7662).
"""
import base64
import http.server
import json
import subprocess
import time
import urllib.parse

from https_server import HttpsServer

_MAKE = {"RS256": ["genrsa", "-out", None, "2048"],
         "ES256": ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", None],
         "EdDSA": ["genpkey", "-algorithm", "ed25519", "-out", None]}


def base64url(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True).stdout


class Key:
    """A private key in `directory`; `id` names it in tokens and sets."""

    def __init__(self, directory, algorithm, id):
        self.algorithm, self.id = algorithm, id
        self._directory = directory
        self._file = directory / f"{id}-{time.monotonic_ns()}.key"
        _openssl(*(self._file if word is None else word for word in _MAKE[algorithm]))

    def jwk(self):
        if self.algorithm == "RS256":
            modulus = _openssl("rsa", "-in", self._file, "-noout", "-modulus").decode().strip().partition("=")[2]
            numbers = {"kty": "RSA", "n": base64url(bytes.fromhex(modulus)), "e": "AQAB"}
        else:
            public = _openssl("pkey", "-in", self._file, "-pubout", "-outform", "DER")
            if self.algorithm == "ES256":
                numbers = {"kty": "EC", "crv": "P-256", "x": base64url(public[-64:-32]), "y": base64url(public[-32:])}
            else:
                numbers = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public[-32:])}
        return {"kid": self.id, "use": "sig", **numbers}

    def sign(self, text):
        signed = self._directory / "signed"
        signed.write_bytes(text)
        if self.algorithm == "EdDSA":
            return _openssl("pkeyutl", "-sign", "-rawin", "-inkey", self._file, "-in", signed)
        signature = _openssl("dgst", "-sha256", "-sign", self._file, signed)
        return _side_by_side(signature) if self.algorithm == "ES256" else signature

    def token(self, claims, **header):
        header = {"typ": "at+jwt", "alg": self.algorithm, "kid": self.id, **header}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims)).encode()
        return f"{text.decode()}.{base64url(self.sign(text))}"


def _side_by_side(der):
    """The two numbers of an ECDSA signature, 32 octets each."""
    out, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class AuthorizationServer:
    """/keys has `keys`; /introspect tells of `opaque` {token: answer} whoever is `client`. What was asked is in
    `requests`."""

    def __init__(self, address, port, certificate, key, client=("mail", "a secret: 100%")):
        self.keys, self.opaque, self.requests = [], {}, []
        server = self
        allowed = "Basic " + base64.b64encode(":".join(map(urllib.parse.quote_plus, client)).encode()).decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def answer(self, status, content=None):
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                server.requests.append(self.path)
                if self.path != "/keys":
                    return self.answer(404)
                self.answer(200, {"keys": [each.jwk() for each in server.keys]})

            def do_POST(self):
                server.requests.append(self.path)
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if self.path != "/introspect" or self.headers["Authorization"] != allowed:
                    return self.answer(401)
                self.answer(200, server.opaque.get(form["token"][0], {"active": False}))

        self._server = HttpsServer(address, port, certificate, key, Handler)

    def stop(self):
        self._server.stop()
