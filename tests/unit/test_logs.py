"""Events as lines: both forms, the filter, and what of Twisted's own log is shown."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from gateway.logs import sink
from gateway.telemetry import Event, Level


@dataclass(frozen=True, slots=True)
class Whispered(Event):
    level: ClassVar[Level] = "debug"
    text: object


@dataclass(frozen=True, slots=True)
class SaidAloud(Event):
    text: object


@dataclass(frozen=True, slots=True)
class Shouted(Event):
    level: ClassVar[Level] = "error"
    text: object


class Broken(io.StringIO):
    """A pipe that nobody reads, or a disk that is full."""

    def write(self, _):
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "full"), ValueError("closed")]
)
def test_a_log_that_cannot_be_written_stops_nothing(error):
    stream = Broken()
    stream.error = error
    sink("info", "json", stream)(SaidAloud("x"), {})


def lines(level, form, *events, **context):
    stream = io.StringIO()
    write = sink(level, form, stream)
    for event in events:
        write(event, context)
    return stream.getvalue().splitlines()


def test_a_line_of_text_begins_with_time_level_and_name():
    (line,) = lines("info", "text", SaidAloud("hello there"), session=3)
    time, level, name, *rest = line.split(" ")
    assert time.startswith("timestamp=2")
    assert time.endswith("Z")
    assert (level, name) == ("level=info", "event=said_aloud")
    assert " ".join(rest) == 'session=3 text="hello there"'


def test_a_line_of_json_has_the_same():
    (line,) = lines("info", "json", SaidAloud(7), session=3)
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"level": "info", "event": "said_aloud", "session": 3, "text": 7}


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", 3), ("info", 2), ("warning", 1), ("error", 1)],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_only_what_is_important_enough_is_shown(level, shown, form):
    events = [Whispered(1), SaidAloud(2), Shouted(3)]
    assert len(lines(level, form, *events)) == shown


ODD = ['a"b', "a=b", "a b", "", "line\nline", "tab\t", "ünï 日本 🐌", "\\", "\r\n", "a\u2028b"]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_event_is_one_line_whatever_it_says(form, text):
    stream = io.StringIO()
    sink("info", form, stream)(SaidAloud(text), {})
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize(
    "odd", ["\r", "\x1b", "\x85", "\u2028", "\x7f", "\0", "\x0b", "\ud800"]
)
def test_no_text_steers_a_terminal_or_ends_a_line(odd):
    (line,) = lines("info", "text", SaidAloud(f"a{odd}b"), user=f"x{odd}y")
    assert line.isprintable()
    assert "a\\" in line


@pytest.mark.parametrize("text", ODD)
def test_json_gives_every_text_back(text):
    (line,) = io.StringIO(lines("info", "json", SaidAloud(text))[0])
    assert json.loads(line)["text"] == text


def test_an_events_own_value_wins_over_the_context():
    (line,) = lines("info", "json", SaidAloud("mine"), text="theirs")
    assert json.loads(line)["text"] == "mine"


CRASH = """
import sys
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python import log
from gateway.logs import take_over_twisted

take_over_twisted()
Logger().info("hunter2 said quietly")
Logger().error("hunter2 said {aloud}", aloud="hunter2")

def crash(password):
    raise RuntimeError(f"login with {password}")

try:
    crash("hunter2")
except RuntimeError:
    log.err(None, "hunter2")

def lost():
    fail(RuntimeError("hunter2 unhandled"))

lost()
import gc
gc.collect()
"""


def test_of_twisted_only_errors_are_shown_and_never_their_values():
    done = subprocess.run(
        [sys.executable, "-c", CRASH], capture_output=True, text=True, check=True, timeout=60
    )
    assert "hunter2" not in done.stdout
    shown = done.stderr.replace('crash("hunter2")', "").replace('"hunter2 unhandled"', "")
    assert "hunter2" not in shown
    assert "in crash" in shown
    assert "twisted: RuntimeError" in shown
