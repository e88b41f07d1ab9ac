"""Which files are messages, in which order, how long, and under which unique-ids."""

import os
import shutil
import time

import pytest
import pytest_twisted

from gateway.backend.embedded.driver import MaildirMessageHidden
from gateway.errors import Misconfigured, Unavailable
from gateway.maildrop import uidl


@pytest_twisted.ensureDeferred
async def test_order_octets_and_unique_ids(box):
    box.put("200.b.host", b"a\nb\r\nc\rd\n")
    box.put("1000.a.host:2,S", b"", place="cur")
    box.put("200.a.host:2,", b"no end", place="cur")
    _, drop = await box.snapshot()
    assert list(drop.unique_ids) == [b"200.a.host", b"200.b.host", b"1000.a.host"]
    assert list(drop.octets) == [6, 11, 0]
    assert drop.total == 17


@pytest_twisted.ensureDeferred
async def test_only_files_are_messages(box, tmp_path):
    box.put("1.real")
    box.put(".hidden")
    box.put("2.partial", place="tmp")
    (box.directory / "cur" / "3.directory").mkdir()
    (box.directory / "new" / "4.link").symlink_to("/etc/passwd")
    os.mkfifo(box.directory / "new" / "5.fifo")
    _, drop = await box.snapshot()
    assert list(drop.refs) == ["1.real"]


@pytest_twisted.ensureDeferred
async def test_unique_ids_outlive_flags_sizes_and_a_restore(box, tmp_path):
    path = box.put("7.x.host")
    _, before = await box.snapshot()
    path.rename(box.directory / "cur" / "7.x.host,S=18,W=21:2,RS")
    shutil.copytree(box.directory, tmp_path / "restored")
    box.directory = tmp_path / "restored"
    _, after = await box.snapshot()
    assert list(before.unique_ids) == list(after.unique_ids) == [b"7.x.host"]
    assert list(before.octets) == list(after.octets) == [21]
    assert before.epoch == after.epoch


@pytest_twisted.ensureDeferred
async def test_odd_names_become_valid_unique_ids_and_plain_refs(box):
    for name in (b"1.\xff\xfe odd\n", b"2." + b"x" * 200, b":2,S"):
        box.put(name)
    _, drop = await box.snapshot()
    assert len(set(drop.unique_ids)) == 3
    assert all(map(uidl.is_valid, drop.unique_ids))
    assert all(ref.isascii() for ref in drop.refs)


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("1.a,S=18,W=19", 19),  # a lie, but S agrees: believed until the body passes
        ("1.a,W=19,S=18", 19),
        ("1.a,W=19", 21),  # no witness
        ("1.a,S=17,W=19", 21),  # edited since
        ("1.a,S=18,W=99", 21),  # impossible
        ("1.a,S=18,W=17", 21),
    ],
)
@pytest_twisted.ensureDeferred
async def test_sizes_in_names_are_believed_with_a_witness(box, name, octets):
    box.put(name)
    _, drop = await box.snapshot()
    assert list(drop.octets) == [octets]
    assert list(drop.unique_ids) == [b"1.a"]


@pytest_twisted.ensureDeferred
async def test_one_unique_name_is_shown_once(box):
    box.put("1.twice", b"new\n")
    box.put("1.twice:2,S", b"current\n", place="cur")
    _, drop = await box.snapshot()
    assert list(drop.octets) == [9]
    assert [type(event) for event in box.events] == [MaildirMessageHidden]
    assert box.events[0].path.endswith("new/1.twice")


@pytest_twisted.ensureDeferred
async def test_two_links_of_one_file_are_one_message(box):
    path = box.put("1.linked")
    os.link(path, box.directory / "cur" / "1.linked:2,")
    _, drop = await box.snapshot()
    assert len(drop) == 1
    assert box.events == []


@pytest_twisted.ensureDeferred
async def test_what_is_no_maildir_is_not_an_empty_maildrop(box):
    session = await box.session()
    (box.directory / "cur").rmdir()
    with pytest.raises(Misconfigured, match=r"cur/: No such file.*make cur, new and tmp"):
        await session.snapshot()


@pytest_twisted.ensureDeferred
async def test_a_disk_error_may_pass(box, monkeypatch):
    def broken(directory):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.backend.embedded.driver.scan", broken)
    session = await box.session()
    with pytest.raises(Unavailable, match="Input/output error"):
        await session.snapshot()


@pytest_twisted.ensureDeferred
async def test_a_file_renamed_while_counting_is_found_again(box, monkeypatch):
    from gateway.backend.embedded import driver

    path = box.put("1.a")
    box.put("2.gone").unlink()

    def rename_first(found):
        monkeypatch.undo()
        path.rename(box.directory / "cur" / "1.a:2,S")
        return driver.octets_by_reading(found)

    monkeypatch.setattr(driver, "octets_by_reading", rename_first)
    _, drop = await box.snapshot()
    assert list(drop.octets) == [21]


@pytest_twisted.ensureDeferred
async def test_counts_are_remembered_while_the_file_stays(box, monkeypatch):
    from gateway.backend.embedded import driver

    box.put("1.a")
    backend = box.backend()
    await box.snapshot(backend)
    monkeypatch.setattr(driver, "octets_by_reading", None)
    _, drop = await box.snapshot(backend)
    assert list(drop.octets) == [21]


@pytest_twisted.ensureDeferred
async def test_ten_thousand_messages_open_in_reasonable_time(box):
    for number in range(10_000):
        box.put(f"{number}.a", b"Subject: x\n\nhello\n")
    began = time.monotonic()
    _, drop = await box.snapshot()
    assert (len(drop), drop.total) == (10_000, 210_000)
    assert time.monotonic() - began < 20
