"""The door with a directory: name and proof → account and device → upstream and login."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretBytes, SecretStr

from gateway.accounts.admission.proofs import by_digest, made_up_verifier, scram_verifier
from gateway.accounts.admission.seen import LastSeen
from gateway.accounts.admission.verified import Verified
from gateway.accounts.door import Admission
from gateway.accounts.fence import Fence
from gateway.accounts.model import Account, Device, Known
from gateway.accounts.names import Route, account_fault, split
from gateway.accounts.passing import ClientToken
from gateway.accounts.passwords import selector_of
from gateway.errors import BadCredentials, ConsentMissing, Failure, Misconfigured
from gateway.maildrop import (
    Attempt,
    BearerToken,
    Digest,
    Login,
    Scram,
    ScramVerifier,
    Tokens,
)

_NOTHING = SecretBytes(b"")
OWN_PROOF = "token"
"""Stands for the device in the admission of a client whose own token we have checked."""

Find = Callable[[str], Awaitable[Known | None]]
TokensFor = Callable[[Account], Tokens]
Introspect = Callable[[Account, BearerToken], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Ways:
    """Where clients are led, and by what means.

    Attributes:
        routes: For names without an upstream of their own; the first that fits.
        own: Whether the settings have an upstream for all others.
        strangers: Whether names that are not in the directory are led on too.
        tokens_for: Access tokens of an account whose owner has signed in; None where nobody
            can.
        introspect: Whether a client's token is valid and is the account's; None to pass
            it on.
    """

    routes: Sequence[Route] = ()
    own: bool = True
    strangers: bool = False
    tokens_for: TokensFor | None = None
    introspect: Introspect | None = None


class DirectoryDoor:
    """Lets in whom the directory knows; a `gateway.accounts.door.Door`.

    Args:
        find: What is known of a name without letter case.
        ways: Where clients are led.
        verified: Checks devices' passwords.
        seen: Notes logins.
        key: A secret that all processes share: what is made up for unknown names comes
            of it.
    """

    def __init__(
        self, find: Find, ways: Ways, *, verified: Verified, seen: LastSeen, key: bytes
    ) -> None:
        self._find = find
        self._ways = ways
        self._verified = verified
        self._seen = seen
        self._key = key
        # By identity: two clients may show the same at once.
        self._admitted: dict[int, Device] = {}

    def lead(self, ways: Ways) -> None:
        """Lead clients elsewhere from now on."""
        self._ways = ways

    async def admit(self, attempt: Attempt) -> Admission:
        """See `Door.admit`.

        Raises:
            BadCredentials, ConsentMissing, Misconfigured, Unavailable
        """
        name, wanted = split(attempt.user)
        known = await self._known(name)
        if known is None:
            return await self._stranger(attempt)
        if known.account.credential == "client":
            return self._by_own_password(known, wanted, attempt)
        if isinstance(attempt.proof, BearerToken):
            return await self._by_own_token(known, attempt)
        device = await self._device(known, wanted, attempt)
        _check(known, device, attempt)
        login = self._login(known, attempt.peer)
        self._admitted[id(attempt)] = device
        return Admission(
            self._upstream(known), login, account=known.account.name, device=device.name
        )

    async def ended(
        self, attempt: Attempt, admission: Admission, failure: Failure | None
    ) -> None:
        """See `Door.ended`; a device whose maildrop could not be opened was there too."""
        del admission, failure
        device = self._admitted.pop(id(attempt), None)
        if device is not None:
            self._seen.note(device, attempt.peer, attempt.tls)

    async def verifier(self, user: bytes) -> ScramVerifier:
        """See `Door.verifier`.

        Without a device's name it is that of the only device which has one; those that are
        revoked do not count beside one that is not.

        Raises:
            Unavailable, Misconfigured: The directory cannot be read.
        """
        name, wanted = split(user)
        known = await self._known(name)
        devices = [] if known is None else _candidates(known, wanted)
        able = [each for each in devices if each.scram]
        able = [each for each in able if each.revoked is None] or able
        if len(able) != 1:
            return made_up_verifier(self._key, f"{name}/{wanted}".casefold())
        return scram_verifier(able[0])

    async def _known(self, name: str) -> Known | None:
        """What can be no account's name is not asked for: no database takes all octets."""
        return None if account_fault(name) else await self._find(name.casefold())

    async def _stranger(self, attempt: Attempt) -> Admission:
        """A name that is not in the directory."""
        if self._ways.strangers:
            name = attempt.user.decode("utf-8", "surrogateescape")
            route = self._route(name)
            if route is not None or self._ways.own:
                user = attempt.user if route is None else _octets(route.mailbox(name))
                return _passed_on(attempt, "" if route is None else route.upstream, user)
        await self._verified.which((), _text(attempt.proof))
        raise BadCredentials("the name is not in the directory")

    def _by_own_password(self, known: Known, wanted: str, attempt: Attempt) -> Admission:
        """An account whose client knows the upstream's own password.

        Raises:
            BadCredentials: It is disabled; or what he showed cannot be passed on; or he calls
                himself a device. There is none, and a guesser who thinks of a new one each
                time would be somebody new to the throttle each time.
        """
        _check_account(known.account)
        if wanted:
            raise BadCredentials(f"the account {known.account.name!r} has no devices")
        user = _octets(self._mailbox(known))
        return _passed_on(attempt, self._upstream(known), user, known.account.name)

    async def _by_own_token(self, known: Known, attempt: Attempt) -> Admission:
        """A client that has got an access token himself."""
        account, proof = known.account, attempt.proof
        upstream = self._upstream(known)
        if self._ways.introspect is None or not isinstance(proof, BearerToken):
            _check_account(account)
            return _passed_on(attempt, upstream, _octets(self._mailbox(known)), account.name)
        if not await self._ways.introspect(account, proof):
            raise BadCredentials("the token is not valid, or not the account's")
        _check_account(account)
        login = self._login(known, attempt.peer)
        return Admission(upstream, login, account=account.name, device=OWN_PROOF)

    async def _device(self, known: Known, wanted: str, attempt: Attempt) -> Device:
        """The device that has shown its password.

        Raises:
            BadCredentials: None has.
        """
        proof, devices = attempt.proof, _candidates(known, wanted)
        device: Device | None
        if isinstance(proof, Scram):
            found = [each for each in devices if each.name == proof.device]
            device = found[0] if proof.proven and found else None
        elif isinstance(proof, Digest):
            device = by_digest(devices, proof)
        else:
            password = _text(proof)
            selector = selector_of(password)
            fitting = [each for each in devices if each.selector == selector]
            device = await self._verified.which(fitting, password)
        if device is None:
            raise BadCredentials(f"no device of {known.account.name!r} has this password")
        return device

    def _login(self, known: Known, peer: str) -> Login:
        account = known.account
        user = _octets(self._mailbox(known))
        if account.credential == "password":
            if account.password is None:
                raise Misconfigured(f"no password is kept for {account.name!r}")
            secret = SecretBytes(account.password.get_secret_value().encode())
            return Login(user, secret, peer)
        if self._ways.tokens_for is None:
            raise ConsentMissing(f"nobody has signed in for {account.name!r}")
        return Login(user, _NOTHING, peer, self._ways.tokens_for(account))

    def _upstream(self, known: Known) -> str:
        """Its own, a route's, or the settings' one.

        Raises:
            Misconfigured: There is none.
        """
        route = None if known.upstream else self._route(known.account.name)
        if not known.upstream and route is None and not self._ways.own:
            raise Misconfigured(f"{known.account.name!r} has no upstream, nor has its provider")
        return route.upstream if route is not None else known.upstream

    def _mailbox(self, known: Known) -> str:
        route = None if known.upstream else self._route(known.account.name)
        if known.account.mailbox or route is None:
            return known.account.user
        return route.mailbox(known.account.name)

    def _route(self, name: str) -> Route | None:
        return next((route for route in self._ways.routes if route.leads(name)), None)


