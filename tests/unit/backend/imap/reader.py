"""A POP3 client that reads messages, as far as the driver sees of it."""

from gateway.errors import Failure

TOTAL = 64 << 20


class Sink:
    """Takes a body; `on_write` lets a test interfere after each chunk."""

    def __init__(self, on_write=lambda chunk: None):
        self.announced = "never"
        self.chunks = []
        self.on_write = on_write

    def begin(self, octets):
        assert self.announced == "never"
        self.announced = octets

    def write(self, chunk):
        assert self.announced != "never"
        self.chunks.append(chunk)
        self.on_write(chunk)

    @property
    def octets(self):
        return b"".join(self.chunks)


def messages(count=30, size=100):
    return [b"%04d" % number + b"x" * (size - 4) for number in range(1, count + 1)]


class Reader:
    """A POP3 client, as far as bodies go; by the short way too, where that is asked first."""

    def __init__(self, gateway, server, session, maildrop, budget, *, short_way=False):
        self.short_way = short_way
        self.gateway = gateway
        self.server = server
        self.session = session
        self.maildrop = maildrop
        self.budget = budget

    async def read(self, *refs):
        """These messages, one after the other; an exception in the place of one."""
        found = []
        for ref in refs:
            chunks = self.session.at_hand(ref) if self.short_way else None
            if chunks is not None:
                found.append(b"".join(chunks))
                continue
            sink = Sink()
            try:
                count = await self.session.body(ref).start(sink)
            except Failure as failure:
                found.append(type(failure))
            else:
                assert count == len(sink.octets) == sink.announced
                found.append(sink.octets)
        return found

    def asked(self):
        """What UID sets were fetched."""
        return [line.split()[2] for line in self.server.said("BODY")]

    async def settled(self):
        await self.gateway.until(lambda: self.session._connection.idle)

    @property
    def taken(self):
        return TOTAL - self.budget._left
