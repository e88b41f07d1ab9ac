"""Method calls and their answers (RFC 8620 §3), within the server's limits."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from gateway.backend.http.client import Caller
from gateway.backend.jmap.session import CORE, MAIL, Session
from gateway.errors import Misconfigured, Unavailable

Item = TypeVar("Item")
Arguments = Mapping[str, Any]
_ENVELOPE = 1024
# RFC 8620 §3.6.2: errors that an administrator has to see to. Others may pass.
_LASTING = frozenset(
    {
        "unknownMethod",
        "invalidArguments",
        "invalidResultReference",
        "forbidden",
        "accountNotFound",
        "accountNotSupportedByMethod",
        "accountReadOnly",
        "unsupportedSort",
        "unsupportedFilter",
    }
)
_PROBLEM = "urn:ietf:params:jmap:error:"


class MethodError(Unavailable):
    """A method answered with an error.

    Attributes:
        kind: Its type.
    """

    def __init__(self, method: str, kind: str) -> None:
        super().__init__(f"the upstream's JMAP answers {method} with {kind[:100]}")
        self.kind = kind


class Methods:
    """Calls methods for one session.

    Args:
        caller: Sends the requests.
        session: Says where to, and how much at once.
    """

    def __init__(self, caller: Caller, session: Session) -> None:
        self.session = session
        self._caller = caller

    async def call(self, *calls: tuple[str, Arguments]) -> list[Any]:
        """Call methods that do not refer to each other, in as few requests as allowed.

        Args:
            calls: Names and arguments; the account is added.

        Returns:
            The answers' arguments in the order of the calls; for a method that failed, its
            `MethodError`.

        Raises:
            BadCredentials, ConsentMissing, Throttled, Unavailable, Misconfigured: There is no
                answer at all.
        """
        answers: list[Any] = []
        most = self.session.limits.calls
        for start in range(0, len(calls), most):
            answers += await self.together(*calls[start : start + most])
        return answers

    async def together(self, *calls: tuple[str, Arguments]) -> list[Any]:
        """The same in one request, so that later calls may refer to earlier ones by number."""
        account = {"accountId": self.session.account}
        request = {
            "using": [CORE, MAIL],
            "methodCalls": [
                [name, {**account, **arguments}, str(number)]
                for number, (name, arguments) in enumerate(calls)
            ],
        }
        # A call that is repeated does no harm: what it removed is gone, or in the trash.
        answer = await self._caller.answer(
            "POST",
            self.session.api,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            body=json.dumps(request, separators=(",", ":")).encode(),
            expect=(200, 400),
            repeatable=True,
        )
        if answer.status == 400:
            raise _problem(answer.json())
        found = _responses(answer.json())
        return [_answer(found, number, name) for number, (name, _) in enumerate(calls)]

    def portions(
        self, items: Iterable[Item], most: int, cost: Callable[[Item], int]
    ) -> Iterator[Sequence[Item]]:
        """Items in portions that fit into a request.

        Args:
            items: Whatever goes into the request's JSON.
            most: How many the server takes.
            cost: Octets that one takes there.
        """
        room = self.session.limits.octets - _ENVELOPE
        portion: list[Item] = []
        left = room
        for item in items:
            octets = cost(item)
            if portion and (len(portion) == most or octets > left):
                yield portion
                portion, left = [], room
            portion.append(item)
            left -= octets
        if portion:
            yield portion


def good(answer: Any) -> Any:
    """An answer's arguments.

    Raises:
        Misconfigured, Unavailable: It is an error.
    """
    if isinstance(answer, MethodError):
        raise Misconfigured(answer.detail) if answer.kind in _LASTING else answer
    return answer


def texts(value: Any) -> list[str]:
    """A list of texts, as ids are.

    Raises:
        Unavailable: It is none.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise not_jmap()
    return value


def text(value: Any) -> str:
    """A text.

    Raises:
        Unavailable: It is none.
    """
    if not isinstance(value, str):
        raise not_jmap()
    return value


def table(value: Any) -> Mapping[str, Any]:
    """An object; null is an empty one.

    Raises:
        Unavailable: It is none.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise not_jmap()
    return value


def listed(value: Any) -> list[Any]:
    """A list; null is an empty one.

    Raises:
        Unavailable: It is none.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise not_jmap()
    return value


def not_jmap() -> Unavailable:
    """For an answer of another shape than the RFC has it."""
    return Unavailable("the upstream's answer is not of the form that JMAP has")


def _responses(answer: Any) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Answers by the number of the call; of several to one call the first."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for each in listed(table(answer).get("methodResponses")):
        if not isinstance(each, list) or len(each) != 3:
            raise not_jmap()
        name, arguments, number = each
        found.setdefault(text(number), (text(name), table(arguments)))
    return found


def _answer(
    found: Mapping[str, tuple[str, Mapping[str, Any]]], number: int, method: str
) -> Any:
    name, arguments = found.get(str(number), ("", {}))
    if name == "error":
        return MethodError(method, str(arguments.get("type", "an error without a type")))
    if name != method:
        raise Unavailable(f"the upstream's JMAP does not answer {method}")
    return arguments


def _problem(problem: Any) -> Misconfigured | Unavailable:
    """What 400 means (RFC 8620 §3.6.1)."""
    told = problem if isinstance(problem, dict) else {}
    kind = str(told.get("type", "")).removeprefix(_PROBLEM)[:100]
    limit = str(told.get("limit", ""))[:100]
    detail = f"the upstream's JMAP refuses the request: {kind} {limit}".rstrip()
    if limit == "maxConcurrentRequests":
        return Unavailable(detail)
    return Misconfigured(detail)
