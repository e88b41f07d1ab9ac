"""What goes to the client: replies collected into few writes, sent at once where that works."""

from typing import Any

from twisted.internet.tcp import Connection as TcpConnection

from gateway.server.transport import Transport

_MOST_REPLIES = 512


class Writer:
    """Writes to one client's transport.

    A transport of Twisted's puts what is written into a buffer, asks the poller to say when
    the socket takes octets, and sends in the reactor's next turn: three system calls more
    than the one that is needed, as the socket nearly always takes them. So where nothing is
    buffered the octets go to the socket at once (`writeSomeData`, what the reactor would
    call), and only what it does not take goes the long way. TLS has no such short way.

    Args:
        transport: The client's.
    """

    __slots__ = ("_direct", "_replies", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        # A TLS transport hands names that it lacks on to the one below, which would send
        # plaintext: the class decides, and not what can be called.
        self._direct: Any = transport if isinstance(transport, TcpConnection) else None
        self._replies: list[bytes] = []

    def reply(self, data: bytes) -> None:
        """Add to what the next `flush` or `write` sends."""
        self._replies.append(data)
        if len(self._replies) > _MOST_REPLIES:
            self.flush()

    def flush(self) -> None:
        """One write for all replies to a packet of commands."""
        if self._replies:
            self.write(b"")

    def write(self, data: bytes) -> None:
        """Send this, behind the replies that wait."""
        if self._replies:
            self._replies.append(data)
            data = b"".join(self._replies)
            self._replies.clear()
        direct = self._direct
        if direct is None or not _ready(direct):
            self._transport.write(data)
            return
        sent = direct.writeSomeData(data)
        if not isinstance(sent, int):
            # The connection is lost; in its turn the reactor finds that out, and tells.
            self._transport.write(data)
        elif sent < len(data):
            self._transport.write(data[sent:])
            _pause_producer(direct)

    def discard(self) -> None:
        """Drop the replies that wait."""
        self._replies.clear()

    def go_the_long_way(self) -> None:
        """From now on everything goes through the transport: it closes, or begins TLS."""
        self._direct = None


def _pause_producer(direct: Any) -> None:
    """The client takes no more, however little is left: nothing may follow before it does.

    By itself Twisted pauses a producer only when 64 KiB are left.
    """
    if direct.producer is not None and not direct.producerPaused:
        direct.producerPaused = True
        direct.producer.pauseProducing()


def _ready(direct: Any) -> bool:
    """Whether nothing is before us; what is buffered must not be overtaken."""
    return (
        direct.connected
        and not direct.TLS
        and not direct._tempDataBuffer  # noqa: SLF001 - nothing public tells
        and direct.offset == len(direct.dataBuffer)
    )
