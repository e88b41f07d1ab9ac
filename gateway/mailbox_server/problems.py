"""Errors as the client sees them: application/problem+json (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

_NONE: Mapping[str, str] = MappingProxyType({})


class Problem(Exception):
    """A request that gets an error.

    Args:
        status: The status.
        kind: The word by which a program tells this error from others.
        detail: One sentence for a person. It never quotes a password or a token.
        headers: More header fields of the answer.
    """

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] = _NONE
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers

    def body(self) -> bytes:
        """The answer's octets."""
        return json.dumps(
            {
                "type": self.kind,
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
            }
        ).encode()


def bad_request(detail: str) -> Problem:
    """The request is not as the contract has it."""
    return Problem(400, "bad-request", detail)
