"""A certificate authority and server certificates, by the openssl command."""
import pathlib
import subprocess


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


class Authority:
    """ca.pem and ca.key in `directory`; kept when they are there already."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.file = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        if not self.file.exists():
            _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 365,
                     "-subj", "/CN=Quartet quickstart CA", "-addext", "basicConstraints=critical,CA:TRUE",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self._key, "-out", self.file)

    def issue(self, name, names=(), addresses=()):
        """(certificate, key) for `name`, further names and IP addresses; good for servers and clients."""
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                 f"/CN={name}", "-keyout", key, "-out", request)
        alternatives = [f"DNS:{host}" for host in (name, *names)] + [f"IP:{address}" for address in addresses]
        extensions.write_text("subjectAltName=" + ",".join(alternatives)
                              + "\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", 365,
                 "-extfile", extensions, "-out", certificate)
        request.unlink()
        extensions.unlink()
        return certificate, key
