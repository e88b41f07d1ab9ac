"""Answers that were given, so that a request sent twice is done once (rule 10)."""

from collections import OrderedDict
from hashlib import sha256

from gateway.mailbox_server.problems import Problem

_KEPT = 200


class Answers:
    """The last answers by Idempotency-Key. A server with a database keeps them a day there."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, object]] = OrderedDict()

    def find(self, key: str, request: bytes) -> object:
        """The answer that this request had; None if it is new.

        Raises:
            Problem: The key came with another request.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        digest, answer = kept
        if digest != sha256(request).digest():
            raise Problem(422, "key-reused", "This Idempotency-Key had another request.")
        return answer

    def keep(self, key: str, request: bytes, answer: object) -> None:
        """Remember the answer instead of the oldest."""
        self._kept[key] = (sha256(request).digest(), answer)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
