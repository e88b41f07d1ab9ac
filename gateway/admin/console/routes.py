"""What a route of the console is: the table of them decides who may enter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask

Who = Literal["anybody", "administrator", "guest", "program"]
"""Who may enter: anybody with a browser, an administrator, somebody whom a link let in, or
a mail program (which sends no cookies and no Origin, and reaches us by any name)."""
Handler = Callable[[Site, Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One page, or one thing that can be done."""

    method: Literal["GET", "POST"]
    path: str
    who: Who
    handler: Handler
