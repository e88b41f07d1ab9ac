"""Reads a dialog file, and plays it against a runner. README.md describes the language."""

import base64
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from tests.protocol import proofs

FOLDER = Path(__file__).parent / "dialogs"
# Directives that only a fake upstream, or time, can carry out.
NOT_OVER_TCP = {"backend", "timeout", "drain", "settings", "offer"}
FIRST = {"maildrop", "account", "settings", "tls", "offer", "without"}

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|\{(.+?)\*(\d+)\}|(.))", re.DOTALL)
_NAMES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0"}
_LINE = re.compile(r"([CS])(?:\*(\d+))?([:>])(?: (.*))?", re.DOTALL)


class Mismatch(AssertionError):
    """The server said something else than the dialog expects."""


@dataclass
class Step:
    number: int
    kind: str
    text: str
    times: int = 1
    raw: bool = False


@dataclass
class Dialog:
    """One file: what holds before it begins, and its steps."""

    path: Path
    maildrop: str = "three"
    account: tuple[bytes, bytes] | None = None
    settings: dict = field(default_factory=dict)
    tls: str = "none"
    offer: str = "usual"
    steps: list[Step] = field(default_factory=list)

    @property
    def over_tcp(self):
        fake = any(step.kind in NOT_OVER_TCP for step in self.steps)
        return not fake and self.runs_on("tcp")

    @property
    def has_quit(self):
        return any(step.kind == "C" and "quit" in step.text.lower() for step in self.steps)

    def runs_on(self, runner):
        return not any(step.kind == "without" and runner in step.text for step in self.steps)


def octets(text):
    r"""The octets of a text with \xff, \r, \n, \t, \0, \\, \{a*300}."""
    found, position = b"", 0
    for match in _ESCAPE.finditer(text):
        found += text[position : match.start()].encode()
        hexadecimal, repeated, count, name = match.groups()
        if hexadecimal:
            found += bytes.fromhex(hexadecimal)
        elif repeated:
            found += octets(repeated) * int(count)
        else:
            found += _NAMES.get(name, name.encode())
        position = match.end()
    return found + text[position:].encode()


def pattern(text):
    """A compiled pattern: `*` is any octets but line ends, the rest stands for itself."""
    parts = re.split(r"(?<!\\)\*(?!\d+\})", text)
    return re.compile(rb"[^\r\n]*".join(re.escape(octets(part)) for part in parts) + rb"\Z")


def read(path):
    dialog = Dialog(path)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            dialog.steps.append(_step(number, line))
    for step in dialog.steps:
        if step.kind in FIRST:
            _prepare(dialog, step)
    return dialog


def _step(number, line):
    if line.startswith("@"):
        kind, _, text = line[1:].partition(" ")
        return Step(number, kind, text)
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"line {number} is no step: {line}")
    kind, times, mark, text = match.groups()
    return Step(number, kind, text or "", int(times or 1), mark == ">")


def _prepare(dialog, step):
    if step.kind == "maildrop":
        dialog.maildrop = step.text
    elif step.kind == "account":
        user, password = (octets(word) for word in step.text.split(" | "))
        dialog.account = (user, password)
    elif step.kind == "tls":
        dialog.tls = step.text
    elif step.kind == "offer":
        dialog.offer = step.text
    elif step.kind == "settings":
        for word in shlex.split(step.text):
            key, _, value = word.partition("=")
            dialog.settings[key] = value


class Player:
    """Plays one dialog against one runner; see README.md for what a runner has to be."""

    def __init__(self, dialog, runner):
        self._dialog, self._runner = dialog, runner
        self._ended = False

    def play(self):
        for kind, steps in self.blocks():
            self._play_block(kind, steps)
        if not self._ended:
            self._runner.still_open()
        self._runner.finish(may_commit=self._dialog.has_quit)

    def play_until(self, count, interrupt):
        """Play the first blocks, then something else that happens, and nothing more."""
        blocks = self.blocks()[:count]
        for kind, steps in blocks:
            self._play_block(kind, steps)
        self._runner.take_rest()
        interrupt(self._runner)
        self._runner.take_rest()
        quits = [step for kind, steps in blocks if kind == "C" for step in steps]
        self._runner.finish(may_commit=any("quit" in step.text.lower() for step in quits))

    def blocks(self):
        """Steps of one kind that follow each other, if they are lines; else one by one."""
        found = []
        for step in self._dialog.steps:
            if step.kind in {"C", "S"} and found and found[-1][0] == step.kind:
                found[-1][1].append(step)
            else:
                found.append((step.kind, [step]))
        return found

    def _play_block(self, kind, steps):
        try:
            self._block(kind, steps)
        except AssertionError as error:
            place = f"{self._dialog.path.name}:{steps[0].number}"
            raise Mismatch(f"{place}: {error}") from error

    def _block(self, kind, steps):
        if kind == "C":
            self._runner.send(b"".join(self._line(step) for step in steps))
        elif kind == "S":
            self._expect(steps)
        elif kind not in FIRST:
            getattr(self, f"_do_{kind}")(steps[0].text)

    def _line(self, step):
        data = octets(self._filled(step.text)) + (b"" if step.raw else b"\r\n")
        return data * step.times

    def _filled(self, text):
        user, password = self._runner.user, self._runner.password
        words = {
            "{user}": user,
            "{password}": password,
            "{user64}": base64.b64encode(user),
            "{password64}": base64.b64encode(password),
            "{plain64}": base64.b64encode(b"\0" + user + b"\0" + password),
        }
        words |= proofs.words(user, password)
        if "{scram" in text:
            words |= proofs.scram(user, password)
        for word, value in words.items():
            text = text.replace(word, "".join(f"\\x{octet:02x}" for octet in value))
        return text

    def _expect(self, steps):
        greedy = False
        for step in [one for one in steps for _ in range(one.times)]:
            if step.text == "...":
                greedy = True
                continue
            self._expect_line(step, greedy=greedy)
            greedy = False
        if greedy:
            rest = self._runner.take_rest()
            assert b"\r\n.\r\n" not in rest, "a terminator where none belongs"

    def _expect_line(self, step, *, greedy):
        wanted = pattern(self._filled(step.text) + ("" if step.raw else r"\r\n"))
        while True:
            line = self._runner.readline()
            if wanted.match(line):
                return
            if not greedy or not line:
                raise AssertionError(
                    f"expected {step.text!r} (line {step.number}), got {line!r}"
                )

    # ---- directives

    def _do_greeting(self, _):
        self._expect([Step(0, "S", "+OK *")])

    def _do_login(self, _):
        self._block("C", [Step(0, "C", "USER {user}"), Step(0, "C", "PASS {password}")])
        self._block("S", [Step(0, "S", "+OK *"), Step(0, "S", "+OK *")])

    def _do_open(self, _):
        self._runner.still_open()
        self._runner.is_silent()

    def _do_closed(self, _):
        self._ended = True
        self._runner.has_closed()

    def _do_reset(self, _):
        self._ended = True
        self._runner.has_reset()

    def _do_drop(self, _):
        self._ended = True
        self._runner.drop()

    def _do_end(self, _):
        self._runner.half_close()

    def _do_left(self, text):
        numbers = [] if text == "none" else [int(word) for word in text.split()]
        assert self._runner.left() == numbers

    def __getattr__(self, name):
        """The other directives are the runner's own: backend, elsewhere, starttls, drain."""
        if not name.startswith("_do_"):
            raise AttributeError(name)
        return getattr(self._runner, "do_" + name.removeprefix("_do_"))
