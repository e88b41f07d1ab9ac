"""Requests of the contract: JSON in its shapes, or a failure that says where it is not."""

import json
from collections.abc import Collection, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from gateway.backend.http.client import Caller
from gateway.backend.http.response import Answer
from gateway.errors import Unavailable

S = TypeVar("S", bound=BaseModel)


class Talk:
    """One login's way to one server.

    Args:
        caller: Sends requests for this login.
        base: Of the endpoints, with a slash at its end.
    """

    def __init__(self, caller: Caller, base: str) -> None:
        self._caller = caller
        self._base = base

    def url(self, path: str) -> str:
        """The URL of an endpoint."""
        return self._base + path

    async def get(
        self,
        shape: type[S],
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Answer, S]:
        """GET what must be there.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """
        answer = await self.try_get(path, query, headers, (200,))
        return answer, shaped(answer, shape, path)

    async def try_get(
        self,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        expect: Collection[int],
    ) -> Answer:
        """GET with the statuses that have a meaning; raises as `get`."""
        target = self.url(path) + (f"?{urlencode(query)}" if query else "")
        fields = {"Accept": "application/json", **(headers or {})}
        return await self._caller.answer("GET", target, headers=fields, expect=expect)

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str] | None = None,
        *,
        expect: Collection[int],
    ) -> Answer:
        """Send JSON, once more if nothing came back; raises as `get`.

        All that is sent can be sent twice: a deletion has its key, and a lock that was taken
        by a request without an answer runs out.
        """
        fields = {"Accept": "application/json", **(headers or {})}
        octets = None
        if body is not None:
            fields["Content-Type"] = "application/json"
            octets = json.dumps(body, separators=(",", ":")).encode()
        return await self._caller.answer(
            method, self.url(path), headers=fields, body=octets, expect=expect, repeatable=True
        )


def shaped(answer: Answer, shape: type[S], path: str) -> S:
    """What an answer holds.

    Raises:
        Unavailable: Not what the contract says. Nothing of it is quoted: it may be mail.
    """
    try:
        return shape.model_validate_json(answer.octets)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise Unavailable(f"the answer to {path}: {where}: {first['msg']}") from None
