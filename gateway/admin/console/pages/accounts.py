"""Accounts: the list, one of them, and changes."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import SecretStr

from gateway.accounts.model import Account, Provider
from gateway.accounts.store import Store
from gateway.admin.console.changes import changed
from gateway.admin.console.fields import Wrong, account_name, refuse, upstream_url
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go

_PAGE = 50


async def listing(site: Site, ask: Ask) -> Answer:
    """Those that fit a search, fifty a page."""
    text = ask.asked("q", 100)
    page = int(ask.asked("page")) if ask.asked("page", 20).isdecimal() else 1
    page = max(1, min(page, 10_000))

    def work(store: Store) -> tuple[int, list[Row]]:
        found = store.accounts.find(text, limit=_PAGE, offset=(page - 1) * _PAGE)
        return store.accounts.count(text), [Row(store, each) for each in found]

    # Some questions a row: in a thread, as work that writes.
    total, rows = await site.write(work)
    pages = max(1, -(-total // _PAGE))
    return site.page("accounts", ask, rows=rows, total=total, q=text, at=page, pages=pages)


class Row:
    """An account with what belongs to it."""

    def __init__(self, store: Store, account: Account) -> None:
        self.account = account
        self.grant = store.grants.get(account.name)
        self.devices = store.devices.of(account.name)
        self.provider = store.providers.get(account.provider) if account.provider else None

    @property
    def state(self) -> tuple[str, str]:
        """Tone and words: whether the mailbox is open."""
        if not self.account.enabled:
            return "calm", "disabled"
        if self.account.credential != "oauth":
            kept = self.account.credential == "password"
            return "good", "kept password" if kept else "own password"
        if self.grant is None:
            return "warn", "not signed in yet"
        return ("bad", "consent is gone") if self.grant.broken else ("good", "signed in")

    @property
    def last_seen(self) -> float | None:
        """Of its latest device."""
        return max((each.last_seen for each in self.devices if each.last_seen), default=None)


async def found(site: Site, name: str) -> Row:
    """One account.

    Raises:
        Refusal: There is none.
    """

    def work(store: Store) -> Row | None:
        account = store.accounts.get(name)
        return Row(store, account) if account else None

    row = await site.ask(work)
    if row is None:
        raise Refusal(404, "There is no such account (any more).")
    return row


async def show(site: Site, ask: Ask) -> Answer:
    """One account with its devices and links."""
    row = await found(site, ask.asked("name"))
    now = site.now()
    invites = await site.ask(lambda store: store.invites.of(row.account.name))
    open_ones = [each for each in invites if each.used is None and each.expires > now]
    return site.page("account", ask, row=row, account=row.account, invites=open_ones)


async def new(site: Site, ask: Ask) -> Answer:
    """The form for one that is to be."""
    providers = await site.ask(lambda store: store.providers.all())
    first = providers[0].name if providers else ""
    made = Account("", provider=first, credential="oauth" if providers else "password")
    return _form(site, ask, made, providers, is_new=True)


async def edit(site: Site, ask: Ask) -> Answer:
    """The form for one that is there."""
    row = await found(site, ask.asked("name"))
    providers = await site.ask(lambda store: store.providers.all())
    return _form(site, ask, row.account, providers, is_new=False)


def _form(
    site: Site,
    ask: Ask,
    account: Account,
    providers: Sequence[Provider],
    *,
    is_new: bool,
    problem: str = "",
) -> Answer:
    return site.page(
        "account_form",
        ask,
        status=400 if problem else 200,
        account=account,
        providers=providers,
        is_new=is_new,
        problem=problem,
    )


async def add(site: Site, ask: Ask) -> Answer:
    """Make one."""
    providers = await site.ask(lambda store: store.providers.all())
    entered = replace(_entered(ask, Account("")), name=ask.text("name"), created=site.now())
    try:
        account_name(entered.name)
        made = _checked(entered, providers)
        refuse(await site.ask(lambda store: store.accounts.get(made.name)), "an account")
    except Wrong as wrong:
        return _form(site, ask, entered, providers, is_new=True, problem=str(wrong))
    await site.write(lambda store: store.accounts.add(made))
    changed(site, ask, "account added", made.name)
    return go("/account", {"name": made.name, "done": "account-added"})


async def save(site: Site, ask: Ask) -> Answer:
    """Change one; its name stays."""
    row = await found(site, ask.text("name"))
    providers = await site.ask(lambda store: store.providers.all())
    entered = _entered(ask, row.account)
    try:
        made = _checked(entered, providers)
    except Wrong as wrong:
        return _form(site, ask, entered, providers, is_new=False, problem=str(wrong))
    await site.write(lambda store: store.accounts.save(made))
    changed(site, ask, "account changed", made.name)
    return go("/account", {"name": made.name, "done": "account-saved"})


def _entered(ask: Ask, before: Account) -> Account:
    kind = ask.text("credential")
    given = ask.secret("password")
    return replace(
        before,
        credential=kind if kind in {"client", "password", "oauth"} else "oauth",  # type: ignore[arg-type]
        provider=ask.text("provider", 64) if kind == "oauth" else "",
        upstream=ask.text("upstream", 1000),
        mailbox=ask.text("mailbox"),
        note=ask.text("note", 500),
        password=_password(kind, given, before),
    )


def _password(kind: str, given: str, before: Account) -> SecretStr | None:
    if kind != "password":
        return None
    return SecretStr(given) if given else before.password


def _checked(account: Account, providers: Sequence[Provider]) -> Account:
    known = {each.name for each in providers}
    if account.credential == "oauth" and account.provider not in known:
        raise Wrong("Choose a provider; if there is none yet, add it first.")
    if account.credential == "password" and account.password is None:
        raise Wrong("Enter the mailbox' password, or let its owner sign in at a provider.")
    return replace(account, upstream=upstream_url(account.upstream, needed=False))


async def switch(site: Site, ask: Ask) -> Answer:
    """Let it log in, or not."""
    row = await found(site, ask.text("name"))
    enabled = ask.text("enabled") == "yes"
    made = replace(row.account, enabled=enabled)
    await site.write(lambda store: store.accounts.save(made))
    word = "enabled" if enabled else "disabled"
    changed(site, ask, f"account {word}", made.name)
    return go("/account", {"name": made.name, "done": f"account-{word}"})


async def ask_to_remove(site: Site, ask: Ask) -> Answer:
    """Are you sure?"""
    row = await found(site, ask.asked("name"))
    return site.page(
        "confirm",
        ask,
        title=f"Remove {row.account.name}?",
        text="Its devices, its consent and its links go with it. The mail stays where it is.",
        action="/account/remove",
        button="Remove the account",
        hidden={"name": row.account.name},
        back=("/account", row.account.name),
    )


async def remove(site: Site, ask: Ask) -> Answer:
    """Take it away."""
    name = ask.text("name")
    await site.write(lambda store: store.accounts.remove(name))
    changed(site, ask, "account removed", name)
    return go("/accounts", {"done": "account-removed"})


ROUTES = (
    Route("GET", "/accounts", "administrator", listing),
    Route("GET", "/account", "administrator", show),
    Route("GET", "/account/new", "administrator", new),
    Route("POST", "/account/new", "administrator", add),
    Route("GET", "/account/edit", "administrator", edit),
    Route("POST", "/account/edit", "administrator", save),
    Route("POST", "/account/switch", "administrator", switch),
    Route("GET", "/account/remove", "administrator", ask_to_remove),
    Route("POST", "/account/remove", "administrator", remove),
)
