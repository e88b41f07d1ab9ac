"""What all pages share: the ports, the templates, and the way to the database."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.accounts.store import Store
from gateway.admin.console import words
from gateway.admin.console.gate import Gate
from gateway.admin.console.ports import Locks, Parts, SignIn
from gateway.admin.console.threads import Threads
from gateway.admin.console.web import Answer, Ask, Cookie

T = TypeVar("T")


class Site:
    """The console.

    Args:
        parts: Of the office.
        threads: For what takes its time.
    """

    def __init__(self, parts: Parts, threads: Threads) -> None:
        self.settings = parts.settings
        self.live = parts.live
        self.now = parts.now
        self.emit = parts.emit
        self.url = parts.url.rstrip("/")
        self.secure = urlsplit(self.url).scheme == "https"
        self.gate = Gate(parts.now)
        self.oauth: SignIn | None = parts.oauth
        self.throttle: Locks | None = parts.throttle
        self.accounts: dict[str, Any] = self.settings.get("accounts", {})
        oauth = self.accounts.get("oauth", {})
        self.foresight_days = int(oauth.get("foresight_days", 14))
        self._store: Store = parts.store
        self._threads = threads

    async def ask(self, work: Callable[[Store], T]) -> T:
        """What the store says.

        Raises:
            Failure
        """
        return await self._threads.read(lambda: work(self._store))

    async def write(self, work: Callable[[Store], T]) -> T:
        """The same of what changes it, or looks at much of it.

        Raises:
            StoreRefusal, Failure
        """
        return await self._threads.write(lambda: work(self._store))

    async def think(self, work: Callable[[], T]) -> T:
        """What takes a while to compute."""
        return await self._threads.think(work)

    def page(self, template: str, ask: Ask, *, status: int = 200, **values: Any) -> Answer:
        """A page made of a template.

        Args:
            template: Its name without `.html`.
            ask: Of whom it depends on who is greeted.
            status: Of HTTP.
            values: For the template; `refresh`, `wait` and `cookies` go into the answer.
        """
        cookies: tuple[Cookie, ...] = values.pop("cookies", ())
        values.setdefault("csrf", ask.visit.csrf if ask.visit else "")
        values.setdefault("notice", words.NOTICES.get(ask.query.get("done", ""), ""))
        values.setdefault("administrator", _administrator(ask))
        values.setdefault("refresh", 0)
        values.setdefault("problem", "")
        values.setdefault("wait", 0)
        text = (
            _pages().get_template(f"{template}.html").render(ask=ask, now=self.now(), **values)
        )
        return Answer(
            text.encode(),
            status,
            cookies=cookies,
            refresh=int(values["refresh"]),
            wait=int(values["wait"]),
        )


def _administrator(ask: Ask) -> str:
    who = ask.visit.who if ask.visit else ""
    return "" if ":" in who else who


@cache
def _pages() -> Environment:
    pages = Environment(
        loader=PackageLoader("gateway.admin.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(words.filters())
    return pages
