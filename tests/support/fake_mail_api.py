"""A mail API of no product in particular, strict in what it takes; profiles describe it."""

import base64
import itertools
import json
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.support.fake_http import FakeHttp, Reply

NOT_FOUND = Reply(404, {"error": "not found"})


@dataclass
class Letter:
    """One message.

    Attributes:
        id: Any JSON value.
        octets: As the raw call sends them.
        size: What the list says; None for the truth.
    """

    id: object
    octets: bytes
    size: object = None
    more: dict = field(default_factory=dict)

    @property
    def row(self):
        size = len(self.octets) if self.size is None else self.size
        return {"id": self.id, "size": size, **self.more}


class FakeMailApi(FakeHttp):
    """Serves one mailbox.

    Attributes:
        letters: What is in it, oldest first.
        password: What every user's is; None for no login at all.
        tokens: Those that are good; with ``token_login`` one is needed.
        gone: Status of deleting what is not there.
        largest_page: What a page has at the most, whatever is asked for.
        encoding: Of a raw message inside of JSON; None for octets.
    """

    def __init__(self):
        super().__init__()
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self):
        self.heal()
        self.heard.clear()
        self.letters = []
        self.password = None
        self.token_login = False
        self.tokens = set()
        self.logins = 0
        self.changes = 0
        self.gone = 404
        self.largest_page = 1000
        self.encoding = None
        self.etag = False

    def fill(self, messages):
        self.letters = [Letter(f"m{n}", octets) for n, octets in enumerate(messages, 1)]

    @property
    def ids(self):
        return [letter.id for letter in self.letters]

    def find(self, name):
        return next((one for one in self.letters if str(one.id) == name), None)

    def answer(self, request):
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        match (request.method, *parts):
            case ("POST", "login"):
                return self._login(request)
            case ("DELETE", "login"):
                self.tokens.discard(request.headers.get("x-token"))
                return Reply(204)
            case ("GET", "state"):
                return Reply(body={"changes": self.changes})
            case ("GET", "messages"):
                return self._list(request)
            case ("GET", "messages", name, "raw"):
                return self._raw(self.find(name))
            case ("DELETE", "messages", name):
                return self._delete(name)
            case ("POST", "delete"):
                return self._delete_many(request.json)
            case ("DELETE", "messages"):
                raise AssertionError("everything would be deleted")
        return Reply(405)

    def asked_by(self, user):
        """The paths that this user's sessions asked for; others may still be under way."""
        return [one.path for one in self.heard if _basic(one)[0] == user.encode()]

    # Who may ask.

    def _refusal(self, request):
        if request.path == "/login" and request.method == "POST":
            return None
        if self.token_login and request.headers.get("x-token") not in self.tokens:
            return Reply(401, {"error": "token"})
        if self.password is None or self.token_login:
            return None
        if _basic(request)[1] == self.password:
            return None
        return Reply(401, {"error": "password"})

    def _login(self, request):
        if request.json["password"].encode() != self.password:
            return Reply(403, {"code": "BadPassword", "echo": request.body.decode()})
        self.logins += 1
        # Another each time: a session of the test before may still give back its own.
        token = f"secret token {next(self._numbers)}"
        self.tokens.add(token)
        return Reply(body={"token": token, "account": 7})

    # Messages.

    def _list(self, request):
        query = request.query
        start = int(query.get("start", 0))
        limit = min(int(query.get("limit", 1000)), self.largest_page)
        if "page" in query:
            start = int(query["page"]) * limit
        if "next" in query:
            start = int(query["next"].removeprefix("cursor "))
        rows = [letter.row for letter in self.letters[start : start + limit]]
        end = start + len(rows)
        body = {"items": rows, "total": len(self.letters)}
        body["next"] = f"cursor {end}" if end < len(self.letters) else None
        tag = f'"{self.changes}"'
        if self.etag and request.headers.get("if-none-match") == tag:
            return Reply(304)
        return Reply(body=body, headers={"ETag": tag} if self.etag else {})

    def _raw(self, letter):
        if letter is None:
            return NOT_FOUND
        if self.encoding is None:
            return Reply(body=letter.octets, headers={"Content-Type": "message/rfc822"})
        encode = {
            "base64": lambda octets: base64.b64encode(octets).decode(),
            "base64url": lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("="),
            "json-text": bytes.decode,
        }[self.encoding]
        body = {"id": letter.id, "payload": {"raw": encode(letter.octets)}, "more": [1]}
        return Reply(
            body=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )

    def _delete(self, name):
        letter = self.find(name)
        if letter is None:
            return Reply(self.gone, {"error": "not found"})
        self.letters.remove(letter)
        self.changes += 1
        return Reply(204)

    def _delete_many(self, body):
        ids = body["ids"]
        assert ids, "everything would be deleted"
        self.letters = [letter for letter in self.letters if letter.id not in ids]
        self.changes += 1
        return Reply(body={"ok": True})


def _basic(request):
    """Name and password, empty without."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    name, _, password = base64.b64decode(value if scheme == "Basic" else "").partition(b":")
    return name, password
