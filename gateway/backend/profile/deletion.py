"""Deleting messages: one by one or many at once, and knowing what became of them."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from gateway.backend.http.api import Message, Raw
from gateway.backend.http.client import Caller
from gateway.backend.profile.call import Request, below, request
from gateway.backend.profile.listing import Lister
from gateway.backend.profile.schema import Bulk, Profile
from gateway.backend.profile.template import Values
from gateway.errors import Unavailable

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
# Of these the room knows more than the profile: wait, go elsewhere, try again.
_PASSING = frozenset({301, 302, 303, 307, 308, 401, 408, 423, 425, 429})


class Deletion:
    """Deletes messages of one mailbox.

    Args:
        profile: Says how.
        caller: Of this login.
        values: The names known after login.
        lister: Lists the mailbox.
    """

    def __init__(
        self, profile: Profile, caller: Caller, values: Values, lister: Lister
    ) -> None:
        self._call = profile.delete
        self._also = bool(profile.ids.also)
        self._caller = caller
        self._values = values
        self._lister = lister
        refused = frozenset(profile.auth.refused)
        # A status of which nothing is known says that this one message was not deleted.
        self._expect = (frozenset(range(200, 500)) - _PASSING - refused) | {
            *self._call.done,
            *self._call.gone,
            *self._call.unsure,
        }

    async def remove(self, messages: Sequence[Message], raws: Sequence[Raw]) -> Collection[str]:
        """See `gateway.backend.http.api.Api.remove`.

        Args:
            messages: Which.
            raws: How to get each of them.
        """
        gone: set[str] = set()
        if self._also:
            # Another message may have got the id of one that was removed by others.
            there = await self._there()
            gone = {message.id for message in messages if message.id not in there}
        left = [pair for pair in zip(messages, raws, strict=True) if pair[0].id not in gone]
        many, single = self._divided(left)
        if many:
            gone |= await self._in_bulk(many)
        return gone | await self._one_by_one(single)

    async def _there(self) -> Collection[str]:
        listed = await self._lister.everything()
        if listed is None:
            raise AssertionError("no ETag was given")
        if listed.total is not None and len(listed.rows) < listed.total:
            raise Unavailable("the list has fewer messages than it says: none is surely gone")
        return {row.id for row in listed.rows}

    def _divided(
        self, pairs: Sequence[tuple[Message, Raw]]
    ) -> tuple[Sequence[Message], Sequence[tuple[Message, Raw]]]:
        bulk = self._call.bulk
        if bulk is None or len(pairs) < 2:
            return (), pairs
        if bulk.join is None:
            return [message for message, _ in pairs], ()
        many = [message for message, _ in pairs if _PLAIN.fullmatch(_id(message))]
        return many, [pair for pair in pairs if not _PLAIN.fullmatch(_id(pair[0]))]

    async def _in_bulk(self, messages: Sequence[Message]) -> set[str]:
        """The list tells what became of them: the answer to one call for many cannot."""
        bulk = self._call.bulk
        if bulk is None:
            raise AssertionError("there is no call for many")
        for start in range(0, len(messages), bulk.most):
            await self._ask_for_many(
                bulk, [_id(m) for m in messages[start : start + bulk.most]]
            )
        there = await self._there()
        return {message.id for message in messages if message.id not in there}

    async def _ask_for_many(self, bulk: Bulk, ids: Sequence[str]) -> None:
        if bulk.join is None:
            asked = request(bulk, {**self._values, "ids": ""}, {"ids": ids})
        else:
            asked = request(bulk, {**self._values, "ids": bulk.join.join(ids)})
        await self._caller.answer(
            asked.method,
            below(self._caller, asked.path),
            headers=asked.headers,
            body=asked.body,
            repeatable=not self._also,
        )

    async def _one_by_one(self, pairs: Sequence[tuple[Message, Raw]]) -> set[str]:
        """All of them are over before a failure is told: nothing is left under way."""
        calls = [Deferred.fromCoroutine(self._delete(*pair)) for pair in pairs]
        results: Any = await DeferredList(calls, consumeErrors=True)
        failures = [result.value for success, result in results if not success]
        for failure in failures:
            raise failure
        deleted = [result for _, result in results]
        return {message.id for (message, _), sure in zip(pairs, deleted, strict=True) if sure}

    async def _delete(self, message: Message, raw: Raw) -> bool:
        asked = request(self._call, {**self._values, "id": _id(message)})
        answer = await self._caller.answer(
            asked.method,
            below(self._caller, asked.path),
            headers=asked.headers,
            body=self._body(asked),
            expect=self._expect,
            repeatable=not self._also,
        )
        if answer.status in self._call.unsure:
            return await self._is_gone(raw)
        if answer.status in self._call.gone:
            return True
        answer.refuse_page()
        return answer.status in self._call.done

    def _body(self, asked: Request) -> bytes | None:
        """Where ids are given again, what may have been done is not sent again unseen.

        Twisted does that with a DELETE on a kept connection, unless it has a body.
        """
        return b"" if self._also and asked.body is None else asked.body

    async def _is_gone(self, raw: Raw) -> bool:
        expect = {200, *raw.gone}
        response = await self._caller.request(
            "GET", raw.target, headers=raw.headers, expect=expect
        )
        response.discard()
        return response.status in raw.gone


def _id(message: Message) -> str:
    return message.locator or message.id
