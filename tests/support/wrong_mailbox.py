"""Mailboxes that break one rule of the REST contract each: twists for `RestProxy`.

By name: the twist, the rule that it breaks, and words that the checker says about it.
"""

import itertools


def on_list(change):
    def twist(exchange):
        if exchange.is_list:
            page = exchange.json
            change(page)
            exchange.json = page

    return twist


def on_raw(change, method="GET", status=200):
    def twist(exchange):
        if exchange.is_raw and (exchange.method, exchange.status) == (method, status):
            change(exchange)

    return twist


def on_path(path, change, method="GET"):
    def twist(exchange):
        if (exchange.method, exchange.path) == (method, path):
            change(exchange)

    return twist


def lf_sizes(page):
    page["messages"] = [{**each, "size": max(0, each["size"] - 3)} for each in page["messages"]]
    page["totalSize"] = page["totalSize"] - 3


def one_size(page):
    page["messages"][0]["size"] += 2
    page["totalSize"] += 2


def drop(name):
    return lambda exchange: exchange.headers.pop(name, None)


def header(name, value):
    return lambda exchange: exchange.headers.__setitem__(name, value)


def longer(exchange):
    exchange.body += b"more"


def rename(new):
    def change(page):
        page["messages"][0]["id"] = new

    return change


def duplicate(page):
    if len(page["messages"]) > 1:
        page["messages"][1]["id"] = page["messages"][0]["id"]


def counting_etags():
    numbers = itertools.count()
    return on_raw(lambda exchange: exchange.headers.update(etag=f'"{next(numbers)}"'))


def counting_octets():
    numbers = itertools.count(10_000_000)

    def change(exchange):
        if len(exchange.body) > 8:
            exchange.body = b"%d" % next(numbers) + exchange.body[8:]

    return on_raw(change)


def ignores(field):
    """Answers as if the request had not this header field."""

    def before(exchange):
        exchange.fields.pop(field, None)

    return before


def shifted(exchange):
    exchange.body = exchange.body[1:] + b"x"


def reverse(page):
    page["messages"].reverse()
    for number, each in enumerate(page["messages"]):
        each["received"] = f"2026-01-01T00:00:{59 - number % 60:02}Z"


def shuffled():
    numbers = itertools.count()

    def change(page):
        turn = next(numbers) % 5
        page["messages"] = page["messages"][turn:] + page["messages"][:turn]

    return on_list(change)


def last_of_page_again(exchange):
    if (
        exchange.is_list
        and "cursor" in exchange.query
        and int(exchange.query.get("limit", 100)) < 100
    ):
        page = exchange.json
        page["messages"] = page["messages"][1:]
        exchange.json = page


def states():
    numbers = itertools.count()
    return on_list(lambda page: page.update(state=f"s{next(numbers)}"))


def never_304(exchange):
    if exchange.path == "/messages":
        exchange.fields.pop("if-none-match", None)


def always_304(exchange):
    if exchange.path == "/messages" and "if-none-match" in exchange.fields:
        exchange.status, exchange.headers = 304, {"etag": exchange.fields["if-none-match"]}


def empty_changes(exchange):
    if exchange.path == "/changes" and exchange.status == 410:
        since = exchange.query["since"]
        value = {"from": since, "to": since, "created": [], "destroyed": [], "more": False}
        exchange.answer(200, value)


def everything_as_changes(exchange):
    if exchange.path == "/changes" and exchange.status == 200:
        value = exchange.json
        value["destroyed"] = ["something"]
        exchange.json = value


def plain_errors(exchange):
    if exchange.status >= 400:
        exchange.headers["content-type"] = "text/html"


def open_to_all(server):
    def before(exchange):
        exchange.fields["authorization"] = server.authorization

    return before


def forbidden(exchange):
    if exchange.status == 401:
        exchange.problem(403, www_authenticate="Basic")


def no_challenge(exchange):
    exchange.headers.pop("www-authenticate", None)


def any_lock(exchange):
    if exchange.status == 423:
        exchange.answer(201, {"token": "other", "ttl": 30})
    elif exchange.path == "/lock/other":
        exchange.status, exchange.headers, exchange.body = 204, {}, b""


def cut(exchange):
    exchange.cut = len(exchange.body) // 2


def miscounts(exchange):
    if exchange.path == "/changes" and exchange.status == 200:
        exchange.json = {**exchange.json, "total": 1}


