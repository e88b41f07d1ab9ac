r"""What the fakes of the mail clouds share: HTTP/1.1 on loopback, in threads of its own.

Threads, so that a fake serves a gateway in another process as well as a reactor in this one.
A subclass answers requests; faults are laid at *stages*, which it names::

    server.fault("VALUE", cut(100, reset))               # the first octets, then RST
    server.fault("DELTA", answer(503), times=1)          # then goes on as always
    server.fault("BATCH", hang, skip=1)                  # from the second on

``times`` is how often (None: always), ``skip`` how many times not before; ``*`` is any stage.

=====================  ===============================================================
``answer(status, …)``  this instead, and nothing is done
``after(status, …)``   all is done, but this is the answer
``change(function)``   the reply goes through ``function(reply)``
``cut(count, end)``    the head and the first octets of the body, then ``end``
``length(offset)``     Content-Length, off by so many; the connection closes after the body
``hang``               nothing, ever; the connection stays open
``close``, ``reset``   FIN or RST, without a reply
``do(function)``       call ``function(server)``, then as always
``wait(event)``        as always, once the ``threading.Event`` is set
=====================  ===============================================================
"""

import contextlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

PIECE = 16_384


@dataclass
class Request:
    method: str
    target: str
    headers: Message
    body: bytes = b""

    def __post_init__(self):
        parts = urlsplit(self.target)
        self.path = parts.path
        self.segments = [unquote(part) for part in parts.path.split("/")[1:]]
        self.query = parse_qsl(parts.query, keep_blank_values=True)

    def one(self, name, default=None):
        found = [value for key, value in self.query if key == name]
        return found[-1] if found else default

    def all(self, name):
        return [value for key, value in self.query if key == name]

    @property
    def names(self):
        return {key for key, _ in self.query}

    @property
    def bearer(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    def json(self):
        """The body as an object, or None."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.body)
            return found if isinstance(found, dict) else None


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    chunked: bool = False
    content_type: str = "application/json; charset=utf-8"


def json_reply(status, value, **headers):
    names = {name.replace("_", "-"): str(text) for name, text in headers.items()}
    return Reply(status, json.dumps(value, indent=1).encode(), names)


class Refused(Exception):
    """The request is answered with this reply."""

    def __init__(self, reply):
        super().__init__(reply.status)
        self.reply = reply


class End(Exception):
    """The connection ends here."""


# Faults.


def answer(status, body=b"", content_type="application/json", **headers):
    text = json.dumps(body).encode() if isinstance(body, dict | list) else body
    names = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return lambda handler, _produce: handler.send(
        Reply(status, text, names, content_type=content_type)
    )


def after(status, body=b"", **headers):
    def act(handler, produce):
        produce()
        answer(status, body, **headers)(handler, produce)

    return act


def change(function):
    def act(handler, produce):
        reply = produce()
        handler.send(function(reply) or reply)

    return act


def cut(count, end):
    def act(handler, produce):
        reply = produce()
        handler.send(reply, stop_after=count)
        end(handler, produce)

    return act


def length(offset):
    def act(handler, produce):
        reply = produce()
        reply.chunked = False
        reply.headers["Content-Length"] = str(len(reply.body) + offset)
        handler.send(reply)
        raise End

    return act


def hang(handler, _produce):
    handler.server.fake.stopping.wait()
    raise End


def close(_handler, _produce):
    raise End


def reset(handler, _produce):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.server.fake.forget(handler.connection)
    handler.connection.close()
    raise End


def do(function):
    def act(handler, produce):
        function(handler.server.fake)
        handler.send(produce())

    return act


def wait(event):
    def act(handler, produce):
        reply = produce()
        event.wait(20)
        handler.send(reply)

    return act


@dataclass
class _Fault:
    action: object
    times: int | None
    skip: int

    def due(self):
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.fake.remember(self.connection)

    def finish(self):
        self.server.fake.forget(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self):
        with contextlib.suppress(End, OSError, ValueError):
            super().handle()

    def log_message(self, *_):
        pass

    def serve(self):
        fake = self.server.fake
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        self.leave = lambda: None
        stage = fake.stage(request)
        with fake.lock:
            fake.heard.append(f"{stage} {request.method} {request.target}")
            fake.requests.append(request)
        action = fake.action(stage, "*")
        try:
            if action is None:
                self.send(self.produce(request))
            else:
                action(self, lambda: self.produce(request))
        finally:
            self.leave()

    def __getattr__(self, name):
        if name.startswith("do_"):  # any method
            return self.serve
        raise AttributeError(name)

    def produce(self, request):
        fake = self.server.fake
        try:
            self.leave = fake.enter(request)
            with fake.lock:
                return fake.reply(request)
        except Refused as refused:
            return refused.reply

    def send(self, reply, stop_after=None):
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.body:
            self.send_header("Content-Type", reply.content_type)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in reply.headers and reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if stop_after is not None:
            self._pieces(reply.body[:stop_after], reply.chunked)
        elif reply.chunked:
            self._pieces(reply.body, True)
            self.leave()
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._pieces(reply.body[:-1], False)
            self.leave()  # the last octet tells the client that it may come again
            self.wfile.write(reply.body[-1:])

    def _pieces(self, body, chunked):
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Sockets of a killed gateway; what is wrong in a fake shows in its `failures`."""
        import sys

        error = sys.exc_info()[1]
        if not isinstance(error, OSError | End):
            self.fake.failures.append(repr(error))


class CloudServer:
    """See the module's docstring. A context manager."""

    def __init__(self, host="127.0.0.1"):
        self.heard = []
        self.requests = []
        self.failures = []
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self._faults = defaultdict(list)
        self._sockets = set()
        self._server = _Server((host, 0), _Handler)
        self._server.fake = self
        self.host, self.port = self._server.server_address[:2]
        self.url = f"http://{self.host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    # What each fake has to say for itself.

    def stage(self, request):
        """The name under which faults for this request are laid."""
        raise NotImplementedError

    def enter(self, request):
        """A request is under way; returns what is to be called when it is over.

        Raises:
            Refused: There is no place for it.
        """
        return lambda: None

    def reply(self, request):
        """Do what is asked for.

        Raises:
            Refused: It is not done.
        """
        raise NotImplementedError

    # Faults.

    def fault(self, stage, action, *, times=None, skip=0):
        with self.lock:
            self._faults[stage].append(_Fault(action, times, skip))
        return self

    def heal(self):
        """Take all faults back."""
        with self.lock:
            self._faults.clear()

    def action(self, *stages):
        with self.lock:
            for stage in stages:
                for fault in self._faults[stage]:
                    if fault.due():
                        return fault.action
        return None

    def stages(self):
        """The stages of all requests heard, in order."""
        return [line.split(" ", 1)[0] for line in self.heard]

    def forget_requests(self):
        with self.lock:
            self.heard.clear()
            self.requests.clear()

    # Life.

    def remember(self, connection):
        with self.lock:
            self._sockets.add(connection)

    def forget(self, connection):
        with self.lock:
            self._sockets.discard(connection)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        with self.lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        deadline = time.monotonic() + 5
        while self._sockets and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not self.failures, self.failures
