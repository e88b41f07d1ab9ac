"""Events have names and values, emitters have context, and no octet breaks a log line."""

from dataclasses import FrozenInstanceError, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry import Emitter, Event, printable


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    level = "warning"
    user: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Imap4LineSeen(Event):
    pass


def recorder():
    seen = []
    return seen, Emitter(lambda event, context: seen.append((event, dict(context))))


def test_name_is_the_class_in_snake_case():
    assert LoginRefused.name() == "login_refused"
    assert Imap4LineSeen.name() == "imap4_line_seen"


def test_values_are_the_fields():
    assert LoginRefused("me", 3).values() == {"user": "me", "attempts": 3}
    assert Imap4LineSeen().values() == {}


def test_level_is_info_unless_told():
    assert Imap4LineSeen.level == "info"
    assert LoginRefused.level == "warning"


def test_events_are_frozen():
    with pytest.raises(FrozenInstanceError):
        LoginRefused("me", 3).user = "you"


def test_emitter_passes_event_and_context_on():
    seen, emit = recorder()
    event = Imap4LineSeen()
    emit(event)
    emit.bind(session=7)(event)
    assert seen == [(event, {}), (event, {"session": 7})]


def test_bound_contexts_add_up_and_leave_the_outer_one_alone():
    seen, emit = recorder()
    outer = emit.bind(session=7, peer="192.0.2.1")
    inner = outer.bind(user="me", peer="192.0.2.2")
    inner(Imap4LineSeen())
    outer(Imap4LineSeen())
    assert [context for _, context in seen] == [
        {"session": 7, "peer": "192.0.2.2", "user": "me"},
        {"session": 7, "peer": "192.0.2.1"},
    ]


def test_context_given_at_the_start_is_copied():
    context = {"a": 1}
    seen = []
    emit = Emitter(lambda event, found: seen.append(dict(found)), context)
    context["a"] = 2
    emit(Imap4LineSeen())
    assert seen == [{"a": 1}]


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"NO [ALERT] full", "NO [ALERT] full"),
        ("grün".encode(), "grün"),
        (b"a\r\nb\0", r"a\x0d\x0ab\x00"),
        (b"\xff", r"\xff"),
        (b"\x1b[31m", r"\x1b[31m"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x".encode(), r"\x202ex"),
    ],
)
def test_printable(octets, text):
    assert printable(octets) == text


def test_printable_is_bounded_and_says_so():
    assert printable(b"x" * 200) == "x" * 200
    assert printable(b"x" * 201) == "x" * 200 + "…"
    assert printable(b"abc", limit=2) == "ab…"


@given(st.binary(max_size=300))
def test_any_octets_become_one_printable_line(octets):
    assert printable(octets).isprintable()
