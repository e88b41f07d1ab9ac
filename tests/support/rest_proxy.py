"""A proxy in front of the reference server of the REST contract that makes one thing wrong.

``proxy.twist`` gets each exchange when the answer is there and may change it; ``proxy.before``
gets it before it is passed on and may answer instead.
"""

import contextlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_HOP = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


@dataclass
class Exchange:
    """A request and its answer.

    Attributes:
        fields, headers: header fields of request and answer, by lower-case name.
        cut: send only so many octets of the body, and reset the connection.
        hang: seconds to wait before the body, or for good with `math.inf`.
        close: close the connection without an answer.
    """

    method: str
    target: str
    fields: dict
    sent: bytes
    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    hang: float = 0.0
    close: bool = False

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()
        }

    @property
    def is_raw(self):
        return self.path.endswith("/raw")

    @property
    def is_list(self):
        return self.path == "/messages" and self.status == 200

    @property
    def json(self):
        return json.loads(self.body)

    @json.setter
    def json(self, value):
        self.resize(json.dumps(value).encode())

    def resize(self, body):
        self.body = body
        self.headers["content-length"] = str(len(body))

    def answer(self, status, value=None, media="application/json", **headers):
        self.status = status
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}
        self.headers["content-type"] = media
        self.json = value

    def problem(self, status, kind="x", **headers):
        value = {"type": kind, "title": kind, "status": status}
        self.answer(status, value, "application/problem+json", **headers)


class RestProxy:
    """A context manager; ``url`` is where it is. With a pair of certificates, by TLS."""

    def __init__(self, upstream, pair=None):
        self.upstream = upstream
        self._pair = pair
        self.heard = []
        self.heal()
        self._closing = threading.Event()

    def heal(self):
        self.twist = self.before = lambda exchange: None

    def __enter__(self):
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self._pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._pair.combined)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        assert not self._server.errors, self._server.errors

    @property
    def port(self):
        return self._server.server_address[1]

    @property
    def url(self):
        return f"http{'s' if self._pair else ''}://127.0.0.1:{self.port}"

    def carry(self, exchange):
        self.heard.append((exchange.method, exchange.path))
        self.before(exchange)
        if exchange.status == 0 and not exchange.close:
            self._pass_on(exchange)
            self.twist(exchange)
        if exchange.hang:
            self._closing.wait(min(exchange.hang, 60))

    def _pass_on(self, exchange):
        host = f"{self.upstream.host}:{self.upstream.port}"
        connection = HTTPConnection(host, timeout=30)
        with contextlib.closing(connection):
            left_out = {*_HOP, "content-length"}
            fields = {n: v for n, v in exchange.fields.items() if n not in left_out}
            fields["Connection"] = "close"
            connection.request(exchange.method, exchange.target, exchange.sent or None, fields)
            answer = connection.getresponse()
            exchange.status = answer.status
            exchange.headers = {
                name.lower(): value
                for name, value in answer.getheaders()
                if name.lower() not in _HOP
            }
            exchange.body = answer.read()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *args):
        self.errors = []
        super().__init__(*args)

    def handle_error(self, request, client_address):
        error = sys.exception()
        if not isinstance(error, OSError):  # a client may hang up at any time
            self.errors.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    owner = None

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fields = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.command, self.path, fields, sent)
        try:
            self.owner.carry(exchange)
            self._send(exchange)
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _send(self, exchange):
        if exchange.close:
            self.close_connection = True
            return
        body = b"" if self.command == "HEAD" or exchange.status in {204, 304} else exchange.body
        unframed = body and "content-length" not in exchange.headers
        if unframed or self.headers.get("Connection", "").lower() == "close":
            self.close_connection = True
            exchange.headers["connection"] = "close"
        lines = [f"HTTP/1.1 {exchange.status} Status"]
        lines += [f"{name}: {value}" for name, value in exchange.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(head + body[: exchange.cut])
        if exchange.cut is not None and exchange.cut < len(body):
            time.sleep(0.05)  # what was sent arrives before the reset
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self.close_connection = True

    def log_message(self, *_):
        pass
