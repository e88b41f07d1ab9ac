"""Runner (c): the program itself over TCP, with a real IMAP server behind."""

import itertools
import socket

from tests.protocol.maildrops import MAILDROPS

_numbers = itertools.count(1)


class TcpRunner:
    """One client of a running gateway.

    Args:
        dialog: What will be played.
        gateway: A `RunningGateway` whose upstream is `server`.
        server: Has `add_user`, `deliver_many` and `messages_left`.
        context: The TLS context of clients.
    """

    def __init__(self, dialog, gateway, server, context):
        name = b"dialog%d" % next(_numbers)
        self.user, self.password = dialog.account or (name, b"pass word")
        self.gateway, self.server, self.context = gateway, server, context
        self.messages = MAILDROPS[dialog.maildrop]
        server.add_user(self.user, self.password)
        server.deliver_many(self.user, self.messages)
        self.other = None
        self.client = gateway.client(tls=context if dialog.tls == "active" else None)
        # The dialog reads the greeting itself.
        self.client._buffer = self.client.greeting + self.client._buffer

    def send(self, data):
        try:
            self.client.send(data)
        except ConnectionError:
            """The server may have closed already; what it said is still to be read."""

    def readline(self):
        return self.client.line()

    def take_rest(self):
        return self.client.rest()

    def has_closed(self):
        assert self.client.rest() == b""

    def still_open(self):
        """The connection takes an end from this side, and says nothing more."""
        self.client.socket.settimeout(0.02)
        try:
            assert not self.client._buffer
            data = self.client.more()
        except TimeoutError:
            self.client.socket.settimeout(20)
        else:
            raise AssertionError(f"expected an open and silent connection, got {data!r}")

    def drop(self):
        self.client.close()

    def half_close(self):
        self.client.socket.shutdown(socket.SHUT_WR)

    def left(self):
        stored = self.server.messages_left(self.user)
        return [n for n, message in enumerate(self.messages, 1) if message in stored]

    def do_starttls(self, _):
        self.client.socket = self.context.wrap_socket(
            self.client.socket, server_hostname=self.gateway.host
        )

    def do_elsewhere(self, text):
        if text == "login":
            self.other = self.gateway.login(self.user, self.password)
        else:
            self.other.quit()
            self.other = None

    def finish(self, *, may_commit):
        self.close()
        assert may_commit or len(self.left()) == len(self.messages)

    def close(self):
        for client in (self.client, self.other):
            if client is not None:
                client.close()
