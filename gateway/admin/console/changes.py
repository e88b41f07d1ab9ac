"""Who has changed what goes into the log."""

from gateway.admin.console.events import ConsoleChange
from gateway.admin.console.site import Site
from gateway.admin.console.web import Ask


def changed(site: Site, ask: Ask, what: str, subject: str) -> None:
    """Tell it."""
    site.emit(ConsoleChange(ask.visit.who if ask.visit else "", what, subject))
