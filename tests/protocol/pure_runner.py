"""Runner (a): the pure session, with its effects carried out at once on a fake upstream."""

from twisted.internet.defer import Deferred

from gateway.errors import BodyBroken, MaildropBusy
from gateway.maildrop import Attempt
from gateway.pop3 import events, replies
from gateway.pop3.multiline import Stuffer, TopCutter
from gateway.pop3.offer import Offer
from gateway.pop3.session import Session
from gateway.pop3.settings import Pop3Settings
from tests.protocol import faults
from tests.protocol.maildrops import MAILDROPS
from tests.support.fake_backend import FakeBackend
from tests.support.known_devices import KnownDevice

# What `@offer` may be about.
ALL = (b"SCRAM-SHA-256", b"CRAM-MD5", b"OAUTHBEARER", b"XOAUTH2", b"PLAIN", b"LOGIN")
OFFERS = {
    "usual": Offer(),
    "everything": Offer(ALL, apop=True),
    "nothing in clear": Offer(ALL, apop=True, clear=False),
    "only passwords": Offer(clear=False),
}


class FakeRunner:
    """What the runners with a fake upstream have in common."""

    def __init__(self, dialog):
        self.user, self.password = dialog.account or (b"user", b"pass word")
        self.backend = FakeBackend(MAILDROPS[dialog.maildrop], self.user, self.password)
        self.rules = Pop3Settings(**{"failed_login_delay": 0, **dialog.settings})
        self.offer = OFFERS[dialog.offer]
        self.door = KnownDevice(self.user, self.password)
        self.received = b""
        self.position = 0

    def readline(self):
        self.pump()
        end = self.received.find(b"\n", self.position) + 1 or len(self.received)
        line, self.position = self.received[self.position : end], end
        return line

    def take_rest(self):
        self.pump()
        rest, self.position = self.received[self.position :], len(self.received)
        return rest

    def is_silent(self):
        self.pump()
        assert self.position == len(self.received)

    def pump(self):
        """Let everything happen that can."""

    def left(self):
        return sorted(self.backend.messages)

    def do_backend(self, text):
        faults.apply(self.backend, text)
        self.pump()

    def finish(self, *, may_commit):
        assert self.take_rest() == b""
        self.drop()
        self.backend.go_on()
        self.pump()
        assert self.backend.left_open == []
        assert all(session.closes == 1 for session in self.backend.sessions)
        assert may_commit or not self.backend.commits


class PureRunner(FakeRunner):
    """Carries out effects without time or sockets; a wait is over at once."""

    def __init__(self, dialog):
        super().__init__(dialog)
        self.session = Session(
            self.rules,
            fresh=lambda: b"fresh",
            offer=self.offer,
            secure=dialog.tls == "active",
            tls_available=dialog.tls != "none",
        )
        self.closed = self.reset = self.gone = self.leased_elsewhere = False
        self.upstream = None
        self.working = False
        self.opened = self.released = 0
        self.carry_out(self.session.greet())

    # ---- what a runner has to be

    def send(self, data):
        self.session.feed(data)
        self.work()

    def has_closed(self):
        assert self.take_rest() == b""
        assert self.closed

    def has_reset(self):
        assert self.reset

    def still_open(self):
        assert not self.closed
        assert not self.reset

    def drop(self):
        if not self.gone:
            self.gone = True
            self.tell(events.Gone())

    def half_close(self):
        if not self.closed and self.session.pending is None:
            self.carry_out([*self.session.handle(events.Gone()), events.Close()])

    def do_elsewhere(self, text):
        self.leased_elsewhere = text == "login"

    def do_starttls(self, _):
        """`StartTls` is answered at once."""

    def do_timeout(self, _):
        self.tell(events.TimedOut())

    def do_drain(self, _):
        self.tell(events.Draining())

    def finish(self, *, may_commit):
        super().finish(may_commit=may_commit)
        assert self.released == self.opened

    # ---- effects

    def work(self):
        if self.working:
            return
        self.working = True
        while (effects := self.session.step()) is not None:
            self.carry_out(effects)
        self.working = False

    def tell(self, event):
        self.carry_out(self.session.handle(event))
        self.work()

    def carry_out(self, effects):
        for effect in effects:
            getattr(self, "on_" + type(effect).__name__.lower())(effect)

    def run(self, coroutine, done, failed):
        def errback(reason):
            return failed(reason.value)

        Deferred.fromCoroutine(coroutine).addCallbacks(done, errback)

    def write(self, data):
        if not self.gone:
            assert not self.closed
            self.received += data

    def on_send(self, effect):
        self.write(effect.data)

    def on_open(self, effect):
        self.run(self.open(effect), self.tell, lambda e: self.tell(events.OpenFailed(e)))

    async def open(self, effect):
        admission = await self.door.admit(Attempt(effect.user, effect.proof))
        upstream = await self.backend.open(admission.login)
        try:
            if self.leased_elsewhere:
                raise MaildropBusy("held")
            maildrop = await upstream.snapshot()
        except BaseException:
            await upstream.close()
            raise
        self.upstream = upstream
        self.opened += 1
        return events.Opened(maildrop)

    def on_askverifier(self, effect):
        self.run(
            self.door.verifier(effect.user), lambda v: self.tell(events.VerifierTold(v)), None
        )

    def on_wait(self, _):
        self.tell(events.Waited())

    def on_starttls(self, _):
        self.tell(events.TlsStarted())

    def on_sendbody(self, effect):
        sink = _Sink(self, effect)

        def failed(error):
            self.tell(events.BodyFailed(effect.ref, BodyBroken() if sink.begun else error))

        def done(_):
            self.write(sink.stuffer.finish())
            self.tell(events.BodyDone())

        self.run(_started(sink.body, sink), done, failed)

    def on_sendlisting(self, effect):
        self.write(b"".join(effect.pieces))
        self.tell(events.ListingDone())

    def on_commit(self, effect):
        self.run(
            self.upstream.commit(effect.plan),
            lambda outcome: self.tell(events.CommitDone(outcome)),
            lambda error: self.tell(events.CommitFailed(error)),
        )

    def on_release(self, _):
        self.released += 1
        self.run(self.upstream.close(), lambda _: None, None)

    def on_close(self, _):
        self.closed = True

    def on_abort(self, _):
        self.reset = True


async def _started(body, sink):
    return await body.start(sink)


class _Sink:
    def __init__(self, runner, effect):
        self.runner, self.effect = runner, effect
        self.body = runner.upstream.body(effect.ref, effect.top)
        self.stuffer, self.begun = Stuffer(), False
        self.cutter = None if effect.top is None else TopCutter(effect.top)

    def begin(self, octets):
        self.begun = True
        self.runner.write(replies.body(octets if self.effect.top is None else None))

    def write(self, chunk):
        if self.cutter is not None:
            chunk = self.cutter.feed(chunk)
            if self.cutter.finished:
                self.body.stop()
        self.runner.write(self.stuffer.feed(chunk))
