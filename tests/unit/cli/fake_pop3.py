"""A small POP3 server in a thread: honest as it stands, with one lie in each subclass."""

import contextlib
import socket
import threading

MAIL = (
    b"Subject: one\r\n\r\nfirst\r\n",
    b"Subject: two\r\nX-Long: " + b"x" * 100 + b"\r\n\r\n" + b"line\r\n" * 30,
    b"Subject: dots\r\n\r\n.begin\r\n.\r\nafter the lone dot\r\n..\r\nend\r\n",
)
PASSWORD = b"s3cret-pass"


class Bye(Exception):
    """The connection is to be closed."""


class FakePop3:
    """``with FakePop3() as server``: listens at ``server.port``; keeps what clients said."""

    greeting = b"+OK ready"
    capabilities = ("USER", "UIDL", "TOP", "PIPELINING", "SASL PLAIN LOGIN")
    mail = MAIL

    def __init__(self):
        self.heard = []
        self.deleted = False

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(Bye, OSError):
                client.settimeout(5)
                self.marks = set()
                with self.secured(client) as client:
                    client.sendall(self.greeting + b"\r\n")
                    self.session(client)

    def secured(self, client):
        return client

    def session(self, client):
        buffer = b""
        while True:
            while b"\r\n" not in buffer:
                buffer += self.receive(client)
            line, _, buffer = buffer.partition(b"\r\n")
            client.sendall(self.answer(line))
            if line.upper() == b"QUIT":
                raise Bye

    def receive(self, client):
        octets = client.recv(4096)
        if not octets:
            raise Bye
        return octets

    def answer(self, line):
        self.heard.append(line)
        verb, _, rest = line.partition(b" ")
        method = getattr(self, "do_" + verb.decode("ascii", "replace").lower(), None)
        return method(rest) if method else b"-ERR what?\r\n"

    # The commands.

    def do_capa(self, _):
        return self.lines(b"+OK", [name.encode() for name in self.capabilities])

    def do_user(self, _):
        return b"+OK\r\n"

    def do_pass(self, password):
        return b"+OK\r\n" if password == PASSWORD else b"-ERR [AUTH] not " + password + b"\r\n"

    def do_noop(self, _):
        return b"+OK\r\n"

    do_quit = do_noop

    def shown(self):
        return {n: m for n, m in enumerate(self.mail, 1) if n not in self.marks}

    def size(self, number):
        return len(self.mail[number - 1])

    def unique_id(self, number):
        return b"id-%d" % number

    def do_stat(self, _):
        return b"+OK %d %d\r\n" % (len(self.shown()), sum(map(self.size, self.shown())))

    def do_list(self, rest):
        return self.rows(rest, lambda n: b"%d" % self.size(n))

    def do_uidl(self, rest):
        return self.rows(rest, self.unique_id)

    def rows(self, rest, value):
        if not rest:
            return self.lines(b"+OK", [b"%d %b" % (n, value(n)) for n in self.shown()])
        number = self.number(rest)
        return b"+OK %d %b\r\n" % (number, value(number)) if number else b"-ERR no\r\n"

    def number(self, rest):
        number = int(rest) if rest.isdigit() else 0
        return number if number in self.shown() else 0

    def do_retr(self, rest):
        number = self.number(rest)
        return self.body(self.mail[number - 1]) if number else b"-ERR no\r\n"

    def do_top(self, rest):
        number, count = rest.split()
        header, blank, text = self.mail[int(number) - 1].partition(b"\r\n\r\n")
        return self.body(
            header + blank + b"".join(text.splitlines(keepends=True)[: int(count)])
        )

    def body(self, message):
        return b"+OK\r\n" + self.stuffed(message) + b".\r\n"

    def stuffed(self, message):
        lines = message.splitlines(keepends=True)
        return b"".join(b"." + line if line.startswith(b".") else line for line in lines)

    def lines(self, status, lines):
        return b"\r\n".join([status, *lines, b".", b""])

    def do_dele(self, rest):
        number = self.number(rest)
        self.marks.add(number)
        return b"+OK\r\n" if number else b"-ERR no\r\n"

    def do_rset(self, _):
        self.marks.clear()
        return b"+OK\r\n"
