"""A strict Gmail API, as far as its documentation tells of reading and removing mail (v1).

It refuses what is not documented: paths, parameters, more than 500 results or 1,000 ids. Every
request costs the quota units of its method; see `FakeGmail.allow`.

Stages for faults: PROFILE, LABEL, LIST, GET, RAW, HISTORY, TRASH, MODIFY, DELETE, BATCHMODIFY,
BATCHDELETE.
"""

import base64
import json
import time
from dataclasses import dataclass, field

from tests.support.cloud_server import CloudServer, Refused, Reply, json_reply

MOST_RESULTS, MOST_IDS, DEFAULT_RESULTS = 500, 1000, 100
FULL, MODIFY, READ = (
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/gmail.readonly",
)
# gmail/api/reference/quota; a get costs 20 in projects since May 2026 and 5 in older ones.
UNITS = {
    "PROFILE": 1,
    "LABEL": 1,
    "LIST": 5,
    "GET": 20,
    "RAW": 20,
    "HISTORY": 2,
    "TRASH": 5,
    "MODIFY": 5,
    "DELETE": 10,
    "BATCHMODIFY": 50,
    "BATCHDELETE": 50,
    "OTHER": 1,
}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}
_SYSTEM = {"INBOX", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT", "SENT"}


def error(status, reason, message="", domain="global", **headers):
    body = {
        "error": {
            "code": status,
            "message": message or reason,
            "errors": [{"message": message or reason, "domain": domain, "reason": reason}],
            "status": _STATUS.get(status, "UNKNOWN"),
        }
    }
    return json_reply(status, body, **headers)


def refuse(status, reason, message="", domain="global", **headers):
    raise Refused(error(status, reason, message, domain, **headers))


def over_quota(status=403, reason="userRateLimitExceeded", **headers):
    """What is answered beyond the quota."""
    return error(status, reason, "User Rate Limit Exceeded", "usageLimits", **headers)


@dataclass
class Mail:
    id: str
    octets: bytes
    internal: int  # milliseconds
    labels: set
    history: int
    estimate: int


@dataclass
class GmailBox:
    user: str
    mails: dict = field(default_factory=dict)
    history: int = 1000
    records: list = field(default_factory=list)
    oldest: int = 0  # history before this is forgotten

    def _note(self, kind, mail, labels=()):
        self.history += 7  # not contiguous
        mail.history = self.history
        message = {"id": mail.id, "threadId": mail.id}
        if kind != "messagesDeleted":
            message["labelIds"] = sorted(mail.labels)
        change = {"message": message}
        if labels:
            change["labelIds"] = sorted(labels)
        record = {"id": str(self.history), "messages": [message], kind: [change]}
        self.records.append((self.history, kind, set(labels) | mail.labels, record))

    # What others do.

    def add(
        self, octets, *, key=None, internal=None, labels=("INBOX", "UNREAD"), estimate=None
    ):
        number = len(self.mails) + self.history
        key = key or f"{0x18C0000000000000 + number * 0x10001:016x}"
        internal = 1_700_000_000_000 + number if internal is None else internal
        estimate = len(octets) + 37 if estimate is None else estimate
        self.mails[key] = Mail(key, octets, internal, set(labels), 0, estimate)
        self._note("messagesAdded", self.mails[key])
        return key

    def label(self, key, add=(), remove=()):
        mail = self.mails[key]
        added, removed = set(add) - mail.labels, set(remove) & mail.labels
        if added:
            mail.labels |= added
            self._note("labelsAdded", mail, added)
        if removed:
            mail.labels -= removed
            self._note("labelsRemoved", mail, removed)

    def trash(self, key):
        self.label(key, add={"TRASH"}, remove={"INBOX"})

    def delete(self, key):
        self._note("messagesDeleted", self.mails.pop(key))

    def forget_history(self):
        """As after a week: what was told so far cannot be asked for any more."""
        self.history += 1
        self.oldest = self.history

    @property
    def inbox(self):
        """Newest first, as `messages.list` has it."""
        found = [mail for mail in self.mails.values() if "INBOX" in mail.labels]
        found = [mail for mail in found if not mail.labels & {"TRASH", "SPAM"}]
        return sorted(found, key=lambda mail: (mail.internal, mail.id), reverse=True)


class FakeGmail(CloudServer):
    """See the module's docstring.

    Attributes:
        tokens: the user of each bearer token.
        scopes: what each token allows; everything without an entry.
        expired: tokens that are over.
        spent: quota units of all requests.
        page: the most results a page has, whatever was asked for.
        uncounted: how many messages the label counts beyond those that are listed.
    """

    def __init__(self, user="alice@example.org"):
        super().__init__()
        self.box = GmailBox(user)
        self.tokens = {"token": user}
        self.scopes = {}
        self.expired = set()
        self.spent = 0
        self.page = MOST_RESULTS
        self.uncounted = 0
        self._limit, self._seconds, self._times = None, 60, []
        self._pages = {}
        self.refused = 0

    def allow(self, units, seconds):
        """From now on so many units in so many seconds; beyond it 403."""
        with self.lock:
            self._limit, self._seconds, self._times = units, seconds, []

    def stage(self, request):
        match request.method, request.segments[4:]:
            case "GET", ["profile"]:
                return "PROFILE"
            case "GET", ["messages"]:
                return "LIST"
            case "GET", ["messages", _]:
                return "RAW" if request.one("format") == "raw" else "GET"
            case "GET", ["history"]:
                return "HISTORY"
            case "GET", ["labels", _]:
                return "LABEL"
            case "POST", ["messages", _, ("trash" | "modify") as action]:
                return action.upper()
            case "DELETE", ["messages", _]:
                return "DELETE"
            case "POST", ["messages", ("batchModify" | "batchDelete") as action]:
                return action.upper()
        return "OTHER"

    def reply(self, request):
        user = self._authenticate(request)
        match request.segments:
            case ["gmail", "v1", "users", name, *rest] if name in {"me", user}:
                self._spend(UNITS[self.stage(request)])
                return self._answer(request, rest)
            case ["gmail", "v1", "users", _, *_]:
                refuse(403, "forbidden", "Delegation denied")
        return refuse(404, "notFound", "Not Found")

    def _authenticate(self, request):
        token = request.bearer
        if token is None:
            refuse(401, "required", "Login Required.", WWW_Authenticate='Bearer realm="x"')
        if token not in self.tokens or token in self.expired:
            refuse(401, "authError", "Invalid Credentials", WWW_Authenticate="Bearer")
        return self.tokens[token]

    def _spend(self, units):
        now = time.monotonic()
        if self._limit is not None:
            self._times = [each for each in self._times if each[0] > now - self._seconds]
            if sum(spent for _, spent in self._times) + units > self._limit:
                self.refused += 1
                raise Refused(over_quota())
            self._times.append((now, units))
        self.spent += units

    def _answer(self, request, rest):
        box = self.box
        match self.stage(request), rest:
            case "PROFILE", _:
                _known(request)
                return json_reply(
                    200,
                    {
                        "emailAddress": box.user,
                        "messagesTotal": len(box.mails),
                        "threadsTotal": len(box.mails),
                        "historyId": str(box.history),
                    },
                )
            case "LIST", _:
                return self._list(request)
            case (("GET" | "RAW"), [_, key]):
                return self._get(request, self._find(key))
            case "HISTORY", _:
                return self._history(request)
            case "LABEL", [_, "INBOX"]:
                _known(request)
                total = len(box.inbox) + self.uncounted
                body = {"id": "INBOX", "name": "INBOX", "type": "system"}
                return json_reply(200, {**body, "messagesTotal": total})
            case "TRASH", [_, key, _]:
                self._allow(request, MODIFY, FULL)
                box.trash(self._find(key).id)
                return json_reply(200, {"id": key, "labelIds": sorted(box.mails[key].labels)})
            case "MODIFY", [_, key, _]:
                self._allow(request, MODIFY, FULL)
                add, remove = self._labels(_body(request))
                box.label(self._find(key).id, add, remove)
                return json_reply(200, {"id": key, "labelIds": sorted(box.mails[key].labels)})
            case "DELETE", [_, key]:
                self._allow(request, FULL)
                box.delete(self._find(key).id)
                return Reply(204)
            case "BATCHMODIFY", _:
                return self._batch_modify(request)
            case "BATCHDELETE", _:
                self._allow(request, FULL)
                for key in self._ids(_body(request)):
                    if key in box.mails:
                        box.delete(key)
                return Reply(204)
        return refuse(404, "notFound", "Not Found")

    def _allow(self, request, *scopes):
        given = self.scopes.get(request.bearer)
        if given is not None and not set(scopes) & given:
            refuse(
                403,
                "insufficientPermissions",
                "Request had insufficient authentication scopes.",
                WWW_Authenticate='Bearer error="insufficient_scope"',
            )

    def _find(self, key):
        if key not in self.box.mails:
            refuse(404, "notFound", "Requested entity was not found.")
        return self.box.mails[key]

    def _list(self, request):
        _known(request, "labelIds", "maxResults", "pageToken", "q", "includeSpamTrash")
        if request.all("labelIds") != ["INBOX"] or request.one("q"):
            refuse(400, "invalidArgument", "This fake lists the INBOX.")
        ids = [mail.id for mail in self.box.inbox]
        page, more = self._page(request, ids)
        body = {"messages": [{"id": key, "threadId": key} for key in page]} if page else {}
        return json_reply(200, {**body, **more, "resultSizeEstimate": min(201, len(ids))})

    def _page(self, request, found):
        """Later pages show what was there when the first was asked for."""
        asked = int(request.one("maxResults") or DEFAULT_RESULTS)
        if not 1 <= asked <= MOST_RESULTS:
            refuse(400, "invalidArgument", "Invalid maxResults")
        token = request.one("pageToken")
        if token is not None:
            if token not in self._pages:
                refuse(400, "invalidArgument", "Invalid pageToken")
            found = self._pages[token]
        size = min(asked, self.page)
        page, rest = found[:size], found[size:]
        if not rest:
            return page, {}
        token = str(10**18 + len(self._pages))
        self._pages[token] = rest
        return page, {"nextPageToken": token}

    def _get(self, request, mail):
        _known(request, "format", "metadataHeaders")
        form = request.one("format") or "full"
        body = {
            "id": mail.id,
            "threadId": mail.id,
            "labelIds": sorted(mail.labels),
            "snippet": 'a "snippet" with \\ and "raw":"bm90IGl0"',
            "sizeEstimate": mail.estimate,
        }
        if form == "raw":
            body["raw"] = base64.urlsafe_b64encode(mail.octets).decode()
        elif form not in {"minimal", "metadata", "full"}:
            refuse(400, "invalidArgument", "Invalid format")
        body |= {"historyId": str(mail.history), "internalDate": str(mail.internal)}
        return Reply(200, json.dumps(body, indent=2).encode(), chunked=True)

    def _history(self, request):
        known = ("startHistoryId", "historyTypes", "labelId", "maxResults", "pageToken")
        _known(request, *known)
        start = request.one("startHistoryId") or ""
        if not start.isdigit():
            refuse(400, "invalidArgument", "Missing/invalid parameter: startHistoryId")
        if not self.box.oldest <= int(start) <= self.box.history:
            refuse(404, "notFound", "Requested entity was not found.")
        kinds = {_KINDS.get(each) for each in request.all("historyTypes")} or {*_KINDS.values()}
        if None in kinds:
            refuse(400, "invalidArgument", "Invalid historyTypes")
        label = request.one("labelId")
        found = [
            record
            for key, kind, labels, record in self.box.records
            if key > int(start) and kind in kinds and (label is None or label in labels)
        ]
        page, more = self._page(request, found)
        body = {"history": page} if page else {}
        return json_reply(200, {**body, **more, "historyId": str(self.box.history)})

    def _ids(self, body):
        ids = body.get("ids")
        if not isinstance(ids, list) or not ids or not all(isinstance(key, str) for key in ids):
            refuse(400, "invalidArgument", "No message ids specified.")
        if len(ids) > MOST_IDS:
            refuse(400, "invalidArgument", "Number of ids cannot exceed 1000")
        return ids

    def _labels(self, body):
        add, remove = set(body.get("addLabelIds", ())), set(body.get("removeLabelIds", ()))
        if not add | remove or (add | remove) - _SYSTEM or add & remove:
            refuse(400, "invalidArgument", "Invalid label")
        return add, remove

    def _batch_modify(self, request):
        self._allow(request, MODIFY, FULL)
        body = _body(request, "ids", "addLabelIds", "removeLabelIds")
        ids, (add, remove) = self._ids(body), self._labels(body)
        # Nothing is documented of ids that are not there; nothing is done if there is one.
        for key in ids:
            self._find(key)
        for key in ids:
            self.box.label(key, add, remove)
        return Reply(204)


_KINDS = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


def _known(request, *names):
    unknown = request.names - set(names) - {"alt", "prettyPrint"}
    if unknown:
        refuse(400, "invalidArgument", f"Cannot bind query parameter {sorted(unknown)}.")


def _body(request, *known):
    body = request.json()
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    known = known or ("ids", "addLabelIds", "removeLabelIds")
    if body is None or kind != "application/json" or set(body) - set(known):
        refuse(400, "parseError", "Invalid JSON payload received.")
    return body
