"""A mail host that offers STARTTLS and then has no TLS."""
import socketserver
import threading


class NoTlsNow:
    """Answers STARTTLS with 454 and takes all mail, until stop()."""

    def __init__(self, address, port):
        self._server = socketserver.ThreadingTCPServer((address, port), _Session)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("220 no-tls.example")
        while line := self.rfile.readline():
            verb = line.decode().split()[0].upper()
            if verb == "DATA":
                self._say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
            self._say({"EHLO": "250-no-tls.example\r\n250 STARTTLS", "STARTTLS": "454 4.7.0 not now"}.get(verb, "250 ok"))

    def _say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
