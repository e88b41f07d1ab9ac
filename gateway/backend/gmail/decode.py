"""The message in the answer to `messages.get` with `format=raw`. Knows no I/O."""

from gateway.backend.http.decode import LineFeeds
from gateway.backend.http.json_field import JsonField


class RawMessage:
    """Its base64url text, decoded as it comes; messages put in by the API may have bare LFs."""

    same_length = False

    def __init__(self) -> None:
        self._field = JsonField("raw")
        self._lines = LineFeeds()

    def feed(self, chunk: bytes) -> bytes:
        """See `gateway.backend.http.decode.Decoder`."""
        return self._lines.feed(self._field.feed(chunk))

    def finish(self) -> bytes:
        """See `gateway.backend.http.decode.Decoder`."""
        return self._lines.feed(self._field.finish()) + self._lines.finish()
