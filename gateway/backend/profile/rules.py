"""What no single key of a profile can tell: names that nobody gives, keys that need others."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gateway.backend.profile.mistakes import Mistake
from gateway.backend.profile.template import Template, Url, names_in

if TYPE_CHECKING:
    from gateway.backend.profile.schema import Call, Profile

_CLIENT = frozenset({"user", "password"})
_EVERYWHERE = frozenset({"user"})
_SETTINGS = frozenset({"service"})
_PAGES = {"none": "", "offset": "offset", "page": "page", "cursor": "cursor"}


def broken(profile: "Profile") -> Iterator[Mistake]:
    """Every rule that the profile breaks."""
    yield from _auth(profile)
    yield from _login(profile)
    yield from _list(profile)
    yield from _unchanged(profile)
    yield from _raw(profile)
    yield from _delete(profile)
    yield from _secrets(profile)
    yield from _names("ids.scope", Template.parse(profile.ids.scope).names, _later(profile))


def taken(profile: "Profile") -> frozenset[str]:
    """The names that logins take."""
    return frozenset().union(*(call.take for call in profile.login))


def _later(profile: "Profile") -> frozenset[str]:
    """What URLs and bodies may name after login. A password has no place there."""
    return _EVERYWHERE | taken(profile)


def _auth(profile: "Profile") -> Iterator[Mistake]:
    auth = profile.auth
    wanted = {"bearer": ("value",), "header": ("header", "value")}.get(auth.form, ())
    for key in ("header", "value"):
        given = getattr(auth, key) is not None
        if given and key not in wanted:
            yield Mistake(
                f'means nothing with form = "{auth.form}"', "leave it out", f"auth.{key}"
            )
        if not given and key in wanted:
            yield Mistake(
                f'is missing: form = "{auth.form}" needs it',
                'give header = "X-Api-Key" or the like'
                if key == "header"
                else 'give value = "{token}", "{password}" or "{service}"',
                f"auth.{key}",
            )
    if auth.value is not None:
        known = _CLIENT | _SETTINGS | taken(profile)
        yield from _names("auth.value", Template.parse(auth.value).names, known)


def _login(profile: "Profile") -> Iterator[Mistake]:
    known: frozenset[str] = _EVERYWHERE
    reserved = _CLIENT | _SETTINGS | {"id", "ids", "limit", "offset", "page", "cursor"}
    for number, call in enumerate(profile.login):
        place = f"login.{number}"
        yield from _call(place, call, known, known | _CLIENT | _SETTINGS)
        for name in sorted(reserved & call.take.keys()):
            yield Mistake(f'"{name}" is taken already', "choose another name", f"{place}.take")
        if (call.code is None) != (not call.codes):
            yield Mistake(
                "code and codes belong together", "give both, or none", f"{place}.code"
            )
        known |= frozenset(call.take)
    if profile.logout is not None:
        later = _later(profile)
        yield from _call("logout", profile.logout, later, later | _SETTINGS)


def _list(profile: "Profile") -> Iterator[Mistake]:
    page, names = profile.list.page, Url.parse(profile.list.url).names
    counter = _PAGES[page.style]
    known = _later(profile) | {"limit", counter}
    yield from _names("list.url", names, known)
    if counter and counter not in names:
        yield Mistake(
            f'does not have {{{counter}}}, though the style is "{page.style}"',
            f"put it where the server wants it, e.g. ?start={{{counter}}}",
            "list.url",
        )
    if (page.cursor is not None) != (page.style == "cursor"):
        yield Mistake(
            "belongs to the style cursor, and is needed there",
            'give both style = "cursor" and cursor = "/next", or none',
            "list.page.cursor",
        )
    for key in ("received", "size"):
        needed = profile.list.order == "received" if key == "received" else profile.list.exact
        if needed and getattr(profile.list, key) is None:
            other = 'order = "received"' if key == "received" else "exact = true"
            yield Mistake(f"is missing: {other} needs it", "give its pointer", f"list.{key}")


def _unchanged(profile: "Profile") -> Iterator[Mistake]:
    check = profile.unchanged
    if check is None:
        return
    if (check.url is None) == (not check.etag) or (check.url is None) != (not check.values):
        yield Mistake(
            "it is not clear what to look at",
            "give url and values, or etag = true alone",
            "unchanged",
        )
    if check.url is not None:
        yield from _names("unchanged.url", Url.parse(check.url).names, _later(profile))
    if check.etag and profile.list.page.style != "none":
        yield Mistake(
            "tells of the first page only",
            'use it with lists of one piece (style = "none")',
            "unchanged.etag",
        )


def _raw(profile: "Profile") -> Iterator[Mistake]:
    raw = profile.raw
    yield from _identified("raw.url", Url.parse(raw.url), _later(profile) | {"id"})
    yield from _header_names("raw.headers", raw.headers, _later(profile))
    if (raw.at is None) != (raw.encoding == "octets"):
        yield Mistake(
            "says where a JSON answer has the message, and is needed there",
            'give at = "/raw" or the like unless encoding = "octets"',
            "raw.at",
        )
    if raw.at == "":
        yield Mistake("the whole answer cannot be it", "name a key, as in /raw", "raw.at")


def _delete(profile: "Profile") -> Iterator[Mistake]:
    call, known = profile.delete, _later(profile)
    one = known | {"id"}
    yield from _call("delete", call, one, one)
    if "id" not in Url.parse(call.url).names | names_in(call.body):
        yield Mistake(
            "has {id} neither in url nor in body: it could delete everything",
            "say which message is to be deleted",
            "delete",
        )
    claimed: dict[int, str] = {}
    for key in ("done", "gone", "unsure"):
        for status in getattr(call, key):
            if claimed.setdefault(status, key) != key:
                yield Mistake(
                    f"{status} is in {claimed[status]} already",
                    "a status can mean one thing",
                    f"delete.{key}",
                )
    if call.bulk is not None:
        yield from _call("delete.bulk", call.bulk, known, known | {"ids"})
        if "ids" not in names_in(call.bulk.body):
            yield Mistake(
                "has no {ids} in its body: it could delete everything",
                'give e.g. body = { ids = "{ids}" }',
                "delete.bulk",
            )


def _secrets(profile: "Profile") -> Iterator[Mistake]:
    """Paths get into the log, queries do not."""
    secret = Template.parse(profile.auth.value or "").names - _EVERYWHERE
    urls = {"list.url": profile.list.url, "raw.url": profile.raw.url}
    urls |= {"delete.url": profile.delete.url}
    urls |= {f"login.{number}.url": call.url for number, call in enumerate(profile.login)}
    for key, url in urls.items():
        path = frozenset().union(*(one.names for one in Url.parse(url).segments))
        for name in sorted(secret & path):
            yield Mistake(
                f"has {{{name}}} in its path, and paths get into the log",
                "put it into a header or the query",
                key,
            )


def _identified(key: str, url: Url, known: frozenset[str]) -> Iterator[Mistake]:
    yield from _names(key, url.names, known)
    if "id" not in url.names:
        yield Mistake("does not have {id}", "say which message is meant", key)


def _call(
    place: str, call: "Call", in_url: frozenset[str], in_body: frozenset[str]
) -> Iterator[Mistake]:
    yield from _names(f"{place}.url", Url.parse(call.url).names, in_url)
    yield from _names(f"{place}.body", names_in(call.body), in_body)
    yield from _header_names(f"{place}.headers", call.headers, in_body)
    if call.method == "GET" and call.body is not None:
        yield Mistake("GET has no body", "choose another method", f"{place}.method")


def _header_names(
    key: str, headers: Mapping[str, str], known: frozenset[str]
) -> Iterator[Mistake]:
    for value in headers.values():
        yield from _names(key, Template.parse(value).names, known)


def _names(key: str, names: frozenset[str], known: frozenset[str]) -> Iterator[Mistake]:
    for name in sorted(names - known):
        if name == "password":
            right = "a password can be in a login's body, a header or auth.value only"
        else:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {{{near[0]}}}? " if near else ""
            right = f"{hint}known here: {', '.join(sorted(filter(None, known)))}"
        yield Mistake(f"nobody gives {{{name}}}", right, key)


def needs_service(profile: "Profile") -> bool:
    """Whether nothing can be asked without the token of the settings."""
    return "service" in Template.parse(profile.auth.value or "").names


def takes_token(profile: "Profile") -> bool:
    """Whether a token, of the settings or of the login, is sent anywhere."""
    sent = [call.headers for call in profile.login] + [call.body for call in profile.login]
    return needs_service(profile) or "service" in frozenset().union(*map(names_in, sent))


def proves_password(profile: "Profile") -> bool:
    """Whether the server sees the client's password. If not, any password would do."""
    sent = [call.body for call in profile.login]
    sent += [call.headers for call in profile.login]
    names = frozenset().union(*map(names_in, sent))
    if profile.auth.value is not None:
        names |= Template.parse(profile.auth.value).names
    return profile.auth.form == "basic" or "password" in names
