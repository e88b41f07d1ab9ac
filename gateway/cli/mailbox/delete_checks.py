"""Rules 9 and 10, on messages that may be deleted: nothing is sent about any other."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.backend.rest.shapes import Changes, Deletion
from gateway.cli.mailbox.raw_checks import Result
from gateway.cli.mailbox.rules import Breach, CannotGoOn, Skipped
from gateway.cli.mailbox.view import View, ask_for, look, problem_breaches, shaped
from gateway.cli.mailbox.wire import Answer, raw_path

_UNKNOWN = "check-mailbox-no-such-id"


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be deleted.

    Attributes:
        ids: These messages.
        any_one: One message, whichever: the last of the list is taken.
    """

    ids: tuple[str, ...] = ()
    any_one: bool = False

    def victim(self, view: View) -> str | None:
        """The message that is going to be deleted.

        Raises:
            CannotGoOn: One that was named is not there.
        """
        there = [message.id for message in view.messages]
        for each in self.ids:
            if each not in there:
                seen = f"there is no message {each!r} to delete"
                raise CannotGoOn(Breach(9, seen, "give --delete-id an id of the list"))
        if self.ids:
            return self.ids[0]
        return there[-1] if self.any_one and there else None


def deletion(view: View, permission: Permission) -> Result:
    """Delete one message, and look at everything that this changes."""
    if not view.offers("bulk-delete"):
        yield Skipped("the feature bulk-delete is not offered: POP3 clients cannot delete")
        return
    victim = permission.victim(view)
    if victim is None:
        yield Skipped("deletion was not tried: it needs --delete-id ID or --destructive")
        return
    yield from _refused(view, victim)
    key = secrets.token_urlsafe(24)
    first = _delete(view, [_UNKNOWN, victim], key)
    yield from _told(first, victim)
    yield from _repeated(view, victim, key, first)
    yield from _afterwards(view, victim)
    yield from _told_as_change(view, victim)
    yield f"message {victim!r} was deleted, and nothing else"


def _refused(view: View, victim: str) -> Iterator[Breach]:
    """Requests that must do nothing; if they do, it is what was allowed."""
    path = "GET raw"
    query = {"generation": "check-mailbox"}
    answer = view.target.ask("GET", raw_path(victim), query)
    if answer.status == 409:
        path = "delete"
        answer = _delete(view, [victim], secrets.token_urlsafe(24), generation="check-mailbox")
    if answer.status != 409:
        yield Breach(
            4,
            f"{path} with another generation is {answer.shown()}",
            "answer 409 and do nothing if the request's generation is not the present one",
        )
    else:
        yield from problem_breaches(answer, "another generation")


def _told(answer: Answer, victim: str) -> Iterator[Breach]:
    if answer.status != 200:
        raise CannotGoOn(
            Breach(
                9,
                f"deleting {victim!r} together with an unknown id is {answer.shown()}",
                "answer 200, remove what is there, and name the unknown one in notFound",
            )
        )
    told = shaped(answer, Deletion, "POST /messages/delete")
    if told.destroyed != [victim] or told.failed:
        seen = f"of {victim!r} and an unknown id, destroyed is {told.destroyed}"
        yield Breach(
            9, seen, "name in destroyed what was removed by this request, nothing else"
        )
    if told.notFound != [_UNKNOWN]:
        seen = f"an unknown id is not in notFound, which is {told.notFound}"
        yield Breach(9, seen, "name in notFound each id that is no message (any more)")


def _repeated(view: View, victim: str, key: str, first: Answer) -> Iterator[Breach]:
    again = _delete(view, [_UNKNOWN, victim], key)
    same = again.status == 200 and shaped(again, Deletion, "the repetition") == shaped(
        first, Deletion, "POST /messages/delete"
    )
    if not same:
        seen = f"the same deletion with the same key is {again.shown()}"
        yield Breach(10, seen, "keep the answer with the key, for a day, and send it again")
    other = _delete(view, [_UNKNOWN], key)
    if other.status != 422:
        seen = f"another deletion with the same key is {other.shown()}"
        yield Breach(
            10, seen, "keep a digest of the body with the key; if it differs, answer 422"
        )
    no_key = _delete(view, [_UNKNOWN], "")
    if no_key.status != 400:
        seen = f"a deletion without Idempotency-Key is {no_key.shown()}"
        yield Breach(
            10, seen, "answer 400: without a key a lost answer cannot be asked for again"
        )


def _afterwards(view: View, victim: str) -> Iterator[Breach]:
    after = look(view.target)
    before = {message.id for message in view.messages}
    left = {message.id for message in after.messages}
    if victim in left:
        seen = f"message {victim!r} is still in the list after it was deleted"
        yield Breach(9, seen, "answer when the removal is done and can be seen")
    for lost in sorted(before - left - {victim})[:3]:
        seen = f"message {lost!r} is gone too, which nobody asked to delete"
        yield Breach(9, seen, "remove by the ids of the request and by nothing else")
    if after.state == view.state and victim not in left:
        seen = "the state is the same after a deletion"
        yield Breach(7, seen, "change the state, and the ETag with it, when a message goes")
    raw = view.target.ask("GET", raw_path(victim))
    if raw.status not in {404, 410}:
        seen = f"raw of a deleted message is {raw.status}"
        yield Breach(2, seen, "answer 404 or 410")


def _told_as_change(view: View, victim: str) -> Iterator[Breach]:
    if not view.offers("changes"):
        return
    answer = view.target.ask("GET", "/changes", {"since": view.state})
    if answer.status == 410:
        seen = "the state before the deletion is a 410 a moment later"
        yield Breach(8, seen, "remember what was removed, for a week if you can")
        return
    _, changes = ask_for(view.target, Changes, "/changes", {"since": view.state})
    if victim not in changes.destroyed:
        seen = f"changes since the state before do not tell that {victim!r} is gone"
        yield Breach(8, seen, "remember what was removed, with the state in which it was")


def _delete(view: View, ids: list[str], key: str, generation: str = "") -> Answer:
    return view.target.ask(
        "POST",
        "/messages/delete",
        headers={"Idempotency-Key": key},
        body={
            "generation": generation or view.session.generation,
            "ids": ids,
            "mode": "purge",
        },
    )
