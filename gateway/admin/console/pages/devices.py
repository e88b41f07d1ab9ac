"""Devices of an account: a password that is shown once, fences, revocation."""

from dataclasses import replace

from gateway.accounts.model import Account, Device
from gateway.accounts.new_device import with_new_password
from gateway.accounts.passwords import DevicePassword
from gateway.admin.console import fields
from gateway.admin.console.changes import changed
from gateway.admin.console.pages.accounts import found
from gateway.admin.console.place import place_of
from gateway.admin.console.recipes import recipes
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go


async def new(site: Site, ask: Ask) -> Answer:
    """The form for one that is to be."""
    row = await found(site, ask.asked("name"))
    return _form(site, ask, row.account, Device(row.account.name, "", "", ""), is_new=True)


async def edit(site: Site, ask: Ask) -> Answer:
    """The form for one that is there."""
    device = await _found(site, ask.asked("name"), ask.asked("device", 64))
    row = await found(site, device.account)
    return _form(site, ask, row.account, device, is_new=False)


def _form(
    site: Site, ask: Ask, account: Account, device: Device, *, is_new: bool, problem: str = ""
) -> Answer:
    return site.page(
        "device_form",
        ask,
        status=400 if problem else 200,
        account=account,
        device=device,
        fence_text="\n".join(device.fence),
        digests=bool(site.accounts.get("digests")),
        is_new=is_new,
        problem=problem,
    )


async def add(site: Site, ask: Ask) -> Answer:
    """Make one, and show its password: here and now, and never again."""
    row = await found(site, ask.text("name"))
    entered = Device(row.account.name, ask.text("device", 64), "", "", created=site.now())
    try:
        entered = _entered(ask, entered)
        fields.device_name(entered.name)
        known = await site.ask(lambda s: s.devices.get(entered.account, entered.name))
        fields.refuse(known, "a device")
    except fields.Wrong as wrong:
        return _form(site, ask, row.account, entered, is_new=True, problem=str(wrong))
    password = await store_new(site, entered, keep=ask.text("keep") == "yes")
    changed(site, ask, "device added", f"{entered.account}/{entered.name}")
    return shown(site, ask, row.account, entered.name, password)


async def store_new(site: Site, device: Device, *, keep: bool) -> DevicePassword:
    """Keep a device with a new password, or give an old one a new password."""
    scram = bool(site.accounts.get("scram", True))
    made, password = await site.think(lambda: with_new_password(device, keep=keep, scram=scram))
    known = await site.ask(lambda store: store.devices.get(made.account, made.name))
    await site.write(lambda s: s.devices.save(made) if known else s.devices.add(made))
    return password


def shown(
    site: Site, ask: Ask, account: Account, device: str, password: DevicePassword
) -> Answer:
    """The password with what to enter where."""
    place = place_of(site.settings, site.url)
    return site.page(
        "device_password",
        ask,
        account=account,
        device=device,
        password=password.shown.get_secret_value(),
        place=place,
        recipes=recipes(place, account.name),
    )


async def save(site: Site, ask: Ask) -> Answer:
    """Change one, all but its password."""
    device = await _found(site, ask.text("name"), ask.text("device", 64))
    row = await found(site, device.account)
    try:
        made = _entered(ask, device)
    except fields.Wrong as wrong:
        return _form(site, ask, row.account, device, is_new=False, problem=str(wrong))
    await site.write(lambda store: store.devices.save(made))
    changed(site, ask, "device changed", f"{made.account}/{made.name}")
    return go("/account", {"name": made.account, "done": "device-saved"})


def _entered(ask: Ask, before: Device) -> Device:
    return replace(
        before,
        fence=fields.fence(ask.lines("fence")),
        tls_only=ask.text("tls_only") == "yes",
        note=ask.text("note", 500),
    )


async def renew(site: Site, ask: Ask) -> Answer:
    """A new password in the place of the old one."""
    device = await _found(site, ask.text("name"), ask.text("device", 64))
    row = await found(site, device.account)
    password = await store_new(site, device, keep=device.secret is not None)
    changed(site, ask, "device password renewed", f"{device.account}/{device.name}")
    return shown(site, ask, row.account, device.name, password)


async def settings(site: Site, ask: Ask) -> Answer:
    """What to enter where, without the password."""
    row = await found(site, ask.asked("name"))
    place = place_of(site.settings, site.url)
    made = recipes(place, row.account.name)
    return site.page(
        "device_password",
        ask,
        account=row.account,
        device=ask.asked("device", 64),
        password="",
        place=place,
        recipes=made,
    )


async def revoke(site: Site, ask: Ask) -> Answer:
    """Its password does not work any more; it stays to be seen."""
    device = await _found(site, ask.text("name"), ask.text("device", 64))
    made = replace(device, revoked=site.now(), secret=None)
    await site.write(lambda store: store.devices.save(made))
    changed(site, ask, "device revoked", f"{made.account}/{made.name}")
    return go("/account", {"name": made.account, "done": "device-revoked"})


async def remove(site: Site, ask: Ask) -> Answer:
    """Take one away that was revoked."""
    device = await _found(site, ask.text("name"), ask.text("device", 64))
    if device.revoked is None:
        raise Refusal(409, "Revoke the device first.")
    await site.write(lambda store: store.devices.remove(device.account, device.name))
    changed(site, ask, "device removed", f"{device.account}/{device.name}")
    return go("/account", {"name": device.account, "done": "device-removed"})


async def _found(site: Site, account: str, name: str) -> Device:
    device = await site.ask(lambda store: store.devices.get(account, name))
    if device is None:
        raise Refusal(404, "There is no such device (any more).")
    return device


ROUTES = (
    Route("GET", "/device/new", "administrator", new),
    Route("POST", "/device/new", "administrator", add),
    Route("GET", "/device", "administrator", edit),
    Route("POST", "/device", "administrator", save),
    Route("GET", "/device/settings", "administrator", settings),
    Route("POST", "/device/renew", "administrator", renew),
    Route("POST", "/device/revoke", "administrator", revoke),
    Route("POST", "/device/remove", "administrator", remove),
)