def _candidates(known: Known, wanted: str) -> list[Device]:
    """Its devices, or the one of this name; revoked ones too."""
    wanted = wanted.casefold()
    return [each for each in known.devices if not wanted or each.name == wanted]


def _check(known: Known, device: Device, attempt: Attempt) -> None:
    """Whether a device that has shown its password may log in, now and from there.

    Raises:
        BadCredentials: It may not.
        Misconfigured: Nobody can tell.
    """
    _check_account(known.account)
    shown = f"{device.account}/{device.name}"
    if device.revoked is not None:
        raise BadCredentials(f"the device {shown} is revoked")
    if device.fence and not _fence(device).admits(attempt.peer):
        raise BadCredentials(f"the device {shown} came from outside its fence")
    if device.tls_only and not attempt.tls:
        raise BadCredentials(f"the device {shown} came without TLS")


def _fence(device: Device) -> Fence:
    try:
        return Fence.of(device.fence)
    except ValueError:
        raise Misconfigured(
            f"the fence of {device.account}/{device.name} is not made of networks"
        ) from None


def _check_account(account: Account) -> None:
    if not account.enabled:
        raise BadCredentials(f"the account {account.name!r} is disabled")


def _passed_on(attempt: Attempt, upstream: str, user: bytes, account: str = "") -> Admission:
    """What the client has shown is shown to the upstream.

    Raises:
        BadCredentials: It is nothing that can be.
    """
    proof = attempt.proof
    if isinstance(proof, BearerToken):
        tokens = ClientToken(proof.token)
        return Admission(upstream, Login(user, _NOTHING, attempt.peer, tokens), account)
    if not isinstance(proof, SecretBytes):
        raise BadCredentials("only the upstream knows the password, and no digest of it")
    return Admission(upstream, Login(user, proof, attempt.peer), account)


def _text(proof: object) -> SecretStr:
    """A password that a device may have; nothing for other proofs."""
    octets = proof.get_secret_value() if isinstance(proof, SecretBytes) else b""
    return SecretStr(octets.decode("utf-8", "replace"))


def _octets(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
