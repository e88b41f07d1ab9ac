"""The first page: what is going on, and what somebody should look after."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.accounts.model import Account, Device, Grant, Provider
from gateway.accounts.oauth.watch import Foreboding, foresee
from gateway.accounts.store import Store
from gateway.admin.console import causes, concerns, words
from gateway.admin.console.hours import Hour, by_hour
from gateway.admin.console.plots import Bars
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask

_TROUBLE_ROWS = 8


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database has for the page."""

    providers: Sequence[Provider]
    accounts: int
    first: Account | None
    devices: Sequence[Device]
    grants: Sequence[Grant]
    forebodings: Sequence[Foreboding]


def _known(store: Store, now: float, days: int) -> _Known:
    return _Known(
        store.providers.all(),
        store.accounts.count(),
        next(iter(store.accounts.find(limit=1)), None),
        store.devices.all(limit=10_000),
        store.grants.all(limit=1),
        foresee(store, now, days),
    )


async def overview(site: Site, ask: Ask) -> Answer:
    """Everything at a glance."""
    now, days = site.now(), site.foresight_days
    # Many rows: in a thread, as work that writes.
    known = await site.write(lambda store: _known(store, now, days))
    hours = by_hour(await site.live.samples(), now)
    sessions = await site.live.sessions()
    troubles = [each for each in await site.live.troubles() if each.at > now - 86_400]
    return site.page(
        "overview",
        ask,
        steps=concerns.steps(known.providers, known.first, known.devices, known.grants),
        accounts=known.accounts,
        devices=[each for each in known.devices if each.revoked is None],
        sessions=sessions,
        workers=await site.live.workers(),
        today=_sums(hours),
        plots=_plots(hours),
        hours=hours,
        upstreams=[_Health(each, now) for each in await site.live.upstreams()],
        groups=causes.grouped(troubles)[:_TROUBLE_ROWS],
        forebodings=known.forebodings,
        silent=concerns.silent(known.devices, now),
        old_tls=concerns.old_tls(sessions, known.devices),
    )


@dataclass(frozen=True, slots=True)
class _Sums:
    logins: int
    refused: int
    messages: int
    octets: int


def _sums(hours: Sequence[Hour]) -> _Sums:
    return _Sums(
        sum(each.logins for each in hours),
        sum(each.refused for each in hours),
        sum(each.messages for each in hours),
        sum(each.octets for each in hours),
    )


def _plots(hours: Sequence[Hour]) -> list[Bars]:
    labels = [each.label for each in hours]

    def count(value: float) -> str:
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    return [
        # Not the sessions at one time: a device has fetched its mail between two samples.
        Bars("Logins", [each.logins for each in hours], labels, count),
        Bars("Messages fetched", [each.messages for each in hours], labels, count),
        Bars("Mail fetched", [each.octets for each in hours], labels, words.octets, 1024),
        Bars("Logins that failed", [each.refused for each in hours], labels, count, tone="bad"),
    ]


class _Health:
    """An upstream's state in a word, and why."""

    def __init__(self, upstream: object, now: float) -> None:
        self.it = upstream
        good = getattr(upstream, "last_good", None)
        bad = getattr(upstream, "last_bad", None)
        self.tone, self.word = _health(good, bad, now)
        failure, detail = getattr(upstream, "failure", ""), getattr(upstream, "detail", "")
        self.cause = causes.explain(failure, detail) if bad is not None else None


def _health(good: float | None, bad: float | None, now: float) -> tuple[str, str]:
    if bad is None:
        return ("good", "works") if good is not None else ("calm", "not used yet")
    if good is None:
        return "bad", "fails"
    if good >= bad:
        return "good", "works again" if bad > now - 3600 else "works"
    return "bad", "fails"


ROUTES = (Route("GET", "/", "administrator", overview),)
