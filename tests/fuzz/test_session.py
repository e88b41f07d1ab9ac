"""The invariants of `target.py` on octets that Hypothesis makes up."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import target
from tests.fuzz.target import Host

LOGIN = b"USER me\r\nPASS secret\r\n"
LINES = [
    LOGIN,
    b"AUTH PLAIN AG1lAHNlY3JldA==\r\n",
    b"AUTH LOGIN\r\n",
    b"AUTH PLAIN\r\n",
    b"bWU=\r\n",
    b"*\r\n",
    b"PASS wrong\r\n",
    b"STLS\r\n",
    b"CAPA\r\n",
    b"STAT\r\n",
    b"LIST\r\n",
    b"UIDL 1\n",
    b"RETR 1\r\n",
    b"TOP 2 1\r\n",
    b"DELE 1\r\n",
    b"DELE 2\r\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"FOO\r\n",
    b"x" * 300,
    b"USER " + b"y" * 600,
    b"\r",
    b"\n",
    b"\0\xff",
]
CONVERSATIONS = st.lists(
    st.one_of(st.sampled_from(LINES), st.binary(max_size=12)), max_size=25
).map(b"".join)
CHOICES = st.binary(min_size=8, max_size=8)
MESSAGES = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n.\r\n", b"\r\n"]), max_size=40
).map(b"".join)


@given(st.one_of(st.binary(max_size=400), CONVERSATIONS), CHOICES)
def test_any_octets_are_replies_or_bad_commands(data, choices):
    target.any_octets(choices + data)
    target.any_octets(choices + LOGIN + data)


@given(CONVERSATIONS, CHOICES)
def test_whole_is_octet_by_octet(data, choices):
    target.whole_is_octet_by_octet(choices + data)
    target.whole_is_octet_by_octet(choices + LOGIN + data)


@given(CONVERSATIONS, CHOICES)
def test_no_commit_without_quit(data, choices):
    target.no_commit_without_quit(choices + LOGIN + data)


@given(st.binary(min_size=1, max_size=1), MESSAGES)
def test_unstuffed_wire_is_the_message(size, message):
    target.unstuffed_is_the_message(size + message)


@given(st.binary(min_size=1, max_size=1), st.integers(0, 5), MESSAGES)
def test_top_is_a_beginning_of_the_message(size, lines, message):
    target.top_is_a_beginning(size + bytes([lines]) + message)


@given(st.lists(st.binary(max_size=2000), max_size=30))
def test_memory_of_lines_is_bounded_whatever_comes(packets):
    """`Host.work` compares what is left in the buffer after each packet."""
    host = Host()
    for packet in packets:
        host.feed(packet)


@pytest.mark.parametrize("name", target.TARGETS)
def test_targets_run_as_a_program(name, tmp_path):
    file = tmp_path / "input"
    file.write_bytes(b"\0" * 8 + LOGIN + b"DELE 1\r\nQUIT\r\n")
    command = [sys.executable, str(Path(target.__file__)), name]
    assert subprocess.run([*command, str(file)], check=False).returncode == 0
    assert subprocess.run(command, input=b"", check=False).returncode == 0


def test_target_without_a_name_says_which_there_are():
    command = [sys.executable, str(Path(target.__file__))]
    ended = subprocess.run(command, check=False, capture_output=True)
    assert ended.returncode == 1
    assert b"any_octets" in ended.stderr


def test_the_host_does_log_in_and_commit():
    """Or the invariants about it would hold for nothing."""
    host = Host()
    host.feed(LOGIN + b"DELE 1\r\nRETR 2\r\nSTAT\r\nQUIT\r\n")
    assert host.opened == host.released == 1
    assert b"+OK 2 8589934712" in host.written
    assert b"removed" in host.written


def test_targets_notice_a_broken_invariant(monkeypatch):
    """A target that cannot fail would be worth nothing."""
    monkeypatch.setattr(target.Stuffer, "feed", lambda _, chunk: chunk)
    with pytest.raises(AssertionError):
        target.unstuffed_is_the_message(b"\6a\r\n.\r\nb\r\n")
    monkeypatch.setattr(target.TopCutter, "feed", lambda _, chunk: chunk[:1])
    with pytest.raises(AssertionError):
        target.top_is_a_beginning(b"\5\0a\r\n\r\nb\r\n")
