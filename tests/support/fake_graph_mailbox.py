"""A mailbox of the fake Microsoft Graph: what is in it, and what was logged of it."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.support.cloud_server import Refused, json_reply

WELL_KNOWN = ("inbox", "deleteditems", "archive", "junkemail", "recoverableitemsdeletions")
START = datetime(2026, 1, 1, tzinfo=UTC)


def error(status, code, message="", **headers):
    body = {"error": {"code": code, "message": message, "innerError": {"request-id": "1"}}}
    return json_reply(status, body, **headers)


def refuse(status, code, message="", **headers):
    raise Refused(error(status, code, message, **headers))


def opaque(*parts, length):
    """Text as the service's ids are: case-sensitive, with - and _ in it and = at the end."""
    seed = ":".join(map(str, parts)).encode()
    octets = b"".join(hashlib.sha256(b"%d %b" % (n, seed)).digest() for n in range(6))
    return base64.urlsafe_b64encode(octets)[: length - 1].decode() + "="


@dataclass
class Item:
    number: int
    octets: bytes
    received: datetime
    folder: str
    moves: int = 0

    def id(self, immutable):
        """Some 150 characters; two messages may differ in the case of one letter alone."""
        if not immutable:
            return "AAMkAG" + opaque("m", self.number, self.moves, length=146)
        letter = "a" if self.number % 2 else "A"
        return "AAkALg" + opaque("i", (self.number + 1) // 2, length=143) + f"{letter}AA="


@dataclass
class Mailbox:
    user: str
    items: dict = field(default_factory=dict)
    log: list = field(default_factory=list)  # (number, "here" | "gone"), of the inbox
    next: int = 1
    tells_moved_in: bool = True  # by delta queries

    def folder_id(self, name):
        return "AQMkAD" + opaque("f", self.user, name, length=94)

    def folder(self, text):
        """The well-known name of a folder given by name or id."""
        for name in WELL_KNOWN:
            if text.lower() == name or text == self.folder_id(name):
                return name
        return refuse(404, "ErrorItemNotFound", "The specified folder was not found.")

    def find(self, text, immutable):
        for item in self.items.values():
            if item.id(immutable) == text:
                return item
        return refuse(404, "ErrorItemNotFound", "The specified object was not found.")

    def inside(self, name):
        return [item for item in self.items.values() if item.folder == name]

    # What others do.

    def add(self, octets, *, received=None, folder="inbox"):
        number, self.next = self.next, self.next + 1
        received = received or START + timedelta(seconds=number)
        self.items[number] = Item(number, octets, received, folder)
        if folder == "inbox":
            self.log.append((number, "here"))
        return number

    def touch(self, number):
        """As when it is marked read: the next delta has it again."""
        self.log.append((number, "here"))

    def move(self, number, folder):
        item = self.items[number]
        if item.folder == "inbox" != folder:
            self.log.append((number, "gone"))
        if item.folder != "inbox" == folder and self.tells_moved_in:
            self.log.append((number, "back"))
        item.folder, item.moves = folder, item.moves + 1

    def purge(self, number):
        if self.items.pop(number).folder == "inbox":
            self.log.append((number, "gone"))
