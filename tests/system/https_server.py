"""An HTTPS server of a test's own."""
import http.server
import ssl
import threading


class HttpsServer:
    """Serves with `handler`, a BaseHTTPRequestHandler, until stop()."""

    def __init__(self, address, port, certificate, key, handler):
        self._server = http.server.ThreadingHTTPServer((address, port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
