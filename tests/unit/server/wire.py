"""A transport in memory, with the client at its other end."""

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.python.failure import Failure as TwistedFailure


class Wire:
    """A transport with Twisted's manners; the client reads when told, if `room` is given."""

    def __init__(self, clock, room=None):
        self.clock = clock
        self.room = room
        self.sent = bytearray()
        self.unread = 0
        self.reading = True
        self.closing = self.aborted = self.lost = False
        self.tls = None
        # What the client's TLS has come to, once `secure` says so.
        self.version, self.cipher = "TLSv1.3", "TLS_AES_256_GCM_SHA384"
        self.producer = None
        self.full = False
        self.most_unread = 0
        self.options = {}

    def connect(self, protocol):
        self.protocol = protocol
        protocol.makeConnection(self)

    # What a protocol may do.

    def write(self, data):
        assert not self.closing, f"written after loseConnection: {bytes(data)!r}"
        if self.aborted or self.lost:
            return
        self.sent += data
        if self.room is None:
            return
        self.unread += len(data)
        self.most_unread = max(self.most_unread, self.unread)
        if self.unread > self.room and not self.full and self.producer is not None:
            self.full = True
            self.producer.pauseProducing()

    def loseConnection(self):
        if not self.closing:
            self.closing = True
            self._close_if_empty()

    def abortConnection(self):
        if not self.aborted:
            self.aborted = True
            self.clock.callLater(0, self.lose, ConnectionAborted())

    def getHandle(self):
        return self

    def get_protocol_version_name(self):
        return self.version

    def get_cipher_name(self):
        return self.cipher

    def registerProducer(self, producer, streaming):
        assert streaming
        assert self.producer is None
        self.producer = producer

    def unregisterProducer(self):
        self.producer = None

    def pauseProducing(self):
        self.reading = False

    def resumeProducing(self):
        self.reading = True

    def startTLS(self, factory):
        self.tls = factory

    def setTcpNoDelay(self, enabled):
        self.options["nodelay"] = enabled

    def setTcpKeepAlive(self, enabled):
        self.options["keepalive"] = enabled

    # What a client and its network may do.

    def take(self, octets):
        """The client reads so much."""
        self.unread = max(0, self.unread - octets)
        if self.unread == 0 and self.full:
            self.full = False
            if self.producer is not None:
                self.producer.resumeProducing()
        if self.closing:
            self._close_if_empty()

    def take_all(self):
        while self.unread:
            self.take(self.unread)

    def lose(self, why=None):
        if not self.lost:
            self.lost = True
            if self.producer is not None:
                self.producer.stopProducing()
            self.protocol.connectionLost(TwistedFailure(why or ConnectionLost()))

    def _close_if_empty(self):
        if self.unread == 0:
            self.clock.callLater(0, self.lose, ConnectionDone())
