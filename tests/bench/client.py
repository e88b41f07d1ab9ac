"""A POP3 client that costs next to nothing and believes nothing it has not counted."""

import hashlib
import socket
import ssl

_ROOM = 1 << 20
END = b"\r\n.\r\n"


class Wrong(Exception):
    """A server sent something else than what is in the mailbox: the run does not count."""


class Client:
    """One session, lock-step unless said otherwise.

    Args:
        port: On 127.0.0.1.
        tls: A context for TLS from the first octet.
        receive_buffer: A small one makes the client feel slow to the server at once.
    """

    def __init__(self, port, tls=None, receive_buffer=None):
        raw = socket.socket()
        raw.settimeout(180)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.connect(("127.0.0.1", port))
        self.socket = tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
        self._space = bytearray(1 << 14)
        self._got, self._tail = None, b""

    def fileno(self):
        return self.socket.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def _receive(self):
        count = self.socket.recv_into(self._space)
        if not count:
            raise Wrong("connection closed")
        return self._space[:count]

    def replies(self, count=1):
        """So many lines, and not an octet more."""
        text = bytearray()
        while text.count(b"\n") < count:
            text += self._receive()
        lines = text.split(b"\r\n")
        if (
            len(lines) != count + 1
            or lines[-1]
            or not all(each.startswith(b"+OK") for each in lines[:-1])
        ):
            raise Wrong(bytes(text[:300]))
        return lines[:-1]

    def send(self, line):
        self.socket.sendall(line)

    def command(self, line):
        self.send(line + b"\r\n")
        return self.replies()[0]

    def greeting(self):
        return self.replies()

    def login(self, user):
        self.greeting()
        self.command(b"USER " + user.encode())
        self.command(b"PASS pw-" + user.encode())

    def listing(self, line, count):
        """A multi-line answer of so many lines."""
        self.send(line + b"\r\n")
        if len(self._space) < _ROOM:
            self._space = bytearray(_ROOM)
        text = bytearray()
        while not text.endswith(END) and text != b"+OK\r\n.\r\n":
            text += self._receive()
            if text.startswith(b"-"):
                raise Wrong(bytes(text[:300]))
        found = text.count(b"\n") - 2
        if found != count:
            raise Wrong(f"{line!r}: {found} lines instead of {count}")
        return text

    def stat(self, messages):
        expected = b"+OK %d %d" % (len(messages), sum(each.octets for each in messages))
        if (answer := self.command(b"STAT")) != expected:
            raise Wrong(f"{bytes(answer)!r} instead of {expected!r}")

    def retrieve(self, number, message, *, whole=False):
        """One message; ``whole`` compares every octet of it, else their number and the end."""
        self.begin(number)
        digest = hashlib.sha256() if whole else None
        while self._got is None:
            self.take()
        if digest:
            digest.update(self._tail)
        self.finish(message, digest)
        if digest and digest.digest() != message.digest:
            raise Wrong(f"message {number} came through changed")

    def begin(self, number):
        """Ask for a message, and read nothing of it."""
        self.send(b"RETR %d\r\n" % number)
        self._got, self._tail = None, b""

    def take(self, most=0):
        """Read some of it, at most so many octets."""
        count = self.socket.recv_into(self._space, most)
        if not count:
            raise Wrong("broke off")
        part = bytes(self._space[:count]) if self._got is None else self._last(count)
        self._tail += part
        if self._got is not None:
            self._got += count
            self._tail = self._tail[-5:]
        elif b"\n" in self._tail:
            status, _, self._tail = self._tail.partition(b"\r\n")
            self._got = len(self._tail)
            if not status.startswith(b"+OK"):
                raise Wrong(status)
        return count

    def _last(self, count):
        return bytes(self._space[max(0, count - 5) : count])

    def finish(self, message, digest=None):
        """Read the rest, and see whether it was all."""
        while self._got is None:
            self.take()
        if message.wire - self._got > len(self._space):
            self._space = bytearray(_ROOM)
        view = memoryview(self._space)
        while self._got < message.wire:
            count = self.take()
            if digest:
                digest.update(view[:count])
        if self._got != message.wire or self._tail[-5:] != END:
            raise Wrong(
                f"{self._got} octets instead of {message.wire}, end {self._tail[-5:]!r}"
            )

    def quit(self):
        self.command(b"QUIT")
        self.close()


def authority_context(path):
    return ssl.create_default_context(cafile=str(path))
