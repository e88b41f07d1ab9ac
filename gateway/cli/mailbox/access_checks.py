"""Rules 11 and 12: the lock, and who gets in."""

import base64
from collections.abc import Iterator

from gateway.backend.rest.shapes import Lock
from gateway.cli.mailbox.raw_checks import Result
from gateway.cli.mailbox.rules import Breach, Skipped
from gateway.cli.mailbox.view import View, problem_breaches, shaped
from gateway.cli.mailbox.wire import Answer, raw_path

_SECONDS = 30


def credentials(view: View, _sample: int) -> Result:
    """Rule 12: every endpoint, without credentials and with wrong ones."""
    wrong = base64.b64encode(b"check-mailbox:wrong").decode()
    paths = ["/session", "/messages"]
    paths += [raw_path(message.id) for message in view.messages[:1]]
    paths += ["/changes?since=x"] if view.offers("changes") else []
    for path in paths:
        for authorization in ("", f"Basic {wrong}", "Bearer check-mailbox-wrong"):
            answer = view.target.ask("GET", path, authorization=authorization)
            kind = authorization.partition(" ")[0]
            yield from _refused(answer, f"GET {path} with {f'wrong {kind}' if kind else 'no'}")
    yield "nothing is told without the right credentials"


def _refused(answer: Answer, what: str) -> Iterator[Breach]:
    if answer.status != 401:
        seen = f"{what} credentials is {answer.status}"
        yield Breach(12, seen, "answer 401 before anything else; 403 is for disabled accounts")
        return
    if "www-authenticate" not in answer.headers:
        remedy = 'send WWW-Authenticate with each 401, e.g. Basic realm="mailbox"'
        yield Breach(12, f"{what} credentials: the 401 has no WWW-Authenticate", remedy)
    yield from problem_breaches(answer, f"{what} credentials")


def lock(view: View, _sample: int) -> Result:
    """Rule 11."""
    if not view.offers("lock"):
        yield Skipped(
            "the feature lock is not offered: two sessions may have the mailbox at a time"
        )
        return
    first = _take(view)
    if first.status == 423:
        yield Skipped("somebody has the lock just now: it was not tried")
        return
    if first.status != 201:
        yield Breach(11, f"POST /lock is {first.shown()}", "answer 201 with a token")
        return
    token = shaped(first, Lock, "POST /lock").token
    try:
        yield from _held(view, token)
    finally:
        released = view.target.ask("DELETE", f"/lock/{token}")
    if released.status != 204:
        yield Breach(11, f"DELETE of the lock is {released.shown()}", "answer 204")
    second = _take(view)
    if second.status != 201:
        seen = f"POST /lock after the lock was given back is {second.shown()}"
        yield Breach(11, seen, "let go of the lock at DELETE")
    else:
        view.target.ask("DELETE", f"/lock/{shaped(second, Lock, 'POST /lock').token}")
    yield "one at a time has the lock"


def _held(view: View, token: str) -> Iterator[Breach]:
    other = _take(view)
    if other.status != 423:
        seen = f"a second POST /lock is {other.status} while the first holds"
        yield Breach(11, seen, "answer 423 until the lock is given back or its time is over")
        if other.status == 201:
            view.target.ask("DELETE", f"/lock/{shaped(other, Lock, 'POST /lock').token}")
    else:
        yield from problem_breaches(other, "the second lock")
    kept = view.target.ask("PUT", f"/lock/{token}", body={"ttl": _SECONDS})
    if kept.status != 200:
        seen = f"PUT of a lock that is held is {kept.shown()}"
        yield Breach(11, seen, "begin its time anew and answer 200")
    unknown = view.target.ask("PUT", "/lock/check-mailbox-none", body={"ttl": _SECONDS})
    if unknown.status != 404:
        seen = f"PUT of a lock that never was is {unknown.shown()}"
        yield Breach(11, seen, "answer 404: its owner must know that it is lost")


def _take(view: View) -> Answer:
    return view.target.ask("POST", "/lock", body={"ttl": _SECONDS})
