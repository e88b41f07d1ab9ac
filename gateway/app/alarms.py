"""Alarms, wired together: what the office knows, and the ways of telling it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.threads import deferToThread

from gateway.accounts.model import Device
from gateway.accounts.oauth.fetch import Request, checked_url
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.oauth.watch import Watch
from gateway.accounts.secret_file import read_secret
from gateway.accounts.store import Store
from gateway.accounts.store.database import Runner
from gateway.admin.alarms.letter import Letter
from gateway.admin.alarms.mail import send_mail
from gateway.admin.alarms.rounds import Alarms, Carry
from gateway.admin.alarms.settings import AlarmSettings
from gateway.admin.alarms.worries import Worry, of_forebodings, of_silent, of_upstreams
from gateway.admin.live import Live
from gateway.app.fetch import Fetcher
from gateway.errors import Unavailable
from gateway.telemetry import Emitter

_PAGE = 1000


def make_alarms(
    settings: AlarmSettings,
    store: Store,
    runner: Runner,
    watch: Watch,
    live: Live,
    *,
    console: str,
    reactor: Any,
    emit: Emitter,
) -> Alarms:
    """The alarms of an office.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """

    async def look() -> Sequence[Worry]:
        now, days = time.time(), settings.silent_days
        worries = [*of_forebodings(await watch.forebodings())]
        worries += of_upstreams(await live.upstreams(), now)
        if days:
            worries += of_silent(await runner.write(lambda: _devices(store)), now, days)
        return worries

    async def recall(key: str) -> str | None:
        return await runner.run(lambda: store.notes.get(key))

    async def remember(key: str, text: str) -> None:
        await runner.write(lambda: store.notes.put(key, text))

    return Alarms(
        look,
        carriers(settings, reactor),
        recall,
        remember,
        console=console,
        clock=reactor,
        now=time.time,
        emit=emit,
    )


def carriers(settings: AlarmSettings, reactor: Any) -> Mapping[str, Carry]:
    """The ways of telling that the settings name.

    Raises:
        Misconfigured: What they name cannot be used.
    """
    found: dict[str, Carry] = {}
    if settings.mail_to:
        found["mail"] = _mail(settings)
    if settings.webhook_file is not None:
        found["webhook"] = _webhook(settings, reactor)
    return found


def _mail(settings: AlarmSettings) -> Carry:
    async def carry(letter: Letter) -> str:
        complaint: str = await deferToThread(send_mail, settings, letter, time.time())
        return complaint

    return carry


def _webhook(settings: AlarmSettings, reactor: Any) -> Carry:
    assert settings.webhook_file is not None  # noqa: S101 - for the type
    url = checked_url(
        read_secret(settings.webhook_file).get_secret_value(), "the URL in alarms.webhook_file"
    )
    fetch = Fetcher(OAuthSettings(ca=settings.ca), reactor, "the webhook")

    async def carry(letter: Letter) -> str:
        headers = {"Content-Type": "application/json"}
        # Whatever else is wrong with the answer, somebody was told.
        status = await fetch.status(Request("POST", url, headers, letter.json()))
        if not 200 <= status < 300:
            raise Unavailable(f"the webhook answered with status {status}")
        return ""

    return carry


def _devices(store: Store) -> Sequence[Device]:
    found: list[Device] = []
    while True:
        some = store.devices.all(limit=_PAGE, offset=len(found))
        found += some
        if len(some) < _PAGE:
            return found
