"""A store, a keeper and a provider that answers at once, on a clock that stands still."""

import itertools
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import jwt
from pydantic import SecretStr
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.accounts.model import Account, Grant, Provider
from gateway.accounts.oauth.fetch import Answer
from gateway.accounts.oauth.provider import Providers
from gateway.accounts.oauth.service import SignIn
from gateway.accounts.oauth.settings import OAuthSettings
from gateway.accounts.oauth.tokens import Keeper
from gateway.accounts.oauth.watch import Watch
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault, new_key
from gateway.telemetry import Emitter

EPOCH = 1_800_000_000.0
ISSUER = "https://idp.example"
DAY = 86_400.0
KEY = new_key()
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "device_authorization_endpoint": f"{ISSUER}/device",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}
SECRET = "client-s3cret"


def error(name, status=400, **more):
    return Answer(status, json.dumps({"error": name, **more}).encode())


@dataclass
class FakeIdp:
    """Issues tokens with numbers; `refuse` is what it says instead, again and again.

    Attributes:
        rotates: Each refresh gives another refresh token, and takes the old one away.
        loses: Refresh tokens that it has forgotten.
        stalls: Deferreds that the next requests for a token wait for.
    """

    now: object
    rotates: bool = False
    refuse: Answer | None = None
    id_claims: dict = field(default_factory=dict)
    more: dict = field(default_factory=dict)
    leave_out: tuple = ()
    metadata: dict = field(default_factory=dict)

    def __post_init__(self):
        self.numbers = itertools.count(1)
        self.good = set()
        self.asked = []
        self.posts = []
        self.stalls = []
        self.claims = {"email": "kim@example.org", "sub": "1"}
        self.nonce = ""
        self.userinfo = None
        self.discoveries = 0

    async def fetch(self, request):
        self.asked.append(request.url)
        path = urlsplit(request.url).path
        if path.endswith("/.well-known/openid-configuration"):
            self.discoveries += 1
            return Answer(200, json.dumps(METADATA | self.metadata).encode())
        if path == "/userinfo":
            return Answer(200, json.dumps(self.userinfo or {}).encode())
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.posts.append(form)
        if self.stalls:
            await self.stalls.pop(0)
        if self.refuse is not None:
            return self.refuse
        return Answer(200, json.dumps(self._given(path, form)).encode())

    def _given(self, path, form):
        if path in {"/device", "/device/code"}:
            return {
                "device_code": "dev-1",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{ISSUER}/enter",
                "expires_in": 600,
                "interval": 5,
            }
        if path == "/revoke":
            self.good.discard(form["token"])
            return {}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.good:
                return {"error": "invalid_grant"}
            if self.rotates:
                self.good.discard(form["refresh_token"])
        number = next(self.numbers)
        given = {"access_token": f"access-{number}", "expires_in": 3600, "token_type": "Bearer"}
        asked = form["grant_type"] != "refresh_token" or self.rotates
        if asked and form["grant_type"] != "client_credentials":
            given["refresh_token"] = f"refresh-{number}"
            self.good.add(given["refresh_token"])
            given["id_token"] = self.id_token(form.get("client_id"))
        given |= self.more
        return {name: value for name, value in given.items() if name not in self.leave_out}

    def id_token(self, client_id):
        body = {"iss": ISSUER, "aud": client_id, "exp": self.now() + 600, "nonce": self.nonce}
        return jwt.encode({**body, **self.claims}, "k" * 32, "HS256")


class AtOnce:
    """Instead of a `Runner`: no threads."""

    async def run(self, work):
        return work()

    write = run


class Desk:
    """What app would make."""

    def __init__(self, path, clock=None, idp=None):
        self.clock = clock or Clock()
        self.shift = 0.0
        self.now = lambda: EPOCH + self.shift + self.clock.seconds()
        self.idp = idp or FakeIdp(self.now)
        self.events = []
        emit = Emitter(lambda event, context: self.events.append(event))
        self.store = Store(path, Vault([KEY]))
        runner = AtOnce()
        self.providers = Providers(self.idp.fetch, self.now)
        common = {"now": self.now, "emit": emit}
        self.keeper = Keeper(
            self.store, runner, self.providers, clock=self.clock, random=lambda: 0.5, **common
        )
        numbers = itertools.count(1)
        self.sign_in = SignIn(
            self.store,
            runner,
            self.providers,
            random_text=lambda: f"text-{next(numbers)}-{'x' * 43}",
            **common,
        )
        self.watch = Watch(
            self.store, runner, self.keeper, OAuthSettings(), clock=self.clock, **common
        )

    def now_is(self, shift):
        """Somebody has set the clock of the machine; waits go on as before."""
        self.shift = shift

    def register(self, preset="oidc", upstream="imaps://imap.example", **more):
        provider = {"issuer": ISSUER, "client_secret": SecretStr(SECRET), **more}
        self.store.providers.save(Provider("idp", preset, upstream, "gateway", **provider))
        if self.store.accounts.get("kim") is None:
            self.add("kim", mailbox="kim@example.org")
        return self

    def add(self, name, **more):
        self.store.accounts.add(Account(name, provider="idp", **more))

    def grant(self, account="kim", *, refresh="refresh-0", life=3600.0, flow="code", **more):
        token = None if refresh is None else SecretStr(refresh)
        if refresh is not None:
            self.idp.good.add(refresh)
        given = {"obtained": self.now(), "refreshed": self.now(), **more}
        made = Grant(account, flow, token, SecretStr("access-0"), self.now() + life, **given)
        self.store.grants.put(made)
        return self

    def row(self, account="kim"):
        return self.store.grants.get(account)

    def refreshes(self):
        return [form for form in self.idp.posts if form.get("grant_type") == "refresh_token"]

    def names(self):
        return [event.name() for event in self.events]


def run(coroutine):
    """The result of a coroutine that waits for nothing; raises what it raises."""
    return result(begin(coroutine))


def begin(coroutine):
    return Deferred.fromCoroutine(coroutine)


def result(deferred):
    got = []
    deferred.addBoth(got.append)
    assert got, "it still waits"
    if hasattr(got[0], "raiseException"):
        got[0].raiseException()
    return got[0]
