"""What is remembered of a try, and the key to it."""

import stat
import subprocess
import sys

import pytest
from pydantic import SecretBytes

from gateway.accounts.throttle.key import load_key
from gateway.accounts.throttle.shown import address_of, name_of, shown
from gateway.errors import Misconfigured
from gateway.maildrop import Attempt, BearerToken, Digest, Scram

KEY = bytes(32)


def tag(user, proof, peer="192.0.2.7", key=KEY):
    return shown(Attempt(user, proof, peer), key).tag


def test_a_tag_is_of_name_and_password_and_of_nothing_else():
    first = tag(b"kim", SecretBytes(b"secret"))
    assert first == tag(b"KIM", SecretBytes(b"secret"), "203.0.113.9")
    others = {
        tag(b"kim", SecretBytes(b"Secret")),
        tag(b"lee", SecretBytes(b"secret")),
        tag(b"kims", SecretBytes(b"ecret")),
        tag(b"kim", BearerToken(SecretBytes(b"secret"))),
        tag(b"kim", SecretBytes(b"secret"), key=b"x" * 32),
    }
    assert first not in others
    assert len(others) == 5
    assert b"secret" not in first


@pytest.mark.parametrize(
    "proof",
    [
        Digest("apop", b"<1@x>", b"0" * 32),
        Digest("cram-md5", b"<1@x>", b"0" * 32),
        Scram("d", False),
    ],
)
def test_proofs_that_change_each_time_are_one_per_name_and_address(proof):
    first = shown(Attempt(b"kim", proof, "192.0.2.7"), KEY)
    other = Digest("apop", b"<2@x>", b"1" * 32)
    assert not first.distinct
    assert first == shown(Attempt(b"Kim", other, "192.0.2.7"), KEY)
    assert first.tag != tag(b"kim", proof, "203.0.113.9")
    assert first.tag != tag(b"lee", proof)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (b"Kim@Example.ORG", "kim@example.org"),
        ("MÜLLER".encode(), "müller"),
        ("\N{FULLWIDTH LATIN SMALL LETTER K}im".encode(), "kim"),
        (b"\xff", "\\xff"),
    ],
)
def test_a_name_in_any_spelling_is_one(user, name):
    assert name_of(user) == name


@pytest.mark.parametrize("user", [b"a" * 16_000, b"a\tb", b"\x1b[2J", "ü".encode() * 8000])
def test_a_name_is_one_bounded_line_and_still_its_own(user):
    name = name_of(user)
    assert len(name) < 1200
    assert name.isprintable()
    assert name != name_of(user + b"x")
    assert name == name_of(user)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_address_is_what_one_guesser_has(peer, address):
    assert address_of(peer) == address


class TestKey:
    def test_it_is_made_once_for_its_owner_alone(self, tmp_path):
        path = tmp_path / "state" / "throttle.key"
        key = load_key(path)
        assert len(key) == 32
        assert load_key(path) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]
        assert load_key(tmp_path / "other") != key

    def test_workers_that_start_at_once_get_the_same(self, tmp_path):
        program = (
            "import sys; from pathlib import Path; "
            "from gateway.accounts.throttle.key import load_key; sys.stdin.read(); "
            "print(load_key(Path(sys.argv[1])).hex())"
        )
        path = tmp_path / "throttle.key"
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", program, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for worker in workers:
            worker.stdin.close()
            worker.stdin = None
        keys = {worker.communicate()[0] for worker in workers}
        assert keys == {f"{path.read_bytes().hex()}\n"}

    @pytest.mark.parametrize("content", [b"", b"short"])
    def test_what_is_no_key_is_told(self, tmp_path, content):
        path = tmp_path / "throttle.key"
        path.write_bytes(content)
        with pytest.raises(Misconfigured, match="remove it"):
            load_key(path)

    def test_a_directory_that_cannot_be_used_is_told(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(Misconfigured, match="--state-dir"):
            load_key(tmp_path / "file" / "throttle.key")
