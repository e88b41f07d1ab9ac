"""The console in this process: real pages over a real store, the rest made up.

``Browser`` speaks HTTP to the real resource in memory and keeps cookies as browsers do.
"""

import html
import itertools
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import SecretStr
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gateway.accounts.model import Account, Administrator, Device, Grant, Invite, Provider
from gateway.accounts.oauth.causes import SignInRefused, refusal
from gateway.accounts.oauth.presets import Endpoints
from gateway.accounts.oauth.service import DevicePending, Pending, Waiting
from gateway.accounts.passwords import hash_password, new_device_password
from gateway.accounts.store import Store, digest_of
from gateway.accounts.throttle.entries import Entry
from gateway.accounts.vault import Vault, new_key
from gateway.admin.console import resource
from gateway.admin.live import LiveSession, Sample, Trouble, UpstreamHealth
from gateway.admin.setup_token import read_token
from gateway.admin.site import bounded_site
from gateway.telemetry import Emitter

NOW = 1_800_000_000.0
PASSWORD = "correct horse battery"
_numbers = itertools.count()
HASH = hash_password(SecretStr(PASSWORD))


@cache
def _empty_store():
    """The octets of a new database: making its tables is what takes time."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "accounts.sqlite")
        Store(path, Vault([new_key()])).close()
        return path.read_bytes()


class AtOnce:
    """Threads that are none."""

    async def read(self, work):
        return work()

    write = think = read


@dataclass
class FakeLive:
    """Workers with what a test puts here."""

    current: list = field(default_factory=list)
    failures: list = field(default_factory=list)
    minutes: list = field(default_factory=list)
    health: list = field(default_factory=list)
    answering: tuple = (2, 2)

    async def sessions(self):
        return list(self.current)

    async def end(self, worker, number):
        before = len(self.current)
        self.current = [
            each for each in self.current if (each.worker, each.number) != (worker, number)
        ]
        return len(self.current) < before

    async def troubles(self):
        return self.failures

    async def samples(self):
        return self.minutes

    async def upstreams(self):
        return self.health

    async def workers(self):
        return self.answering


@dataclass
class FakeLocks:
    """A throttle with what a test puts here."""

    held: list = field(default_factory=list)

    def entries(self):
        return self.held

    def lift(self, key):
        before = len(self.held)
        self.held = [each for each in self.held if each.name != key]
        return before - len(self.held)


class FakeSignIn:
    """A provider that agrees, unless a test puts a refusal into ``refusal``."""

    def __init__(self, store, now, url="https://id.example.org/authorize"):
        self.store = store
        self.now = now
        self.url = url
        self.refusal = None
        self.entered = False
        self.polls = 0
        self.queries = []

    def _keep(self, account, flow):
        if self.refusal is not None:
            raise self.refusal
        now = self.now()
        grant = Grant(
            account,
            flow,
            SecretStr("refresh"),
            SecretStr("access"),
            now + 3600,
            subject=account,
            obtained=now,
            refreshed=now,
        )
        self.store.grants.put(grant)
        return grant

    async def begin_code(self, account, redirect_uri):
        if self.refusal is not None:
            raise self.refusal
        pending = Pending(
            "office", account, redirect_uri, "state-1", "n", "v", self.now() + 600
        )
        query = {"state": "state-1", "redirect_uri": redirect_uri}
        return f"{self.url}?{urlencode(query)}", pending

    async def finish_code(self, pending, query):
        self.queries.append(query)
        if "state=state-1" not in query:
            raise SignInRefused("ended", "the answer is of another sign-in", "begin again")
        if "error=" in query:
            raise refusal(dict(parse_qsl(query)))
        return self._keep(pending.account, "code")

    async def begin_device(self, account):
        if self.refusal is not None:
            raise self.refusal
        return DevicePending(
            "office",
            account,
            SecretStr("device-code"),
            "WDJB-MJHT",
            "https://id.example.org/device",
            "",
            5,
            self.now() + 900,
        )

    async def poll_device(self, pending):
        self.polls += 1
        if not self.entered and self.refusal is None:
            return Waiting(pending)
        return self._keep(pending.account, "device")

    async def client_credentials(self, account):
        return self._keep(account, "client")

    async def endpoints(self, provider):
        if self.refusal is not None:
            raise self.refusal
        base = "https://id.example.org"
        return Endpoints(base, f"{base}/authorize", f"{base}/token")

    async def withdraw(self, account):
        self.store.grants.remove(account)


class Office:
    """Parts of an office, and its resource; times stand still until a test moves them."""

    def __init__(
        self, tmp_path, url="http://127.0.0.1:8080", behind_proxy=False, clock=None, fresh=True
    ):
        self.state = tmp_path
        self.time = NOW if clock is None else clock()
        self._clock = clock
        self.url = url
        path = Path(tmp_path, "accounts.sqlite")
        if fresh:
            path.write_bytes(_empty_store())
        self.store = Store(path, Vault([new_key()]))
        self.live = FakeLive()
        self.throttle = FakeLocks()
        self.oauth = FakeSignIn(self.store, self.now)
        self.events = []
        self.settings = {
            "state": {"dir": str(tmp_path)},
            "console": {},
            "listen": {"plain": ["127.0.0.1:1110"], "tls": ["0.0.0.0:1995"], "cert": "x.pem"},
        }
        self.parts = SimpleNamespace(
            settings=self.settings,
            live=self.live,
            store=self.store,
            throttle=self.throttle,
            oauth=self.oauth,
            url=url,
            clock=Clock(),
            now=self.now,
            emit=Emitter(lambda event, _: self.events.append(event)),
        )
        self.behind_proxy = behind_proxy
        self.resource = resource(self.parts, AtOnce())
        self.told_at_start, self.events[:] = list(self.events), []

    def now(self):
        return self.time if self._clock is None else self._clock()

    def close(self):
        self.store.close()

    def administrator(self, name="kim"):
        self.store.administrators.save(Administrator(name, HASH))
        return name

    def account(self, name="scan@example.org", **more):
        if self.store.providers.get("office") is None:
            self.store.providers.save(
                Provider(
                    "office",
                    "oidc",
                    "imaps://imap.example.org",
                    "gateway",
                    SecretStr("client-secret"),
                    issuer="https://id.example.org",
                )
            )
        account = Account(name, **{"provider": "office", "created": self.time} | more)
        self.store.accounts.add(account)
        return account

    def device(self, account="scan@example.org", name="printer", **more):
        password = new_device_password()
        device = Device(
            account, name, password.selector, password.hash, created=self.time, **more
        )
        self.store.devices.add(device)
        self.store.devices.note_seen([])
        return password.shown.get_secret_value()

    def invite(self, account="scan@example.org", device="printer", days=1):
        """The token of a link."""
        token = SecretStr(f"token-{next(_numbers)}-{'x' * 30}")
        until = self.time + days * 86_400
        self.store.invites.add(Invite(account, digest_of(token), until, device))
        return token.get_secret_value()

    def token(self):
        return read_token(self.state)


@dataclass
class Page:
    """An answer."""

    status: int
    headers: list
    body: str

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def location(self):
        return self.header("Location")

    @property
    def csrf(self):
        found = re.search(r'name="csrf" value="([^"]*)"', self.body)
        return found[1] if found else ""

    @property
    def set_cookies(self):
        return [v for k, v in self.headers if k.lower() == "set-cookie"]

    @property
    def text(self):
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.body)).split())


class Browser:
    """One browser: cookies, an address, and the fields that browsers add."""

    def __init__(self, office, address="192.0.2.1", host=None, modern=True):
        self.office = office
        self.address = address
        self.host = host or urlsplit(office.url).netloc
        self.cookies = {}
        self.modern = modern
        self.site = bounded_site(office.resource, Clock(), behind_proxy=office.behind_proxy)

    def get(self, path, **headers):
        return self.send("GET", path, None, headers)

    def post(self, path, form=None, **headers):
        scheme = urlsplit(self.office.url).scheme
        given = {"Origin": f"{scheme}://{self.host}"}
        if self.modern:
            given["Sec-Fetch-Site"] = "same-origin"
        return self.send("POST", path, form or {}, given | headers)

    def follow(self, page):
        while page.status == 303 and page.location.startswith("/"):
            page = self.get(page.location)
        return page

    def submit(self, page_path, action, form):
        """Open a page, and send its form with these values."""
        return self.post(action, {"csrf": self.get(page_path).csrf, **form})

    def log_in(self, name="kim", password=PASSWORD):
        return self.submit("/login", "/login", {"name": name, "password": password})

    def send(self, method, path, form, headers):
        body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", "Connection: close"]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        if form is not None:
            if not isinstance(form, bytes):
                headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        octets = "\r\n".join([*lines, "", ""]).encode() + (body if form is not None else b"")
        return self._keep(_exchange(self.site, self.address, octets, method))

    def raw(self, method, path, fields):
        """A request whose head has these octets, and what came back; a defect fails the test."""
        head = {b"Host": self.host.encode(), b"Content-Length": b"0"} | fields
        lines = [f"{method} {path} HTTP/1.1".encode()]
        lines += [name + b": " + value for name, value in head.items()]
        transport = StringTransport(peerAddress=IPv4Address("TCP", self.address, 50_000))
        transport.abortConnection = transport.loseConnection
        channel = self.site.buildProtocol(transport.getPeer())
        channel.makeConnection(transport)
        channel.dataReceived(b"\r\n".join([*lines, b"", b""]))
        channel.connectionLost(Failure(ConnectionDone()))
        return transport.value()

    def _keep(self, page):
        for cookie in page.set_cookies:
            name, _, rest = cookie.partition("=")
            value = rest.partition(";")[0]
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return page


def _exchange(site, address, octets, method):
    transport = StringTransport(peerAddress=IPv4Address("TCP", address, 50_000))
    channel = site.buildProtocol(transport.getPeer())
    channel.makeConnection(transport)
    channel.dataReceived(octets)
    channel.connectionLost(Failure(ConnectionDone()))  # or the site would count it for ever
    answer = HTTPResponse(_Octets(transport.value()), method=method)
    answer.begin()
    return Page(answer.status, answer.getheaders(), answer.read().decode())


class _Octets:
    def __init__(self, octets):
        self._octets = octets

    def makefile(self, *_):
        return BytesIO(self._octets)


def some_day(office):
    """What a lively office looks like: for screenshots, and for tests of the overview."""
    now = office.time
    for number in range(24 * 60):
        at = now - (24 * 60 - number) * 60
        busy = max(0, 9 - abs(((at // 3600) % 24) - 13))
        office.live.minutes.append(
            Sample(
                at,
                sessions=int(busy * (1 + number % 3)),
                logins=int(busy),
                refused=int(number % 97 == 0) + int(number % 11 == 0) * (busy > 7),
                messages=int(busy * (number % 5)),
                octets=int(busy * (number % 5) * 91_000),
                removed=0,
            )
        )
    upstream = "imaps://imap.example.org"
    office.live.health = [
        UpstreamHealth(upstream, now - 40, now - 7200, "Unavailable", "timed out"),
        UpstreamHealth(
            "imaps://outlook.office365.com", now - 90_000, now - 60, "Misconfigured", "TLS: x"
        ),
    ]
    office.live.failures = [
        Trouble(
            now - 60, "login_failed", "BadCredentials", "till@shop", "198.51.100.7", "", ""
        ),
        Trouble(
            now - 900,
            "login_failed",
            "ConsentMissing",
            "scan@example.org",
            "192.0.2.9",
            upstream,
            "invalid_grant",
        ),
        Trouble(
            now - 5000,
            "login_failed",
            "Unavailable",
            "x@y",
            "192.0.2.9",
            upstream,
            "the upstream did not take the connection in time",
        ),
    ]
    office.live.current = [
        LiveSession(
            0,
            17,
            "192.0.2.31",
            "pop3s",
            "TLSv1.3",
            "TLS_AES",
            False,
            "scan@example.org",
            "scan@example.org",
            "printer",
            upstream,
            now - 3,
            "transaction",
            12,
            4_500_000,
        ),
        LiveSession(
            1,
            9,
            "192.0.2.40",
            "legacy",
            "TLSv1",
            "AES128-SHA",
            True,
            "till@shop.example",
            "till@shop.example",
            "till-3",
            upstream,
            now - 70,
            "authorization",
            0,
            0,
        ),
        LiveSession(
            1,
            11,
            "198.51.100.77",
            "pop3",
            "",
            "",
            False,
            "",
            "",
            "",
            "",
            now - 1,
            "authorization",
            0,
            0,
        ),
        LiveSession(
            0,
            21,
            "192.0.2.32",
            "pop3s",
            "TLSv1.3",
            "TLS_AES",
            False,
            "tickets@example.org",
            "tickets@example.org",
            "otrs",
            upstream,
            now - 8,
            "update",
            230,
            64_500_000,
        ),
    ]
    office.throttle.held = [
        Entry("address", "198.51.100.77", "", 31, now - 900, now + 1500, now - 20),
        Entry(
            "account", "scan@example.org/printer", "192.0.2.31", 2, now - 3000, None, now - 300
        ),
        Entry("password", "tickets@example.org", "", 1, now - 90_000, now + 500_000, now - 60),
    ]
