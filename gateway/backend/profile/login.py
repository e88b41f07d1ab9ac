"""The calls of a login: what they send, what they take, and what a refusal means."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from jsonpointer import JsonPointer
from twisted.internet.defer import Deferred

from gateway.backend.http import faults
from gateway.backend.http.client import Caller, shown_url
from gateway.backend.http.response import Answer
from gateway.backend.profile import rows
from gateway.backend.profile.call import Request, below, request
from gateway.backend.profile.credentials import ProfileAuthorization
from gateway.backend.profile.schema import Login as LoginCall
from gateway.backend.profile.schema import Profile
from gateway.backend.profile.template import Template
from gateway.errors import BadCredentials, ConsentMissing, Failure, Unavailable
from gateway.maildrop import Login

_CLIENT = ("user", "password")
_DOTS = frozenset({".", ".."})
# Whatever else comes is told here: the room would quote an answer that may echo a token.
_LEFT_TO_THE_ROOM = frozenset({301, 302, 303, 307, 308, 429, 503})
_ANY = frozenset(range(200, 600)) - _LEFT_TO_THE_ROOM


def names_of(login: Login, *, basic: bool) -> dict[str, str]:
    """The client's name and password as texts.

    Args:
        login: As the client gave it.
        basic: The password goes to the server as it is, so that it need not be text.

    Raises:
        BadCredentials: They cannot be sent as JSON or in a URL.
    """
    values: dict[str, str] = {}
    try:
        values["user"] = login.user.decode()
        values["password"] = login.password.get_secret_value().decode()
    except UnicodeDecodeError:
        if not (basic and "user" in values):
            raise BadCredentials("the name or the password is not UTF-8") from None
    if values["user"] in _DOTS:
        raise BadCredentials("the name is not one")
    return values


class LoginCalls:
    """Logs in, and again when a token is refused in the middle of a session.

    Args:
        profile: Says by which calls.
        caller: Of this login.
        authorization: Gets what the calls take.
        values: The names known; what the calls take is added to them.
    """

    def __init__(
        self,
        profile: Profile,
        caller: Caller,
        authorization: ProfileAuthorization,
        values: dict[str, str],
    ) -> None:
        self._calls = profile.login
        self._refused = frozenset(profile.auth.refused)
        self._changing = Template.parse(profile.auth.value or "").names
        self._caller = caller
        self._authorization = authorization
        self._values = values
        self._running: list[Deferred[bool]] | None = None

    async def run(self) -> None:
        """Make all calls, in order.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured
        """
        fresh = {name: self._values[name] for name in _CLIENT if name in self._values}
        self._authorization.values = fresh
        try:
            for call in self._calls:
                await self._make(call, fresh)
            self._check_same(fresh)
            self._values.update(fresh)
        finally:
            self._authorization.values = self._values

    async def run_again(self, refused: bytes) -> bool:
        """Make all calls once more, once for all who wait; whether that may have helped."""
        if self._running is not None:
            joined: Deferred[bool] = Deferred()
            self._running.append(joined)
            return await joined
        if await self._authorization.token() != refused:
            return True  # somebody else was refused before, and did something about it
        self._running, helped = [], False
        before = dict(self._values)
        try:
            await self.run()
            helped = self._values != before
        finally:
            waiting, self._running = self._running, None
            for each in waiting:
                each.callback(helped)
        return helped

    async def _make(self, call: LoginCall, values: dict[str, str]) -> None:
        answer = await self._ask(call, values)
        try:
            values.update(rows.take(call.take, answer.json() if call.take else None))
        except rows.BadList as error:
            raise Unavailable(f"the upstream's answer to the login: {error}") from None

    def _check_same(self, fresh: Mapping[str, str]) -> None:
        """Ids and URLs were made with what the first login took."""
        changed = {name for name in fresh if self._values.get(name, fresh[name]) != fresh[name]}
        if changed - self._changing:
            raise Unavailable("the upstream's new login leads to another mailbox")

    async def _ask(self, call: LoginCall, values: Mapping[str, str]) -> Answer:
        service = {"service": "", **await self._authorization.service()}
        asked = request(call, {**values, **service})
        response = await self._caller.answer(
            asked.method,
            below(self._caller, asked.path),
            headers=asked.headers,
            body=asked.body,
            expect=_ANY,
        )
        if response.status not in range(200, 300):
            raise self._failure(call, asked, response)
        return response

    def _failure(self, call: LoginCall, asked: Request, answer: Answer) -> Failure:
        shown = f"{answer.status} to {asked.method} {shown_url(asked.path)} (login)"
        if answer.status not in self._refused | frozenset(call.refused):
            return faults.of_status(answer.status, shown)
        if call.code is None or _code(call.code, answer) in call.codes:
            return BadCredentials(f"the upstream refuses the name or the password: {shown}")
        return ConsentMissing(
            f"the upstream refuses the login, but not the password: {shown}; if it wants a "
            "service token, it is missing or no good (--upstream-token-file)"
        )


def _code(pointer: str, answer: Answer) -> Any:
    with suppress(Failure):
        return rows.text_of(rows.at(JsonPointer(pointer), answer.json()))
    return None
