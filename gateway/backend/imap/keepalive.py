"""Signs of life to a server while a POP3 client is silent."""

from gateway.backend.imap.collaborators import Clock, DelayedCall
from gateway.backend.imap.connection import Connection


class Keepalive:
    """Sends NOOP now and then, until the connection is gone.

    Args:
        connection: Selected or not.
        seconds: How often; 0 is never.
        clock: Where time comes from.
    """

    __slots__ = ("_call", "_clock", "_connection", "_seconds")

    def __init__(self, connection: Connection, seconds: float, clock: Clock) -> None:
        self._connection = connection
        self._seconds = seconds
        self._clock = clock
        self._call: DelayedCall | None = None
        self._schedule()
        connection.when_lost(self.stop)  # at once if it is gone already

    def stop(self) -> None:
        """Send no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _schedule(self) -> None:
        if self._seconds:
            self._call = self._clock.callLater(self._seconds, self._send)

    def _send(self) -> None:
        if self._connection.idle:
            # A failure is the connection's, and shows at the next thing asked of it.
            self._connection.command(b"NOOP").addErrback(lambda _: None)
        self._schedule()
