"""The console as a web resource: every request passes the same checks before its page."""

import traceback
from http import HTTPStatus
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from werkzeug.exceptions import HTTPException

from gateway.accounts.store import StoreRefusal
from gateway.admin.console import events, static, visits
from gateway.admin.console.gate import check_csrf, check_host, check_origin
from gateway.admin.console.headers import send
from gateway.admin.console.pages import ROUTES, setup
from gateway.admin.console.ports import Parts
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.threads import OwnThreads, Threads
from gateway.admin.console.web import Answer, Ask, Refusal, Request, go, read
from gateway.errors import Failure


class _Console:
    """The routes, and what comes before and after each of them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add(self, app: Any, route: Route) -> None:
        """Make a route known."""
        methods = ["GET", "HEAD"] if route.method == "GET" else ["POST"]

        async def serve(request: Request, **_: str) -> bytes:
            return await self._serve(route, request)

        app.route(route.path, methods=methods, endpoint=f"{route.method} {route.path}")(serve)

    async def _serve(self, route: Route, request: Request) -> bytes:
        try:
            ask = read(request)
        except Refusal as refusal:
            return send(self._site, request, refused(self._site, Ask("GET", ""), refusal))
        return send(self._site, request, await answer(self._site, route, ask))

    def no_page(self, request: Request, failure: Any) -> bytes:
        """What Klein itself refuses: no such page, or not by this method."""
        status = getattr(failure.value, "code", None) or 404
        return send(self._site, request, refused(self._site, Ask("GET", ""), Refusal(status)))


def resource(parts: Parts, threads: Threads | None = None) -> Any:
    """The console and the sign-in pages, to be mounted at `/`.

    Args:
        parts: Of the office.
        threads: For what takes its time; the console's own if none are given.

    Returns:
        An `IResource`.
    """
    site = Site(parts, threads or OwnThreads(parts.store.database, parts.clock))
    console, app = _Console(site), Klein()
    for route in (*ROUTES, *static.ROUTES):
        console.add(app, route)
    app.handle_errors(HTTPException)(console.no_page)
    Deferred.fromCoroutine(setup.prepare(site))
    return app.resource()


async def answer(site: Site, route: Route, ask: Ask) -> Answer:
    """The page of a route, or a page that says why not."""
    try:
        return await _let_in(site, route, ask)
    except Refusal as refusal:
        return refused(site, ask, refusal)
    except StoreRefusal as refusal:
        return refused(site, ask, Refusal(409, f"{refusal}."))
    except Failure as failure:
        site.emit(
            events.ConsoleError(route.path, f"{type(failure).__name__}: {failure.detail}")
        )
        return refused(site, ask, Refusal(503))
    except Exception:  # noqa: BLE001 - whatever it is, nobody sees its insides
        site.emit(events.ConsoleError(route.path, traceback.format_exc(limit=-8)))
        return refused(site, ask, Refusal(500))


async def _let_in(site: Site, route: Route, ask: Ask) -> Answer:
    if route.who == "program":
        return await route.handler(site, ask)
    check_host(ask, site.url)
    if route.method == "POST":
        check_origin(ask, site.url)
    if route.who != "anybody":
        ask = await _with_visit(site, route, ask)
        if ask.visit is None:
            return _no_visit(site, route, ask)
        if route.method == "POST":
            check_csrf(ask, ask.visit.csrf)
    return await route.handler(site, ask)


async def _with_visit(site: Site, route: Route, ask: Ask) -> Ask:
    visit = await visits.find(site, ask, route.who)
    return ask.of(visit)


def _no_visit(site: Site, route: Route, ask: Ask) -> Answer:
    if route.who == "administrator":
        then = {"next": ask.path} if route.method == "GET" and ask.path != "/" else {}
        return go("/login", then)
    return site.page("lapsed", ask, status=403)


def refused(site: Site, ask: Ask, refusal: Refusal) -> Answer:
    """The page that says why not."""
    status = refusal.status if refusal.status in _TEXTS else 500
    title, text = _TEXTS[status]
    return site.page(
        "error",
        ask,
        status=status,
        title=title,
        text=refusal.text or text,
        wait=refusal.wait,
    )


_TEXTS: dict[int, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: (
        "That was not understood",
        "The browser sent something that this page has no use for. Go back and try again.",
    ),
    HTTPStatus.FORBIDDEN: (
        "Not from there",
        (
            "This form did not come from the console itself, so nothing was done. Go back, "
            "reload the page, and try again."
        ),
    ),
    HTTPStatus.NOT_FOUND: (
        "There is no such page",
        "It was moved or removed, or the address was mistyped.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "That does not go this way",
        "Open the page from the console instead.",
    ),
    HTTPStatus.CONFLICT: ("That did not fit", "Somebody else was quicker. Go back and look."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("That was too much", "The form holds too much."),
    HTTPStatus.MISDIRECTED_REQUEST: (
        "The console has another name",
        "Open it by the name that console.url has in the settings, or by its address.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Too many tries",
        (
            "From your address there were too many tries in a short time. Wait a little, then "
            "try again. Nothing is locked for good."
        ),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "Something went wrong here",
        (
            "That is a mistake of the gateway, not yours. Its log has the details. Mail is not "
            "affected."
        ),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Not just now",
        "The accounts cannot be read at the moment. Try again in a minute; the log says why.",
    ),
}
