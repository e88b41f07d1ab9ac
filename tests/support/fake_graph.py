"""A strict Microsoft Graph, as far as its documentation tells of mail (v1.0, November 2026).

It refuses what is not documented: paths, query options, methods, a body without its type. An
id is immutable if and only if the request says ``Prefer: IdType="ImmutableId"``, and ids of one
kind mean nothing in a request of the other. More than four requests at once for a mailbox
are answered with 429, and an unordered ``$batch`` takes four of these places.

As the service does, delta queries with immutable ids report a message that left the folder
and came back as removed and nothing more.

Stages for faults: DELTA, LIST, FOLDER, MESSAGE, VALUE, DELETE, MOVE, PERMANENT, BATCH; a
request of a batch has no stage of its own, see ``refuse_in_batch``.
"""

import json

from tests.support.cloud_server import CloudServer, Refused, Reply, Request, json_reply
from tests.support.fake_graph_mailbox import START, WELL_KNOWN, Item, Mailbox, opaque, refuse

IMMUTABLE = 'IdType="ImmutableId"'
AT_ONCE = 4
BATCH = 20
PAGE = 10
MOST_A_PAGE = 1000
READ, WRITE = "Mail.Read", "Mail.ReadWrite"
_FIELDS = {"id", "receivedDateTime", "parentFolderId", "subject", "isRead", "internetMessageId"}


