"""The samples are well-formed, and making them twice makes them once."""

from email import message_from_bytes
from email.policy import default

import pytest_twisted

from gateway.backend.embedded.samples import make_sample_maildir


def names(directory):
    return sorted(path.name for path in directory.glob("new/*"))


def test_made_once(tmp_path):
    maildir = tmp_path / "demo" / "Maildir"
    assert make_sample_maildir(maildir) == 6
    first = names(maildir)
    assert make_sample_maildir(maildir) == 0
    assert names(maildir) == first
    assert list((maildir / "tmp").iterdir()) == []


def test_a_read_sample_stays_and_a_deleted_one_comes_back(tmp_path):
    make_sample_maildir(tmp_path)
    read, deleted, *_ = sorted((tmp_path / "new").iterdir())
    read.rename(tmp_path / "cur" / (read.name + ":2,S"))
    deleted.unlink()
    assert make_sample_maildir(tmp_path) == 1
    assert read.name not in names(tmp_path)
    assert deleted.name in names(tmp_path)


def test_each_is_well_formed_and_the_last_ones_are_odd_on_purpose(tmp_path):
    make_sample_maildir(tmp_path)
    messages = [path.read_bytes() for path in sorted((tmp_path / "new").iterdir())]
    for message in messages:
        parsed = message_from_bytes(message, policy=default)
        assert all(part.defects == [] for part in parsed.walk())
        assert all(parsed[name] for name in ("Date", "From", "Subject", "Message-ID"))
        assert b"\r" not in message
        assert message.endswith(b"\n")
    assert not messages[4].isascii()
    assert b"\n.\n" in messages[5]
    kinds = [
        part.get_content_type()
        for message in messages
        for part in message_from_bytes(message, policy=default).iter_attachments()
    ]
    assert kinds == ["application/pdf", "image/png"]


@pytest_twisted.ensureDeferred
async def test_the_driver_serves_them(box):
    make_sample_maildir(box.directory)
    _, drop = await box.snapshot()
    assert len(drop) == 6
    assert drop.unique_ids[0].endswith(b".1-welcome")
