"""What the scenarios share: front-ends that run, users they know, interleaved samples."""

import contextlib
import sys
import time
from dataclasses import dataclass

from tests.bench import fronts, messages
from tests.bench.client import Client, Wrong, authority_context
from tests.bench.figures import Sample
from tests.bench.meter import Peak
from tests.bench.upstream import Upstream

ROUND_TRIP = 0.05


@dataclass(frozen=True)
class Scale:
    """How much of everything.

    Attributes:
        repeat: Samples of each front-end.
        polls: Sessions in a sample.
        far: Messages of the mailboxes behind the long line.
        huge: Messages of the large mailbox.
        huge_repeat: Samples of what takes long: its first opening, slow readers.
        drained: Octets that a sample of drains is to reach, in ten drains at most.
        dele: Messages of the largest mailbox that is emptied.
        idle: Idle sessions at the gateway, without and with TLS alike.
        idle_peer: Idle sessions at a peer.
        idle_peer_tls: The same with TLS.
        slow: Seconds for which slow readers are slow.
    """

    repeat: int = 5
    polls: int = 200
    far: int = 200
    huge: int = 100_000
    huge_repeat: int = 2
    drained: int = 32 << 20
    dele: int = 10_000
    idle: int = 5000
    idle_peer: int = 1000
    idle_peer_tls: int = 500
    slow: float = 5.0


QUICK = Scale(
    repeat=2,
    polls=40,
    far=20,
    huge=5000,
    huge_repeat=1,
    drained=4 << 20,
    dele=1000,
    idle=200,
    idle_peer=50,
    idle_peer_tls=30,
    slow=1.0,
)


class Bench:
    """The upstream and whatever runs in front of it; a context manager.

    Args:
        scale: How much of everything.
        flags: More of them for the gateway's ``serve``.
    """

    def __init__(self, scale, flags=()):
        self.scale, self.flags = scale, flags
        self.upstream = Upstream()
        self.rows = []
        self.samples = {}
        self._running = {}
        self._known = {}
        self._started = time.monotonic()
        self._stack = contextlib.ExitStack()
        self._trust = None

    def __enter__(self):
        self._stack.enter_context(self.upstream)
        self._trust = authority_context(self.upstream.authority)
        return self

    def __exit__(self, *_):
        self._stack.close()

    # Front-ends.

    def fronts(self, where="near"):
        """The gateway and both modes of the peer: ``near``, ``far`` (a long line) or ``tls``."""
        return self._group(where, self._gateway, fronts.imapc_each, fronts.imapc_reuse)

    def direct(self):
        """The upstream's kind of server itself, on the same Maildirs."""
        return self._group("direct", fronts.direct)[0]

    def _gateway(self, *where, **how):
        return fronts.Gateway(*where, flags=self.flags, **how)

    def _group(self, where, *makers):
        if where not in self._running:
            self._running[where] = [
                self._stack.enter_context(each) for each in self._made(where, makers)
            ]
        return self._running[where]

    def _made(self, where, makers):
        port = self.upstream.tls_port if where == "tls" else self.upstream.port
        if where == "far":
            port = self._stack.enter_context(fronts.Relay(port, ROUND_TRIP)).port
        return [make(self.upstream, port, tls=where == "tls") for make in makers]

    @contextlib.contextmanager
    def alone(self, make, where="near"):
        """A front-end of its own, for as long as the block takes."""
        if make is fronts.Gateway:
            make = self._gateway
        with self._made(where, [make])[0] as front:
            yield front

    # Mailboxes and users.

    def box(self, name, make):
        """The mailbox of this name, made on first use."""
        if name not in self.upstream.boxes:
            self.upstream.add_box(name, make())
        return name

    def poll_box(self):
        return self.box("poll", lambda: messages.tiny(200))

    def known(self, front, box, number=0):
        """A user who has polled this front-end before; ``number`` tells several apart."""
        key = (front.label, front.port, box, number)
        if key not in self._known:
            self._known[key] = self.upstream.user(box)
            self.poll(front, self._known[key], box)
        return self._known[key]

    def restart(self, front):
        """What is in memory is gone, connections upstream too; then the program is warm again."""
        box = self.box("warm-up", lambda: messages.tiny(5))
        far = front in self._running.get("far", ())
        # A program that has served nobody yet is slower for its first sessions: what is
        # compared are programs that run for long. None of these is the user to come.
        users = [self.known(front, box, number) for number in range(1 if far else 50)]
        front.restart()
        for user in users:
            self.poll(front, user, box)

    # Sessions.

    def client(self, front, **how):
        return Client(front.client_port, self._trust if front.tls else None, **how)

    def poll(self, front, user, box):
        """Login, STAT, UIDL, LIST, QUIT."""
        held = self.upstream.boxes[box]
        with self.client(front) as client:
            client.login(user)
            client.stat(held)
            client.listing(b"UIDL", len(held))
            client.listing(b"LIST", len(held))
            client.quit()

    def drain(self, front, user, box, *, whole=False):
        """Login, STAT, RETR of all, QUIT."""
        held = self.upstream.boxes[box]
        with self.client(front) as client:
            client.login(user)
            client.stat(held)
            for number, message in enumerate(held, 1):
                client.retrieve(number, message, whole=whole)
            client.quit()

    def check_refusal(self, front):
        """A wrong password must not get in, or the front-end does not do the work."""
        user = self.upstream.user(self.poll_box())
        with self.client(front) as client, contextlib.suppress(Wrong):
            client.greeting()
            client.command(b"USER " + user.encode())
            client.command(b"PASS wrong")
            client.command(b"STAT")
            raise RuntimeError(f"{front.label} takes any password")

    # Measuring.

    def measured(self, front, work, **counts):
        """Wall and CPU time of one piece of work; ``counts`` say what was in it."""
        before = front.cpu()
        started = time.perf_counter()
        work()
        wall = time.perf_counter() - started
        return Sample(front.cpu() - before, wall, **counts)

    @staticmethod
    def peak(front, interval):
        return Peak(front.meter, interval)

    def interleaved(self, scenario, compared, sample, repeat=None):
        """A B C A B C …; returns {label: samples}, which go into the JSON file as well."""
        found = {front.label: [] for front in compared}
        for turn in range(repeat or self.scale.repeat):
            for front in compared:
                self.say(f"{scenario}: {front.label}, run {turn + 1}")
                found[front.label].append(sample(front))
        self.samples[scenario] = found
        return found

    def say(self, text):
        """Tell how far it is."""
        elapsed = time.monotonic() - self._started
        print(f"{elapsed:5.0f} s  {text}", file=sys.stderr, flush=True)
