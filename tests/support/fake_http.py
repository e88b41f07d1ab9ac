"""An HTTP server for tests that does what it is told, wrong things too.

A subclass answers requests by ``answer(request)``. A test puts a ``Fault`` before it, which
replaces or spoils the answer to the requests that it fits. All runs on threads of its own.
"""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """What a client sent; header names are in lower case."""

    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return {
            name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()
        }

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    """What the server says.

    Attributes:
        status: Of HTTP.
        body: Octets, or anything else, which is sent as JSON.
        headers: Besides Content-Length and Content-Type.
        length: Content-Length to announce instead of the right one; "chunked" or "close" for
            the other two ways to end a body.
        delay: Seconds before the status line.
        cut: Octets of the body after which the connection is reset.
        hang: Octets of the body after which nothing more comes.
        pace: Seconds between pieces of 4096 octets.
        raw: Octets that are sent instead of all that, before the connection is closed.
    """

    status: int = 200
    body: object = b""
    headers: dict = field(default_factory=dict)
    length: object = None
    delay: float = 0.0
    cut: int | None = None
    hang: int | None = None
    pace: float = 0.0
    raw: bytes | None = None


@dataclass
class Fault:
    """Spoils answers.

    Attributes:
        fits: Tells whether a request is meant.
        reply: A reply instead of the right one, which is not even made; or takes the request
            and the right reply and returns another. None: the connection is reset.
        times: How often.
    """

    fits: Callable
    reply: object
    times: int = 1


class FakeHttp:
    """Serves while it is entered; ``with FakeHttp() as server``.

    Attributes:
        heard: Requests in the order in which they came.
        delay: Seconds before each answer, as of a far server.
        most_at_once: The most requests that were without an answer at one time.
        gate: While it is cleared, answers wait.
    """

    def __init__(self, pair=None):
        self.heard = []
        self.faults = []
        self.delay = 0.0
        self.most_at_once = 0
        self.gate = threading.Event()
        self.gate.set()
        self._at_once = 0
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._sockets = set()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._scheme = "http"
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self):
        host = "127.0.0.1" if self._scheme == "http" else "localhost"
        return f"{self._scheme}://{host}:{self.port}"

    def answer(self, request):
        """The right reply."""
        raise NotImplementedError

    # Faults.

    def spoil(self, path, reply, *, times=1, method=None):
        """Lay a fault for requests whose path begins so."""

        def fits(request):
            return request.path.startswith(path) and method in {None, request.method}

        self.faults.append(Fault(fits, reply, times))

    def heal(self):
        """Take all faults back."""
        self.faults.clear()
        self.delay = 0.0

    def respond(self, request):
        """What is sent; None for a reset."""
        with self._lock:
            self.heard.append(request)
            fault = next((f for f in self.faults if f.times and f.fits(request)), None)
            if fault is not None:
                fault.times -= 1
                if not callable(fault.reply):
                    return fault.reply
            reply = self.answer(request)
            return reply if fault is None else fault.reply(request, reply)

    def count(self, path, method=None):
        """How many requests came whose path begins so."""
        return sum(
            request.path.startswith(path) and method in {None, request.method}
            for request in self.heard
        )

    # Life.

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self.gate.set()
        self._server.shutdown()
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.server_close()

    def close_idle(self):
        """Close every connection, as a server does with those that were idle for long."""
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def under_way(self):
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def sleep(self, seconds):
        """Until the test is over at the longest."""
        self._released.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Clients go away in tests."""


def _handler(fake):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def setup(self):
            super().setup()
            fake._sockets.add(self.request)

        def finish(self):
            fake._sockets.discard(self.request)
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, *_):
            """Quiet."""

        def _answer(self):
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            request = Request(self.command, self.path, headers, body)
            with fake.under_way():
                reply = fake.respond(request)
                if reply is None:
                    self._reset()
                    return
                fake.sleep(fake.delay + reply.delay)
                fake.gate.wait(30)
            # A client that has its answer may ask again before this thread goes on.
            self._send(reply)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = _answer  # noqa: N815

        def _send(self, reply):
            if reply.raw is not None:
                self.wfile.write(reply.raw)
                self.wfile.flush()
                self.close_connection = True
                return
            body, kind = reply.body, None
            if not isinstance(body, bytes):
                body, kind = json.dumps(body).encode(), "application/json"
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if kind and "Content-Type" not in reply.headers:
                self.send_header("Content-Type", kind)
            chunked = reply.length == "chunked"
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif reply.length == "close":
                self.send_header("Connection", "close")
                self.close_connection = True
            elif reply.status not in {204, 304}:
                length = len(body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD" and reply.status not in {204, 304}:
                self._send_body(body, reply, chunked)

        def _send_body(self, body, reply, chunked):
            for limit, deed in ((reply.cut, self._reset), (reply.hang, self._hang)):
                if limit is not None:
                    self._pieces(body[:limit], reply.pace, chunked)
                    self.wfile.flush()
                    deed()
                    return
            self._pieces(body, reply.pace, chunked)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
            if isinstance(reply.length, int):
                self.close_connection = True

        def _pieces(self, body, pace, chunked):
            step = 4096 if pace else 1 << 16
            for start in range(0, len(body), step):
                piece = body[start : start + step]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if pace:
                    self.wfile.flush()
                    time.sleep(pace)

        def _hang(self):
            fake.sleep(60)
            self.close_connection = True

        def _reset(self):
            self.close_connection = True
            time.sleep(0.05)  # what was written shall arrive before the reset
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()

    return Handler
