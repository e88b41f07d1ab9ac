"""The contract itself: which request gets which answer.

docs/rest-mailbox/openapi.yaml has it in a form for machines.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

from klein import Klein
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThread
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway.mailbox_server import parsing, replies
from gateway.mailbox_server.answers import Answers
from gateway.mailbox_server.history import History
from gateway.mailbox_server.locks import Lock
from gateway.mailbox_server.problems import Problem, bad_request
from gateway.mailbox_server.store import Message, Mode, Store, StoreUnavailable

Request: TypeAlias = Any
"""`twisted.web.server.Request`, which has no types."""
_FEATURES = ("changes", "range", "bulk-delete", "trash", "lock")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the session object tells: messages a page, ids a deletion, requests at a time."""

    page: int = 1000
    bulk_delete: int = 500
    concurrency: int = 16


class MailboxApi:
    """All endpoints over one store. Authentication comes before it: `server.py`.

    Args:
        account: Whose mailbox it is.
        store: The mail.
        history: Empty.
        lock: Free.
        limits: Told to the clients, and kept.
    """

    app = Klein()

    def __init__(
        self,
        account: str,
        store: Store,
        history: History,
        lock: Lock,
        limits: Limits | None = None,
    ) -> None:
        self._account = account
        self._store = store
        self._history = history
        self._lock = lock
        self._limits = limits or Limits()
        self._answers = Answers()
        self._turn = DeferredLock()

    @app.route("/session", methods=["GET"])
    async def session(self, request: Request) -> bytes:
        """Whose mailbox this is, and what can be done with it."""
        await self._look()
        limits = self._limits
        answer = {
            "account": self._account,
            "generation": self._store.generation,
            "state": self._history.state,
            "features": _FEATURES,
            "limits": {
                "page": limits.page,
                "bulkDelete": limits.bulk_delete,
                "concurrency": limits.concurrency,
            },
        }
        return replies.as_json(request, answer)

    @app.route("/messages", methods=["GET"])
    async def messages(self, request: Request) -> bytes:
        """A page of the list, or 304 (rules 5 to 7)."""
        limit = parsing.limit(request.args, self._limits.page)
        cursor = parsing.one(request.args, "cursor")
        if cursor is None:
            await self._look()
        page = self._history.page(cursor, limit)
        tag = f'"{page.state}"'
        request.setHeader("ETag", tag)
        if parsing.is_among(tag, parsing.field(request.requestHeaders, "If-None-Match")):
            request.setResponseCode(304)
            return b""
        answer = {
            "generation": self._store.generation,
            "state": page.state,
            "total": page.total,
            "totalSize": page.total_size,
            "messages": [message.as_json() for message in page.messages],
            "next": page.next,
        }
        return replies.as_json(request, answer)

    @app.route("/changes", methods=["GET"])
    async def changes(self, request: Request) -> bytes:
        """What came and went since a state (rule 8)."""
        limit = parsing.limit(request.args, self._limits.page)
        since = parsing.one(request.args, "since")
        if since is None:
            raise bad_request("since: the state from which on")
        await self._look()
        changes = self._history.changes(since, limit)
        answer: dict[str, object] = {
            "from": changes.start,
            "to": changes.end,
            "created": [message.as_json() for message in changes.created],
            "destroyed": changes.destroyed,
            "more": changes.more,
        }
        if not changes.more:
            answer["total"] = changes.total
        return replies.as_json(request, answer)

    @app.route("/messages/<message_id>/raw", methods=["GET", "HEAD"])
    async def raw(self, request: Request, message_id: str) -> bytes | None:
        """The octets of a message (rules 1 to 3)."""
        self._check_generation(parsing.one(request.args, "generation"))
        message = await self._find(message_id)
        span = self._span(request, message)
        start, stop = span or (0, message.size)
        octets = await deferToThread(self._store.open, message.id, start, stop)
        if octets is None:
            raise _gone()
        try:
            replies.raw_headers(request, message, span)
            if request.method != b"HEAD":
                await replies.send(octets, stop - start, request)
        finally:
            octets.close()
        return None

    @app.route("/messages/delete", methods=["POST"])
    async def delete(self, request: Request) -> bytes:
        """Remove exactly these (rules 9 and 10)."""
        key = parsing.key(parsing.field(request.requestHeaders, "Idempotency-Key"))
        octets = request.content.read()
        wanted = parsing.body(
            parsing.DeleteRequest, octets, parsing.field(request.requestHeaders, "Content-Type")
        )
        ids = parsing.message_ids(wanted.ids, self._limits.bulk_delete)
        self._check_generation(wanted.generation)
        # One at a time: a repetition that comes while the first is under way waits for it.
        answer = await self._in_turn(lambda: self._remove_once(key, octets, ids, wanted.mode))
        return replies.as_json(request, answer)

    async def _remove_once(
        self, key: str, request: bytes, ids: Sequence[str], mode: Mode
    ) -> object:
        answer = self._answers.find(key, request)
        if answer is None:
            answer = await self._remove(ids, mode)
            self._answers.keep(key, request, answer)
        return answer

    async def _remove(self, ids: Sequence[str], mode: Mode) -> object:
        await self._update()
        there = [each for each in ids if each in self._history.messages]
        kept = await deferToThread(self._store.remove, there, mode)
        await self._update()
        return {
            "destroyed": [each for each in there if each not in kept],
            "notFound": [each for each in ids if each not in set(there)],
            "failed": {
                each: {"type": "not-removed", "detail": why} for each, why in kept.items()
            },
            "state": self._history.state,
        }

    @app.route("/lock", methods=["POST"])
    def take_lock(self, request: Request) -> bytes:
        """Be the one session of this mailbox (rule 11)."""
        wanted = _lock_request(request)
        token = self._lock.take(wanted.ttl)
        request.setResponseCode(201)
        return replies.as_json(request, {"token": token, "ttl": wanted.ttl})

    @app.route("/lock/<token>", methods=["PUT"])
    def keep_lock(self, request: Request, token: str) -> bytes:
        """Stay it for another while."""
        wanted = _lock_request(request)
        self._lock.keep(token, wanted.ttl)
        return replies.as_json(request, {"token": token, "ttl": wanted.ttl})

    @app.route("/lock/<token>", methods=["DELETE"])
    def release_lock(self, request: Request, token: str) -> None:
        """Let others have it."""
        self._lock.release(token)
        request.setResponseCode(204)

    async def _look(self) -> None:
        """Let the history know what is there now."""
        await self._in_turn(self._update)

    async def _update(self) -> None:
        self._history.update(await deferToThread(self._store.messages))

    def _in_turn(self, deed: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        """One after the other; and to the end, though the client of the request leaves."""
        answered: Deferred[T] = Deferred()
        done = self._turn.run(lambda: Deferred.fromCoroutine(deed()))
        done.chainDeferred(answered)
        return answered

    async def _find(self, message_id: str) -> Message:
        if message_id not in self._history.messages:
            await self._look()
        message = self._history.messages.get(message_id)
        if message is not None:
            return message
        if self._history.was_there(message_id):
            raise _gone()
        raise Problem(404, "message-unknown", "There is no such message.")

    def _check_generation(self, given: str | None) -> None:
        if given not in {None, self._store.generation}:
            raise Problem(409, "generation-changed", "The ids are of another generation.")

    @staticmethod
    def _span(request: Request, message: Message) -> tuple[int, int] | None:
        condition = parsing.field(request.requestHeaders, "If-Range")
        if condition not in {None, message.etag}:
            return None
        return parsing.span(parsing.field(request.requestHeaders, "Range"), message.size)

    @app.handle_errors(Problem)
    def problem(self, request: Request, failure: Any) -> bytes:
        """An error that was raised on purpose."""
        return replies.problem(request, failure.value)

    @app.handle_errors(StoreUnavailable)
    def unavailable(self, request: Request, failure: Any) -> bytes:  # noqa: ARG002
        """The store has trouble: its text may hold paths, and is not told."""
        headers = {"Retry-After": "10"}
        problem = Problem(503, "unavailable", "The mail cannot be read just now.", headers)
        return replies.problem(request, problem)

    @app.handle_errors(HTTPException)
    def no_such_endpoint(self, request: Request, failure: Any) -> bytes:
        """Neither path nor method is ours."""
        status = failure.value.code or 404
        headers = {}
        if isinstance(failure.value, MethodNotAllowed):
            headers["Allow"] = ", ".join(sorted(failure.value.valid_methods or ()))
        name = HTTPStatus(status).phrase
        return replies.problem(request, Problem(status, "no-such-endpoint", name, headers))


# "//" is no other way to write "/": nothing here answers with a redirect.
MailboxApi.app.url_map.merge_slashes = False


def _gone() -> Problem:
    return Problem(410, "message-gone", "The message was removed.")


def _lock_request(request: Request) -> parsing.LockRequest:
    content_type = parsing.field(request.requestHeaders, "Content-Type")
    return parsing.body(parsing.LockRequest, request.content.read(), content_type)
