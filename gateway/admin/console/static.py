"""The style sheet, the script and the icon: files beside this one, read once."""

from functools import cache
from importlib.resources import files

from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal

_KINDS = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_KEPT = 300


@cache
def _octets(name: str) -> bytes:
    return files("gateway.admin.console").joinpath("static", name).read_bytes()


async def get(site: Site, ask: Ask) -> Answer:  # noqa: ARG001 - the same for everybody
    """One of them."""
    name = ask.path.rpartition("/")[2]
    if name not in _KINDS:
        raise Refusal(404)
    return Answer(_octets(name), kind=_KINDS[name], kept=_KEPT)


ROUTES = (Route("GET", "/static/<name>", "anybody", get),)
