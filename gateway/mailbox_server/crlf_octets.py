"""A slice of a message file in the form in which mail travels: lines end in CRLF."""

from io import FileIO

from gateway.backend.embedded.crlf import CrlfConverter

_CHUNK = 128 * 1024


class CrlfOctets:
    """Implements `gateway.mailbox_server.store.Octets`.

    Where octet n of the CRLF form is in the file is known only after reading up to it, so
    that a slice from the middle costs reading what is before. A store that keeps mail as it
    came from the network has it easier.

    Args:
        descriptor: The file; closed by `close`, if this raises, and when nobody knows the
            object any more: the client that asked for it may have left meanwhile.
        start: The first octet of the CRLF form to give.
        stop: The octet after the last.

    Raises:
        OSError: The file cannot be read.
    """

    def __init__(self, descriptor: int, start: int, stop: int) -> None:
        self._file = FileIO(descriptor)
        self._converter = CrlfConverter()
        self._ready = b""
        self._left = stop - start
        self._skip(start)

    def _skip(self, octets: int) -> None:
        while octets > 0 and self._fill():
            octets, self._ready = octets - len(self._ready), self._ready[octets:]

    def _fill(self) -> bool:
        self._ready = self._converter.convert(self._file.read(_CHUNK))
        return bool(self._ready)

    def read(self, size: int) -> bytes:
        """See the protocol."""
        if not self._ready and self._left:
            self._fill()
        count = min(size, self._left)
        octets, self._ready = self._ready[:count], self._ready[count:]
        self._left -= len(octets)
        return octets

    def close(self) -> None:
        """See the protocol."""
        self._file.close()