class FakeGraph(CloudServer):
    """See the module's docstring.

    Attributes:
        tokens: the user of each bearer token ("*": an application's, for every mailbox).
        scopes: what each token allows; Mail.ReadWrite without an entry.
        expired: tokens that are over.
        refuse_in_batch: takes (method, path, number in the batch) of a request inside a
            batch and returns a reply instead of the real one, or None.
        most_at_once: the most requests that a mailbox had at once.
        page: how many rows a page has if the client does not say.
        folders_bind: whether a message is found by the path of its own folder only; the
            documentation does not say.
        uncounted: how many items folders count beyond those that they list.
    """

    def __init__(self, *users):
        super().__init__()
        self.mailboxes = {user: Mailbox(user) for user in users or ("alice@example.org",)}
        self.tokens = {"token": "*"}
        self.scopes = {}
        self.expired = set()
        self.refuse_in_batch = lambda *_: None
        self.most_at_once = 0
        self.page, self.most_a_page = PAGE, MOST_A_PAGE
        self.uncounted = 0
        self.folders_bind = True
        self._active = {}
        self._states = {}

    @property
    def box(self):
        """The only mailbox, or the first."""
        return next(iter(self.mailboxes.values()))

    def expire_deltas(self):
        """From now on the delta tokens handed out so far are answered with 410."""
        with self.lock:
            self._states = dict.fromkeys(self._states)

    # Requests.

    def stage(self, request):
        last, tail = request.segments[-1], request.segments[-2:]
        if last == "$batch":
            return "BATCH"
        if last in {"$value", "delta", "move", "permanentDelete"}:
            return {"$value": "VALUE", "permanentDelete": "PERMANENT"}.get(last, last.upper())
        if request.method == "DELETE":
            return "DELETE"
        if last == "messages":
            return "LIST"
        return {"messages": "MESSAGE", "mailFolders": "FOLDER"}.get(tail[0], "OTHER")

    def enter(self, request):
        """Take the places of a request; a batch takes one for each that runs at a time."""
        user, count = self._whose(request)
        with self.lock:
            active = self._active.get(user, 0)
            if count and active + count > AT_ONCE:
                refuse(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                    Retry_After=1,
                )
            self._active[user] = active + count
            self.most_at_once = max(self.most_at_once, active + count)
        left = []

        def leave():
            with self.lock:
                if not left:
                    left.append(True)
                    self._active[user] -= count

        return leave

    def _whose(self, request):
        places = 1
        segments = request.segments
        if segments[-1] == "$batch":
            inner = (request.json() or {}).get("requests") or []
            ordered = any(each.get("dependsOn") for each in inner)
            places = 1 if ordered else min(AT_ONCE, len(inner))
            segments = str(inner[0].get("url")).split("/") if inner else []
            segments = ["v1.0", *segments[1:]]
        if segments[1:2] == ["users"]:
            return segments[2].lower(), places
        return str(self.tokens.get(request.bearer)).lower(), places

    def reply(self, request):
        self._authenticate(request)
        if request.segments[:1] != ["v1.0"]:
            refuse(400, "BadRequest", "Invalid version.")
        if request.segments[1:] == ["$batch"]:
            return self._batch(request)
        return self._answer(request)

    def _authenticate(self, request):
        token = request.bearer
        challenge = {"WWW_Authenticate": 'Bearer realm="", authorization_uri="x"'}
        if not token:
            refuse(401, "InvalidAuthenticationToken", "Access token is empty.", **challenge)
        if token not in self.tokens or token in self.expired:
            refuse(
                401,
                "InvalidAuthenticationToken",
                "Lifetime validation failed, the token is expired.",
                **challenge,
            )

    def _answer(self, request):
        mailbox, rest = self._mailbox(request)
        immutable = IMMUTABLE in _preferences(request)
        match request.method, rest:
            case "GET", ["mailFolders", folder]:
                return self._folder(request, mailbox, folder)
            case "GET", ["mailFolders", folder, "messages"]:
                return self._list(request, mailbox, mailbox.folder(folder), immutable)
            case "GET", ["mailFolders", folder, "messages", "delta"]:
                return self._delta(request, mailbox, mailbox.folder(folder), immutable)
            case method, ["mailFolders", folder, "messages", text, *action]:
                item = mailbox.find(text, immutable)
                if self.folders_bind and item.folder != mailbox.folder(folder):
                    refuse(404, "ErrorItemNotFound", "The specified object was not found.")
                return self._message(request, mailbox, item, method, action, immutable)
            case method, ["messages", text, *action]:
                item = mailbox.find(text, immutable)
                return self._message(request, mailbox, item, method, action, immutable)
        return refuse(400, "BadRequest", f"Resource not found: {request.path}")

    def _mailbox(self, request):
        user = self.tokens[request.bearer]
        match request.segments[1:]:
            case ["me", *rest]:
                if user == "*":
                    refuse(400, "BadRequest", "/me is for delegated authentication only.")
                return self.mailboxes[user], rest
            case ["users", name, *rest]:
                names = {known.lower(): known for known in self.mailboxes}
                if user not in {"*", names.get(name.lower())}:
                    refuse(403, "ErrorAccessDenied", "Access is denied.")
                if name.lower() not in names:
                    refuse(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")
                return self.mailboxes[names[name.lower()]], rest
        return refuse(400, "BadRequest", f"Resource not found: {request.path}")

    def _options(self, request, *known):
        unknown = request.names - set(known)
        if unknown:
            refuse(400, "BadRequest", f"Query option {sorted(unknown)} is not allowed.")
        fields = [each for each in (request.one("$select") or "").split(",") if each]
        if set(fields) - _FIELDS - {"totalItemCount", "displayName", "unreadItemCount"}:
            refuse(400, "BadRequest", "Could not find a property named so.")
        return fields

    def _folder(self, request, mailbox, text):
        self._options(request, "$select")
        name = mailbox.folder(text)
        found = {"id": mailbox.folder_id(name), "displayName": name}
        return json_reply(
            200, {**found, "totalItemCount": len(mailbox.inside(name)) + self.uncounted}
        )

    def _row(self, mailbox, item, fields, immutable):
        values = {
            "@odata.etag": f'W/"{item.number}.{item.moves}"',
            "id": item.id(immutable),
            "receivedDateTime": item.received.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "parentFolderId": mailbox.folder_id(item.folder),
            "subject": f"message {item.number}",
        }
        return {
            name: value
            for name, value in values.items()
            if not fields or name in fields or name in {"id", "@odata.etag"}
        }

    def _list(self, request, mailbox, name, immutable):
        fields = self._options(request, "$select", "$top", "$skip", "$orderby")
        order = request.one("$orderby") or "receivedDateTime desc"
        if order.split()[0] != "receivedDateTime":
            refuse(400, "BadRequest", "The $orderby is not supported.")
        top, skip = _number(request, "$top", PAGE), _number(request, "$skip", 0)
        if not 1 <= top <= MOST_A_PAGE:
            refuse(400, "ErrorInvalidUrlQuery", "The value of $top must be 1 to 1000.")
        down = order.endswith("desc")
        items = sorted(mailbox.inside(name), key=lambda item: item.received, reverse=down)
        page = items[skip : skip + top]
        rows = [self._row(mailbox, item, fields, immutable) for item in page]
        body = {"@odata.context": f"{self.url}/v1.0/$metadata#messages", "value": rows}
        if skip + top < len(items):
            select = f"&$select={','.join(fields)}" if fields else ""
            body["@odata.nextLink"] = (
                f"{self.url}{request.path}?$top={top}&$skip={skip + top}"
                f"&$orderby={order.replace(' ', '%20')}{select}"
            )
        return json_reply(200, body)

    # Delta queries.

    def _delta(self, request, mailbox, name, immutable):
        if name != "inbox":
            refuse(400, "BadRequest", "This fake tracks the inbox.")
        if request.names & {"$skiptoken", "$deltatoken"}:
            state = self._state(request, mailbox)
        else:
            fields = self._options(request, "$select", "$top", "changeType")
            here = [item.number for item in mailbox.inside("inbox")]
            # The return order is not guaranteed: the newest in the middle of it.
            rows = [(number, "here") for number in here[1::2] + here[::2]]
            state = (rows, len(mailbox.log), fields)
        return self._delta_page(request, mailbox, state, immutable)

    def _state(self, request, mailbox):
        kinds = request.names
        token = request.one("$skiptoken") or request.one("$deltatoken")
        if len(kinds) != 1 or token not in self._states:
            refuse(400, "BadRequest", "The sync state is malformed.")
        if self._states[token] is None:
            refuse(410, "SyncStateNotFound", "The sync state generation is not found.")
        owner, state = self._states[token]
        if owner != mailbox.user:
            refuse(400, "BadRequest", "The sync state is of another mailbox.")
        return state

    def _delta_page(self, request, mailbox, state, immutable):
        rows, seen, fields = state
        if rows is None:
            rows, seen = self._since(mailbox, seen, immutable), len(mailbox.log)
        size = min(_page_size(request, self.page), self.most_a_page)
        page, rest = rows[:size], rows[size:]
        kind, state = (
            ("skip", (rest, seen, fields)) if rest else ("delta", (None, seen, fields))
        )
        token = opaque(kind, len(self._states), length=120)
        self._states[token] = mailbox.user, state
        link = f"{self.url}{request.path}?${kind}token={token}"
        body = {
            "@odata.context": f"{self.url}/v1.0/$metadata#Collection(message)",
            "value": [self._change(mailbox, row, fields, immutable) for row in page],
            f"@odata.{'next' if rest else 'delta'}Link": link,
        }
        return json_reply(200, body, Preference_Applied="odata.maxpagesize")

    def _since(self, mailbox, seen, immutable):
        """What changed, in no promised order; a message may come more than once."""
        changes = {}
        for number, what in mailbox.log[seen:]:
            if what == "back" and immutable:
                changes.setdefault(number, "here")
            else:
                changes[number] = "gone" if what == "gone" else "here"
        return list(reversed(changes.items()))

    def _change(self, mailbox, row, fields, immutable):
        number, what = row
        item = mailbox.items.get(number) or Item(number, b"", START, "")
        if what == "gone" or item.folder not in WELL_KNOWN:
            return {"id": item.id(immutable), "@removed": {"reason": "deleted"}}
        return self._row(mailbox, item, fields, immutable)

    # One message.

    def _message(self, request, mailbox, item, method, action, immutable):
        fields = self._options(request, *(["$select"] if method == "GET" else []))
        match method, action:
            case "GET", []:
                return json_reply(200, self._row(mailbox, item, fields, immutable))
            case "GET", ["$value"]:
                return Reply(200, item.octets, chunked=True, content_type="text/plain")
            case "DELETE", []:
                self._allow(request, WRITE)
                if item.folder == "recoverableitemsdeletions":
                    refuse(403, "ErrorCannotDeleteObject", "Object cannot be deleted.")
                away = "recoverableitemsdeletions" if item.folder == "deleteditems" else None
                mailbox.move(item.number, away or "deleteditems")
                return Reply(204)
            case "POST", ["move"]:
                self._allow(request, WRITE)
                body = _json_body(request)
                if set(body) != {"destinationId"}:
                    refuse(400, "RequestBodyRead", "There is no destinationId.")
                mailbox.move(item.number, mailbox.folder(body["destinationId"]))
                return json_reply(201, self._row(mailbox, item, [], immutable))
            case "POST", ["permanentDelete"]:
                self._allow(request, WRITE)
                if request.body:
                    refuse(400, "RequestBodyRead", "There must be no body.")
                mailbox.purge(item.number)
                return Reply(204)
        return refuse(405, "Request_BadRequest", "Specified HTTP method is not allowed.")

    def _allow(self, request, scope):
        if self.scopes.get(request.bearer, WRITE) != scope:
            refuse(403, "ErrorAccessDenied", "Access is denied. Check credentials.")

    # Batches.

    def _batch(self, request):
        inner = (_json_body(request)).get("requests")
        ids = [str(each.get("id")).lower() for each in inner or []]
        if request.method != "POST" or not 1 <= len(ids) <= BATCH or len(set(ids)) < len(ids):
            refuse(400, "BadRequest", "Invalid batch payload format.")
        done = [self._part(request, number, each) for number, each in enumerate(inner)]
        # Answers may come in any order.
        return json_reply(200, {"responses": done[1::2] + done[::2]})

    def _part(self, request, number, each):
        if set(each) - {"id", "method", "url", "headers", "body", "dependsOn"}:
            refuse(400, "BadRequest", "Invalid batch payload format.")
        headers = type(request.headers)()
        for name, value in each.get("headers", {}).items():
            headers[name] = value
        headers["Authorization"] = request.headers["Authorization"]
        body = json.dumps(each["body"]).encode() if "body" in each else b""
        url = each["url"]
        if not url.startswith("/") or (body and not each.get("headers")):
            refuse(400, "BadRequest", "Invalid batch payload format.")
        part = Request(each["method"], f"/v1.0{url}", headers, body)
        try:
            reply = self.refuse_in_batch(part.method, part.path, number) or self._answer(part)
        except Refused as refused:
            reply = refused.reply
        found = {"id": each["id"], "status": reply.status, "headers": reply.headers}
        return {**found, "body": json.loads(reply.body)} if reply.body else found


def _preferences(request):
    return [
        each.strip()
        for value in request.headers.get_all("Prefer", [])
        for each in value.split(",")
    ]


def _page_size(request, default):
    for each in _preferences(request):
        name, _, value = each.partition("=")
        if name == "odata.maxpagesize":
            return max(1, int(value))
    return default


def _number(request, name, default):
    text = request.one(name)
    if text is None:
        return default
    return int(text) if text.isdigit() else refuse(400, "BadRequest", f"{name} is no number.")


def _json_body(request):
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    body = request.json()
    if kind != "application/json" or body is None:
        refuse(400, "BadRequest", "A body of type application/json is required.")
    return body
