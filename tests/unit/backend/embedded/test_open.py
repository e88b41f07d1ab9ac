"""Name and password of the embedded driver."""

import pytest
import pytest_twisted
from pydantic import SecretBytes

from gateway.backend.embedded import MaildirSettings
from gateway.errors import BadCredentials, Misconfigured
from gateway.maildrop import Login


def login(user, password):
    return Login(user, SecretBytes(password))


@pytest.mark.parametrize(
    ("user", "password"), [(b"demo", b"wrong"), (b"other", b"demo"), (b"\xff", b""), (b"", b"")]
)
@pytest_twisted.ensureDeferred
async def test_wrong_ones_are_refused_alike(box, user, password):
    with pytest.raises(BadCredentials) as caught:
        await box.backend().open(login(user, password))
    assert caught.value.detail == "no such name and password for this Maildir"


@pytest_twisted.ensureDeferred
async def test_password_file_wins_and_may_change(box, tmp_path):
    file = tmp_path / "password"
    file.write_bytes("pässword\r\nsecond line\n".encode())
    backend = box.backend(user="jö", password="unused", password_file=file)
    await backend.open(login("jö".encode(), "pässword".encode()))
    with pytest.raises(BadCredentials):
        await backend.open(login("jö".encode(), b"unused"))
    file.write_text("changed")
    await backend.open(login("jö".encode(), b"changed"))


@pytest.mark.parametrize("content", [None, b"", b"\nsecond\n"])
@pytest_twisted.ensureDeferred
async def test_no_password_lets_nobody_in(box, tmp_path, content):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured, match="password"):
        await box.backend(password_file=file).open(login(b"demo", b""))


@pytest_twisted.ensureDeferred
async def test_an_empty_password_lets_nobody_in(box):
    with pytest.raises(Misconfigured, match="the password is empty"):
        await box.backend(password="").open(login(b"demo", b""))


def test_the_password_is_in_no_repr():
    assert "geheim" not in repr(MaildirSettings(password="geheim"))
