"""A relay in front of a server that hides words from what the server says."""

import contextlib
import socket
import threading


class Relay:
    """Listens on a free loopback port; a context manager. Words must not span packets."""

    host = "127.0.0.1"

    def __init__(self, host, port, *, hide):
        self._target = (host, port)
        self._hide = hide
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        self._threads = []

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._spawn(self._pass_on, client, server, [])
                self._spawn(self._pass_on, server, client, self._hide)

    @staticmethod
    def _pass_on(source, target, hide):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                for word in hide:
                    data = data.replace(word, b"")
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
