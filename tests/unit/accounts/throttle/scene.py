"""An upstream, or a directory, that counts what it is asked; a clock; a guarded door."""

from pydantic import SecretBytes
from twisted.internet.defer import Deferred

from gateway.accounts.door import Admission
from gateway.accounts.guarded import GuardedDoor
from gateway.accounts.throttle import Throttle, ThrottleSettings
from gateway.errors import BadCredentials, Failure
from gateway.maildrop import Attempt, Login
from gateway.telemetry import Emitter

DAY = 86_400.0
HOME, ABROAD = "192.0.2.7", "203.0.113.9"
SETTINGS = ThrottleSettings(account_limit=4, address_limit=20)


class World:
    """The time, and what the upstream thinks; several doors may share it."""

    def __init__(self, start=1_800_000_000.0):
        self.now = start
        self.passwords = {}
        self.asked = []
        self.events = []
        self.failure = None
        """What the upstream answers instead of looking at the password."""

    def emitter(self):
        return Emitter(lambda event, context: self.events.append(event))

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Upstream:
    """A `Door` that passes everybody on."""

    def __init__(self, world, directory=False):
        self.world = world
        self.directory = directory
        self.failure = None
        self.held = None

    def _is_wrong(self, attempt):
        known = self.world.passwords.get(attempt.user.lower())
        return attempt.proof != SecretBytes(known) if known is not None else True

    async def admit(self, attempt):
        if self.failure is not None:
            raise self.failure
        if self.held is not None:
            await self.held
        if not self.directory:
            return Admission("", Login(attempt.user, SecretBytes(b""), attempt.peer))
        self.world.asked.append(attempt)
        if self._is_wrong(attempt):
            raise BadCredentials("the directory says no")
        return Admission(
            "", Login(attempt.user, SecretBytes(b"")), account="account", device="device"
        )

    async def ended(self, attempt, admission, failure):
        self.world.ended = (attempt, failure)

    async def verifier(self, user):
        return user


class Scene:
    """One worker."""

    def __init__(self, world, directory, settings=SETTINGS, *, own=False):
        self.world = world
        emit = world.emitter()
        self.throttle = Throttle(directory, settings, lambda: world.now, emit)
        self.store = self.throttle.store
        self.inner = Upstream(world, directory=own)
        self.door = GuardedDoor(self.inner, self.throttle, emit)

    async def attempt(self, attempt):
        """As the Opener does it; returns None or the failure."""
        try:
            admission = await self.door.admit(attempt)
        except Failure as failure:
            return failure
        if not self.inner.directory:
            self.world.asked.append(attempt)
        failure = self.world.failure
        if failure is None and not self.inner.directory and self.inner._is_wrong(attempt):
            failure = BadCredentials("the upstream says no")
        await self.door.ended(attempt, admission, failure)
        return failure

    def begin(self, password, user=b"kim", peer=HOME):
        proof = SecretBytes(password) if isinstance(password, bytes) else password
        return Deferred.fromCoroutine(self.attempt(Attempt(user, proof, peer)))

    def login(self, password, user=b"kim", peer=HOME):
        """None if he is in, else the failure."""
        done = []
        self.begin(password, user, peer).addCallback(done.append)
        assert done, "it waits for something"
        return done[0]

    def asked(self):
        """How often the upstream was asked since the last time."""
        count = len(self.world.asked)
        self.world.asked.clear()
        return count
