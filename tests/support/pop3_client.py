"""A POP3 client that hides nothing: octets as they come, commands as they are given."""

import contextlib
import re
import socket

END = b"\r\n.\r\n"
_STUFFED = re.compile(rb"(\A|\n)\.")


class Refused(Exception):
    """The server said -ERR; the argument is the whole line."""


class Pop3Client:
    """One connection, greeting read; a context manager."""

    def __init__(self, host, port, *, tls=None, timeout=20.0, receive_buffer=None, source=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        self._buffer = b""
        try:
            self.socket.connect((host, port))
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
            self.greeting = self.line()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.socket.close()

    def abort(self):
        """Reset the connection, as a client that is killed with octets unread."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Octets.

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """What comes next; b"" at the end, also if that is a reset."""
        try:
            return self.socket.recv(1 << 18)
        except ConnectionError:
            return b""

    def line(self):
        """One line with its end, or what there was before the connection ended."""
        while b"\n" not in self._buffer:
            data = self.more()
            if not data:
                break
            self._buffer += data
        line, feed, self._buffer = self._buffer.partition(b"\n")
        return line + feed

    def some(self, octets):
        """At least so many octets, or all that come before the connection ends."""
        parts, self._buffer = [self._buffer], b""
        while sum(map(len, parts)) < octets and (data := self.more()):
            parts.append(data)
        return b"".join(parts)

    def rest(self):
        """Everything until the connection ends."""
        parts, self._buffer = [self._buffer], b""
        while data := self.more():
            parts.append(data)
        return b"".join(parts)

    def raw_body(self):
        """The stuffed octets up to and with the line that ends them, in pieces.

        Raises:
            EOFError: the connection ended first.
        """
        # The line end before the first line is the status line's: it may begin the end.
        held, skip, self._buffer = b"\r\n" + self._buffer, 2, b""
        while (end := held.find(END)) < 0:
            cut = max(len(held) - len(END) + 1, 0)
            yield held[min(skip, cut) : cut]
            held, skip = held[cut:], max(skip - cut, 0)
            data = self.more()
            if not data:
                raise EOFError("the connection ended inside a message")
            held += data
        self._buffer = held[end + len(END) :]
        yield held[skip : end + 2]

    # Commands.

    def command(self, line):
        """Send a command; its status line."""
        self.send(_octets(line) + b"\r\n")
        return self.line()

    def ok(self, line):
        """The same; anything but +OK is raised."""
        reply = self.command(line)
        if not reply.startswith(b"+OK"):
            raise Refused(reply)
        return reply

    def text(self, line):
        """A multi-line answer, unstuffed."""
        self.ok(line)
        return unstuffed(b"".join(self.raw_body()))

    def lines(self, line):
        return self.text(line).split(b"\r\n")[:-1]

    def login(self, user, password):
        self.send(b"USER %b\r\n" % _octets(user))
        if not (reply := self.line()).startswith(b"+OK"):
            raise Refused(reply)
        return self.ok(b"PASS " + _octets(password))

    def start_tls(self, context, name="127.0.0.1"):
        self.ok("STLS")
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def stat(self):
        _, messages, octets = self.ok("STAT").split()
        return int(messages), int(octets)

    def retr(self, number):
        return self.text(f"RETR {number}")

    def quit(self):
        """QUIT; its status line, once the server has closed as well."""
        reply = self.command("QUIT")
        self.rest()
        self.close()
        return reply


def unstuffed(data):
    """What was sent before dots were doubled, after bare line feeds as well."""
    return _STUFFED.sub(rb"\1", data)


def _octets(text):
    return text.encode() if isinstance(text, str) else text
