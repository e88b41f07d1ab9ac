"""A strict JMAP server: everything RFC 8620 and 8621 let a server insist on, it insists on.

Small limits, Bearer as well as Basic, absolute URLs, notFound for what is gone. What a test
changes: ``limits``, ``can_calculate``, ``sizes`` (lies), ``twice``, and ``FakeHttp``'s faults.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from tests.support.fake_http import FakeHttp, Reply

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
ERROR = "urn:ietf:params:jmap:error:"
PROPERTIES = {"id", "size", "blobId", "receivedAt", "mailboxIds"}
LIMITS = {
    "maxCallsInRequest": 4,
    "maxObjectsInGet": 8,
    "maxObjectsInSet": 4,
    "maxSizeRequest": 8192,
    "maxConcurrentRequests": 1,
    "maxConcurrentUpload": 1,
    "maxSizeUpload": 1000,
    "collationAlgorithms": [],
}
START = 1_700_000_000


@dataclass
class Email:
    octets: bytes
    received: int
    mailboxes: set = field(default_factory=lambda: {"in"})


class Refused(Exception):
    """A method's error."""


class FakeJmap(FakeHttp):
    """One account, ``acc/1``, with an INBOX, an archive and a trash."""

    def __init__(self, messages=(), **options):
        super().__init__(**options)
        self.reset(messages)

    def reset(self, messages=()):
        """As at the beginning, with these messages in the INBOX."""
        self.heal()
        self.heard.clear()
        self.emails = {}
        self.log = []
        self.forgotten = 0
        self.roles = {"in": "inbox", "arch": "archive", "bin": "trash"}
        self.limits = dict(LIMITS)
        self.passwords = None
        self.tokens = set()
        self.can_calculate = True
        self.sizes = {}
        self.twice = []
        self.refuse = {}
        self.before_set = []
        self.ranges = False
        self.read_only = False
        self._number = 0
        for octets in messages:
            self.add(octets)

    def add(self, octets, id_=None, mailboxes=("in",), received=None):
        self._number += 1
        id_ = id_ or f"M{self._number:06}"
        at = START + self._number if received is None else received
        self.emails[id_] = Email(octets, at, set(mailboxes))
        self.log.append(id_)
        return id_

    def destroy(self, id_):
        del self.emails[id_]
        self.log.append(id_)

    def touch(self, id_):
        """Somebody changes a flag."""
        self.log.append(id_)

    @property
    def inbox(self):
        """Ids by age."""
        there = [id_ for id_, email in self.emails.items() if "in" in email.mailboxes]
        return sorted(there, key=lambda id_: (self.emails[id_].received, id_))

    # HTTP.

    def authorized(self, request):
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            return given in self.tokens
        if kind != "Basic" or self.tokens:
            return False
        if self.passwords is None:
            return True
        pairs = [f"{user}:{word}".encode() for user, word in self.passwords.items()]
        return given in {b64encode(pair).decode() for pair in pairs}

    def answer(self, request):
        if request.path == "/.well-known/jmap":
            return Reply(307, b"", {"Location": f"{self.url}/session"})
        if not self.authorized(request):
            return Reply(401, {"type": "about:blank", "status": 401})
        if request.path == "/session" and request.method == "GET":
            return Reply(200, self.session())
        if request.path == "/api" and request.method == "POST":
            return self._api(request)
        if request.path.startswith("/blob/"):
            return self._download(request)
        return Reply(404, {"type": "about:blank", "status": 404})

    def session(self):
        return {
            "capabilities": {CORE: self.limits, MAIL: {}},
            "accounts": {
                "acc/1": {
                    "name": "kim",
                    "isPersonal": True,
                    "isReadOnly": self.read_only,
                    "accountCapabilities": {MAIL: {}},
                }
            },
            "primaryAccounts": {MAIL: "acc/1"},
            "username": "kim",
            "apiUrl": f"{self.url}/api",
            "downloadUrl": f"{self.url}/blob/{{accountId}}/{{blobId}}/{{name}}?accept={{type}}",
            "uploadUrl": f"{self.url}/upload/{{accountId}}/",
            "eventSourceUrl": f"{self.url}/events",
            "state": "s",
        }

    def _download(self, request):
        _, _, account, blob, name = map(unquote, request.path.split("/"))
        email = self.emails.get(blob.removeprefix("B-"))
        if account != "acc/1" or email is None or not blob.startswith("B-"):
            return Reply(404, {"type": "about:blank", "status": 404})
        assert (name, request.query["accept"]) == ("message.eml", "message/rfc822")
        headers = {"Content-Type": "message/rfc822"}
        if not self.ranges:
            return Reply(200, email.octets, headers)
        headers |= {"ETag": f'"{blob}"', "Accept-Ranges": "bytes"}
        asked = request.headers.get("range")
        if asked and request.headers.get("if-range") == headers["ETag"]:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            end = len(email.octets)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{end}"
            return Reply(206, email.octets[start:], headers)
        return Reply(200, email.octets, headers)

    # Requests.

    def _api(self, request):
        def limit(name):
            return Reply(400, {"type": f"{ERROR}limit", "limit": name, "status": 400})

        if not request.headers.get("content-type", "").startswith("application/json"):
            return Reply(400, {"type": f"{ERROR}notJSON", "status": 400})
        if len(request.body) > self.limits["maxSizeRequest"]:
            return limit("maxSizeRequest")
        asked = json.loads(request.body)
        if set(asked) != {"using", "methodCalls"}:
            return Reply(400, {"type": f"{ERROR}notRequest", "status": 400})
        if not {CORE, MAIL} <= set(asked["using"]) <= {CORE, MAIL}:
            return Reply(400, {"type": f"{ERROR}unknownCapability", "status": 400})
        if len(asked["methodCalls"]) > self.limits["maxCallsInRequest"]:
            return limit("maxCallsInRequest")
        responses = []
        for name, arguments, number in asked["methodCalls"]:
            responses.append(self._call(name, arguments, number, responses))
        return Reply(200, {"methodResponses": responses, "sessionState": "s"})

    def _call(self, name, arguments, number, responses):
        try:
            if name in self.refuse:
                raise Refused(self.refuse[name])
            arguments = self._resolved(arguments, responses)
            if arguments.pop("accountId", None) != "acc/1":
                raise Refused("accountNotFound")
            method = {
                "Mailbox/query": self._mailbox_query,
                "Mailbox/get": self._mailbox_get,
                "Email/query": self._query,
                "Email/get": self._get,
                "Email/changes": self._changes,
                "Email/set": self._set,
            }.get(name)
            if method is None:
                raise Refused("unknownMethod")
            return [name, {"accountId": "acc/1", **method(arguments)}, number]
        except Refused as error:
            return ["error", {"type": str(error)}, number]

    def _resolved(self, arguments, responses):
        found = {}
        for name, value in arguments.items():
            if not name.startswith("#"):
                found[name] = value
                continue
            where = {"resultOf": value["resultOf"], "name": value["name"]}
            answer = next(
                (a for n, a, i in responses if {"resultOf": i, "name": n} == where), None
            )
            if answer is None or name[1:] in arguments:
                raise Refused("invalidResultReference")
            found[name[1:]] = answer[value["path"].removeprefix("/")]
        return found

    @staticmethod
    def _only(arguments, *names):
        if not set(arguments) <= set(names):
            raise Refused("invalidArguments")

    @property
    def state(self):
        return f"st{len(self.log)}"

    # Methods.

    def _mailbox_query(self, arguments):
        self._only(arguments, "filter")
        self._only(arguments["filter"], "role")
        role = arguments["filter"]["role"]
        return {"ids": [id_ for id_, each in self.roles.items() if each == role]}

    def _mailbox_get(self, arguments):
        self._only(arguments, "ids")
        emails = self.emails.values()
        counts = {id_: sum(id_ in e.mailboxes for e in emails) for id_ in arguments["ids"]}
        return {"list": [{"id": id_, "totalEmails": n} for id_, n in counts.items()]}

    def _query(self, arguments):
        self._only(
            arguments,
            *("filter", "sort", "collapseThreads", "calculateTotal", "limit"),
            *("anchor", "anchorOffset", "position"),
        )
        self._only(arguments["filter"], "inMailbox")
        if arguments["filter"]["inMailbox"] not in self.roles:
            raise Refused("invalidArguments")
        if arguments["sort"] != [{"property": "receivedAt", "isAscending": True}]:
            raise Refused("unsupportedSort")
        limit = arguments["limit"]
        if not isinstance(limit, int) or limit <= 0:
            raise Refused("invalidArguments")
        # Ties come in another order than ours, as on a real server.
        there = [
            id_
            for id_, email in self.emails.items()
            if arguments["filter"]["inMailbox"] in email.mailboxes
        ]
        there.sort(reverse=True)
        there.sort(key=lambda id_: self.emails[id_].received)
        there += [id_ for id_ in self.twice if id_ in self.emails]
        start = arguments.get("position", 0)
        if "anchor" in arguments:
            if arguments["anchor"] not in there:
                raise Refused("anchorNotFound")
            start = there.index(arguments["anchor"]) + arguments.get("anchorOffset", 0)
        result = {
            "ids": there[start : start + limit],
            "queryState": self.state,
            "position": start,
        }
        if arguments.get("calculateTotal"):
            result["total"] = len(there)
        return result

    def _get(self, arguments):
        self._only(arguments, "ids", "properties")
        ids = arguments["ids"]
        if len(ids) > self.limits["maxObjectsInGet"]:
            raise Refused("requestTooLarge")
        if not set(arguments["properties"]) <= PROPERTIES:
            raise Refused("invalidArguments")
        found = [self._email(id_, arguments["properties"]) for id_ in ids if id_ in self.emails]
        missing = [id_ for id_ in ids if id_ not in self.emails]
        return {"state": self.state, "list": found, "notFound": missing}

    def _email(self, id_, properties):
        email = self.emails[id_]
        date = datetime.fromtimestamp(email.received, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {
            "size": self.sizes.get(id_, len(email.octets)),
            "blobId": f"B-{id_}",
            "receivedAt": date,
            "mailboxIds": dict.fromkeys(sorted(email.mailboxes), True),
        }
        return {"id": id_, **{name: values[name] for name in properties if name != "id"}}

    def _changes(self, arguments):
        self._only(arguments, "sinceState", "maxChanges")
        since = int(arguments["sinceState"].removeprefix("st"))
        if not self.can_calculate or since < self.forgotten or since > len(self.log):
            raise Refused("cannotCalculateChanges")
        until = min(len(self.log), since + arguments["maxChanges"])
        before = set(self.log[:since])
        changed = dict.fromkeys(self.log[since:until])
        there = [id_ for id_ in changed if id_ in self.emails]
        return {
            "oldState": arguments["sinceState"],
            "newState": f"st{until}",
            "hasMoreChanges": until < len(self.log),
            "created": [id_ for id_ in there if id_ not in before],
            "updated": [id_ for id_ in there if id_ in before],
            "destroyed": [id_ for id_ in changed if id_ not in self.emails],
        }

    def _set(self, arguments):
        self._only(arguments, "destroy", "update", "ifInState")
        if self.before_set:
            self.before_set.pop(0)()
        if arguments.get("ifInState", self.state) != self.state:
            raise Refused("stateMismatch")
        destroy, update = arguments.get("destroy") or [], arguments.get("update") or {}
        if len(destroy) + len(update) > self.limits["maxObjectsInSet"]:
            raise Refused("requestTooLarge")
        done = {"oldState": self.state, "destroyed": [], "updated": {}}
        done |= {"notDestroyed": {}, "notUpdated": {}}
        for id_ in destroy:
            error = self._refusal(id_)
            if error:
                done["notDestroyed"][id_] = {"type": error}
            else:
                self.destroy(id_)
                done["destroyed"].append(id_)
        for id_, patch in update.items():
            error = self._refusal(id_) or self._patch(id_, patch)
            if error:
                done["notUpdated"][id_] = {"type": error}
            else:
                done["updated"][id_] = None
        return {**done, "newState": self.state}

    def _refusal(self, id_):
        if id_ in self.refuse:
            return self.refuse[id_]
        return None if id_ in self.emails else "notFound"

    def _patch(self, id_, patch):
        mailboxes = set(self.emails[id_].mailboxes)
        for path, value in patch.items():
            name, _, mailbox = path.partition("/")
            mailbox = mailbox.replace("~1", "/").replace("~0", "~")
            if name != "mailboxIds" or mailbox not in self.roles or value not in {True, None}:
                return "invalidPatch"
            (mailboxes.discard if value is None else mailboxes.add)(mailbox)
        if not mailboxes:
            return "invalidProperties"
        self.emails[id_].mailboxes = mailboxes
        self.log.append(id_)
        return None
