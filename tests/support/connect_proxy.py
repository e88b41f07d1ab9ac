"""An HTTP proxy with CONNECT and nothing else, that does wrong things when told to.

Whatever host is asked for, its tunnels lead to that port of 127.0.0.1, as the names of tests
are in no DNS. ``fault`` gets the socket instead of an answer; see `says` and the rest.
"""

import contextlib
import socket
import struct
import threading
import time
from base64 import b64encode

PATIENCE = 20.0


class ConnectProxy:
    """A context manager.

    Args:
        credentials: ``name:password`` without which it says 407.

    Attributes:
        heard: The heads that came, as octets.
        fault: Called with each client's socket after its head, instead of an answer.
        success: What it says when there is a tunnel.
        piecewise: Send that one octet at a time.
        clients: How many are connected.
    """

    host = "127.0.0.1"

    def __init__(self, credentials=None):
        self.credentials = credentials
        self.heard = []
        self.fault = None
        self.success = b"HTTP/1.1 200 Connection established\r\n\r\n"
        self.piecewise = False
        self.clients = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        self._threads = []

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._listener.close()

    def cut(self):
        """End all connections."""
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._spawn(self._serve, client)

    def _serve(self, client):
        self._count(1)
        with client, contextlib.suppress(OSError):
            self._answer(client)
        self._count(-1)

    def _count(self, number):
        with self._lock:
            self.clients += number

    def _answer(self, client):
        head = _head(client)
        self.heard.append(head)
        status = self._status(head)
        if self.fault is not None:
            self.fault(client)
        elif status is not None:
            says(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nno" % status)(client)
        else:
            self._tunnel(client, int(head.split()[1].rpartition(b":")[2]))

    def _status(self, head):
        lines = head.split(b"\r\n")
        if not lines[0].startswith(b"CONNECT "):
            return b"405 Method Not Allowed"
        wanted = self.credentials and b64encode(self.credentials.encode())
        if wanted and b"Proxy-Authorization: Basic " + wanted not in lines:
            return b"407 Proxy Authentication Required"
        return None

    def _tunnel(self, client, port):
        with socket.create_connection((self.host, port)) as server:
            self._sockets.append(server)
            step = 1 if self.piecewise else len(self.success)
            for start in range(0, len(self.success), step):
                client.sendall(self.success[start : start + step])
            back = threading.Thread(target=_pass_on, args=(server, client))
            back.start()
            _pass_on(client, server)
            back.join()


def _head(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = client.recv(1)
        if not octet:
            raise ConnectionError
        head += octet
    return head


def _pass_on(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


# Faults.


def says(octets):
    """Send this and then wait until the client is gone: it has to act on the octets alone."""

    def fault(client):
        client.sendall(octets)
        silent(client)

    return fault


def silent(client):
    while client.recv(1 << 16):
        pass


def resets(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs_up(client):
    pass


def endless(client):
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X: y\r\n" * 100)


def endless_interim(client):
    while True:
        client.sendall(b"HTTP/1.1 100 Go on\r\n\r\n")


def dripping(client):
    """A header that never ends, too slow to become large."""
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X")
        time.sleep(0.02)
