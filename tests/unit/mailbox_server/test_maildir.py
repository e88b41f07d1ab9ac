"""A Maildir as a store of messages with exact sizes and ids that stay."""

import os
import shutil

import pytest

from gateway.mailbox_server.maildir import MaildirStore
from gateway.mailbox_server.store import StoreUnavailable
from tests.support.mail import awkward, crlf_form


class Box:
    def __init__(self, path):
        self.path = path
        for place in ("cur", "new", "tmp"):
            (path / place).mkdir(parents=True)
        self.store = MaildirStore(path)

    def put(self, name, content=b"Subject: x\n\nhello\n", place="new"):
        file = self.path / place / name
        file.write_bytes(content)
        return file

    def ids(self):
        return [message.id for message in self.store.messages()]

    def octets(self, message, start=0, stop=None):
        stop = message.size if stop is None else stop
        octets = self.store.open(message.id, start, stop)
        if octets is None:
            return None
        try:
            return b"".join(iter(lambda: octets.read(1000), b""))
        finally:
            octets.close()

    def left(self):
        return sorted(
            str(each.relative_to(self.path)) for each in self.path.glob("*/*") if each.is_file()
        )


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path / "Maildir")


def test_sizes_and_octets_are_those_of_the_crlf_form(box):
    mail = list(awkward().values())
    for number, message in enumerate(mail):
        box.put(f"{1000 + number}.x", message)
    listed = box.store.messages()
    assert [box.octets(message) for message in listed] == [crlf_form(each) for each in mail]
    assert [message.size for message in listed] == [len(crlf_form(each)) for each in mail]


def test_a_name_that_lies_about_the_size_is_not_believed(box):
    box.put("1.x,S=3,W=9", b"a\nb")
    assert [message.size for message in box.store.messages()] == [4]


def test_a_slice_is_cut_anywhere(box):
    text = b"".join(b"%d\n" % number for number in range(50_000))
    box.put("1.x", text)
    (message,) = box.store.messages()
    whole = crlf_form(text)
    for start, stop in [
        (0, 1),
        (1, 2),
        (131_071, 131_075),
        (200_000, 300_000),
        (len(whole) - 1, len(whole)),
    ]:
        assert box.octets(message, start, stop) == whole[start:stop]


def test_ids_outlive_flags_and_restarts(box):
    file = box.put("1.a")
    before = box.ids()
    file.rename(box.path / "cur" / "1.a:2,S")
    (message,) = box.store.messages()
    assert [message.id] == before == [m.id for m in MaildirStore(box.path).messages()]
    (box.path / "cur" / "1.a:2,S").rename(box.path / "cur" / "1.a:2,RS")
    assert box.octets(message) == b"Subject: x\r\n\r\nhello\r\n"


def test_another_file_of_the_same_name_is_another_message(box):
    box.put("1.a", b"one")
    (message,) = box.store.messages()
    box.put("1.a", b"another")
    assert box.octets(message) is None
    assert box.ids() != [message.id]


def test_an_unchanged_maildir_gives_the_same_list(box):
    box.put("1.a")
    assert box.store.messages() is box.store.messages()


def test_a_settled_maildir_is_not_read_again(box, monkeypatch):
    box.put("1.a")
    for place in ("new", "cur"):
        os.utime(box.path / place, ns=(10**18, 10**18))
    listed = box.store.messages()
    monkeypatch.setattr("gateway.mailbox_server.maildir.files.scan", None)
    assert box.store.messages() is listed


def test_removal_of_exactly_these(box):
    for name in ("1.a", "2.b", "3.c"):
        box.put(name)
    first, _, third = box.ids()
    (box.path / "new" / "3.c").rename(box.path / "cur" / "3.c:2,S")
    assert box.store.remove([first, third], "purge") == {}
    assert box.left() == ["new/2.b"]


def test_the_trash_keeps_what_was_removed(box):
    box.put("1.a", b"precious")
    box.put("2.b")
    first, second = box.ids()
    (box.path / "new" / "1.a").rename(box.path / "cur" / "1.a:2,")
    assert box.store.remove([first], "trash") == {}
    assert box.ids() == [second]
    assert (box.path / ".Trash" / "cur" / "1.a:2,S").read_bytes() == b"precious"


def test_another_message_in_the_trash_is_not_overwritten(box):
    (box.path / ".Trash" / "cur").mkdir(parents=True)
    (box.path / ".Trash" / "cur" / "1.a:2,S").write_bytes(b"older")
    box.put("1.a")
    (only,) = box.ids()
    assert list(box.store.remove([only], "trash")) == [only]
    assert box.left() == ["new/1.a"]
    assert (box.path / ".Trash" / "cur" / "1.a:2,S").read_bytes() == b"older"


def test_a_maildir_that_is_away_is_not_an_empty_one(box):
    box.put("1.a")
    (only,) = box.ids()
    shutil.rmtree(box.path)
    with pytest.raises(StoreUnavailable):
        box.store.messages()
    with pytest.raises(StoreUnavailable):
        box.store.remove([only], "purge")
