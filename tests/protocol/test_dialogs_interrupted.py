"""Whatever ends a dialog, wherever it is: all is given back, and only QUIT removes mail."""

import pytest

from tests.protocol.dialog import FOLDER, Player, read
from tests.protocol.memory_runner import MemoryRunner


def _is_short(path):
    """Thousands of commands or messages make the same few states only slower."""
    dialog = read(path)
    return dialog.maildrop != "many" and all(step.times < 100 for step in dialog.steps)


FILES = [path for path in sorted(FOLDER.glob("*.pop3")) if _is_short(path)]


def drop(runner):
    runner.drop()


def drop_in_a_wait(runner):
    """The next step upstream hangs, and the client leaves meanwhile."""
    runner.backend.faults.hang |= {"open", "snapshot", "body", "commit", "close"}
    runner.send(b"AUTH PLAIN AHVzZXIAcGFzcyB3b3Jk\r\nRETR 1\r\nQUAT\r\n")
    runner.drop()


def drain(runner):
    runner.do_drain("")
    runner.backend.go_on()


def time_out(runner):
    runner.do_timeout("")
    runner.backend.go_on()


def half_close(runner):
    runner.half_close()
    runner.backend.go_on()


def fail_from_now_on(runner):
    runner.do_backend("go on")
    for step in ("open", "snapshot", "body", "commit"):
        runner.do_backend(f"fail {step} with Unavailable")
    runner.send(b"STAT\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\n")


INTERRUPTIONS = [drop, drop_in_a_wait, drain, time_out, half_close, fail_from_now_on]


@pytest.mark.parametrize("interrupt", INTERRUPTIONS)
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_interrupted_at_every_step(path, interrupt):
    dialog = read(path)
    for count, (kind, _) in enumerate(Player(dialog, None).blocks(), 1):
        if kind == "S":
            continue  # The answer came with the commands; reading it changes nothing.
        Player(dialog, runner := MemoryRunner(dialog)).play_until(count, interrupt)
        assert runner.backend.left_open == []