TWISTS = {
    "sizes of the LF form": (on_list(lf_sizes), 1, "the list says"),
    "one size with two more": (on_list(one_size), 1, "the list says"),
    "Content-Length missing": (on_raw(drop("content-length")), 1, "no Content-Length"),
    "Content-Length too small": (on_raw(longer), 1, "raw has"),
    "raw breaks off": (on_raw(cut), 1, "the list says"),
    "raw is compressed": (on_raw(header("content-encoding", "x")), 2, "Content-Encoding"),
    "raw is text": (on_raw(header("content-type", "text/plain")), 2, "text/plain"),
    "raw has a weak ETag": (on_raw(header("etag", 'W/"x"')), 2, 'ETag W/"x"'),
    "raw has no ETag": (on_raw(drop("etag")), 2, "no ETag"),
    "raw changes": (counting_octets(), 2, "other octets the second time"),
    "HEAD tells another length": (
        on_raw(header("content-length", "7"), method="HEAD"),
        2,
        "HEAD raw has content-length 7",
    ),
    "HEAD is not allowed": (
        on_raw(lambda exchange: exchange.problem(405), method="HEAD"),
        2,
        "HEAD raw is 405",
    ),
    "unknown ids are 500": (
        on_raw(lambda exchange: exchange.problem(500), status=404),
        2,
        "raw of an unknown id is 500",
    ),
    "Accept-Ranges missing": (on_raw(drop("accept-ranges")), 3, "no Accept-Ranges"),
    "a range that is off by one": (on_raw(shifted, status=206), 3, "are not octets"),
    "a wrong Content-Range": (
        on_raw(header("content-range", "bytes 0-1/2"), status=206),
        3,
        "Content-Range is bytes 0-1/2",
    ),
    "after the end": (on_raw(lambda e: e.problem(404), status=416), 3, "after the last octet"),
    "a long id": (on_list(rename("x" * 71)), 4, "71 characters"),
    "an id with a slash": (on_list(rename("a/b")), 4, "'a/b'"),
    "an id with a space": (on_list(rename("a b")), 4, "'a b'"),
    "two messages of one id": (on_list(duplicate), 4, "2 times"),
    "a generation of its own": (
        on_list(lambda page: page.update(generation="2")),
        4,
        "different generations",
    ),
    "newest first": (on_list(reverse), 5, "the newest message is the first"),
    "no fixed order": (shuffled(), 5, "another order the second time"),
    "a page loses a message": (last_of_page_again, 6, "messages together"),
    "a wrong total": (on_list(lambda page: page.update(total=1)), 6, "total is 1"),
    "a wrong totalSize": (on_list(lambda page: page.update(totalSize=1)), 6, "totalSize is 1"),
    "a state of each answer": (states(), 7, "its state is another"),
    "a list without ETag": (on_path("/messages", drop("etag")), 7, "no ETag"),
    "304 whatever is asked": (always_304, 7, "another ETag is 304"),
    "unknown states are known": (empty_changes, 8, "that never was is 200"),
    "changes with since itself": (everything_as_changes, 8, "are not empty"),
    "changes that miscount": (miscounts, 8, "changes say that there are 1 messages"),
    "no challenge": (no_challenge, 12, "no WWW-Authenticate"),
    "403 for wrong passwords": (forbidden, 12, "credentials is 403"),
    "errors in HTML": (plain_errors, 13, "text/html"),
    "a size in words": (
        on_list(lambda page: page["messages"][0].update(size="12")),
        13,
        "messages.0.size",
    ),
    "a session without limits": (
        on_path("/session", lambda e: e.answer(200, {"account": "a"})),
        13,
        "generation",
    ),
    "no JSON": (on_path("/session", lambda e: e.resize(b"hello")), 13, "JSON"),
    "two locks": (any_lock, 11, "a second POST /lock is 201"),
}
IGNORED = {
    "ranges are ignored": ("range", 3, "is 200"),
    "If-Range is ignored": ("if-range", 3, "If-Range with another ETag is 206"),
    "304 is never said": ("if-none-match", 7, "the ETag of the list is 200"),
}


def on_delete(change):
    return on_path("/messages/delete", change, "POST")


def all_or_nothing(exchange):
    if exchange.status == 200 and exchange.json["notFound"]:
        exchange.problem(404)


def hides_unknown(exchange):
    if exchange.status == 200:
        exchange.json = {**exchange.json, "notFound": []}


def claims_unknown(exchange):
    if exchange.status == 200:
        told = exchange.json
        told["destroyed"] = told["notFound"] + told["destroyed"]
        exchange.json = {**told, "notFound": []}


def any_generation(exchange):
    exchange.sent = exchange.sent.replace(b'"check-mailbox"', b'"1"')
    exchange.target = exchange.target.replace("generation=check-mailbox", "generation=1")


def new_keys():
    numbers = itertools.count()

    def before(exchange):
        if exchange.fields.get("idempotency-key"):
            exchange.fields["idempotency-key"] += str(next(numbers))

    return before


def without_key(exchange):
    exchange.fields.setdefault("idempotency-key", "none")


DELETIONS = {
    "all or nothing": (on_delete(all_or_nothing), 9, "an unknown id is 404"),
    "unknown ids are not told": (on_delete(hides_unknown), 9, "not in notFound"),
    "unknown ids are said to be gone": (on_delete(claims_unknown), 9, "destroyed is"),
}
REQUESTS = {
    "any generation": (any_generation, 4, "another generation"),
    "keys are forgotten": (new_keys(), 10, "the same deletion with the same key"),
    "no key is needed": (without_key, 10, "without Idempotency-Key"),
}
