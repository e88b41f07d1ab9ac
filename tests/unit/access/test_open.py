"""From login to maildrop: in which order, and that a failed step gives everything back."""

from dataclasses import replace

import pytest
from pydantic import SecretBytes

from gateway.access.delay import LoginDelays
from gateway.access.open import Opener, account_of, exact_account_of
from gateway.accounts.door import Admission
from gateway.accounts.passing import PassThrough
from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    EpochChanged,
    MaildropBusy,
    Misconfigured,
    Throttled,
    Unavailable,
)
from gateway.maildrop import Attempt, BearerToken, CommitPlan, Login
from tests.unit.access.deeds import Running, run
from tests.unit.server.doubles import PASSWORD, login

ACCOUNT = "fake:// ann"


def test_the_password_is_asked_before_the_lease(world):
    """Nobody can hold or probe a lease without a password."""
    run(world.opener.open(login()))
    with pytest.raises(BadCredentials):
        run(world.opener.open(login(password=b"guess")))
    with pytest.raises(MaildropBusy):
        run(world.opener.open(login()))
    assert world.upstream.open_sessions == 1
    assert world.leases.taken == 1


def test_an_open_maildrop_has_it_all_and_gives_it_back(world):
    opened = run(world.opener.open(login()))
    assert list(opened.maildrop.refs) == [11, 12, 13]
    assert opened.account == ACCOUNT
    run(opened.release())
    assert world.everything_is_given_back()


def test_the_lease_is_free_before_the_upstream_has_said_goodbye(world):
    opened = run(world.opener.open(login()))
    held = world.upstream.hold("close")
    releasing = Running(opened.release())
    assert len(world.leases) == 0
    assert not releasing.result
    held.callback(None)
    assert releasing.result == [None]


@pytest.mark.parametrize("step", ["open", "snapshot"])
@pytest.mark.parametrize("error", [Unavailable, Misconfigured, EpochChanged, RuntimeError])
def test_a_failed_step_gives_everything_back(world, step, error):
    world.upstream.trouble[step] = error("said the upstream")
    with pytest.raises(error):
        run(world.opener.open(login()))
    assert world.everything_is_given_back()


@pytest.mark.parametrize("step", ["open", "snapshot"])
def test_a_step_that_fails_later_gives_everything_back(world, step):
    held = world.upstream.hold(step)
    opening = Running(world.opener.open(login()))
    assert not opening.result
    held.errback(Unavailable("time-out"))
    assert [type(result) for result in opening.result] == [Unavailable]
    assert world.everything_is_given_back()


# ---- the journal


def test_an_interrupted_update_is_finished_before_the_client_sees_the_maildrop(world):
    world.journal.record(ACCOUNT, CommitPlan("7", (11, 13)))
    opened = run(world.opener.open(login()))
    assert list(opened.maildrop.refs) == [12]
    assert list(world.upstream.mail) == [12]
    assert world.journal.interrupted(ACCOUNT) is None
    (event,) = world.named("interrupted_update_settled")
    assert (event.removed, event.kept) == (2, 0)


def test_only_what_is_still_there_is_asked_for(world):
    world.journal.record(ACCOUNT, CommitPlan("7", (3, 12)))
    run(world.opener.open(login()))
    assert world.upstream.plans == [CommitPlan("7", (12,))]


def test_what_the_upstream_keeps_stays_in_the_maildrop(world):
    world.upstream.keep = {11}
    world.journal.record(ACCOUNT, CommitPlan("7", (11, 12)))
    opened = run(world.opener.open(login()))
    assert list(opened.maildrop.refs) == [11, 13]
    assert world.journal.interrupted(ACCOUNT) is None


def test_a_plan_of_another_epoch_is_dropped_and_nothing_is_removed(world):
    world.journal.record(ACCOUNT, CommitPlan("6", (11, 12)))
    opened = run(world.opener.open(login()))
    assert len(opened.maildrop) == 3
    assert world.upstream.plans == []
    assert world.journal.interrupted(ACCOUNT) is None
    assert world.named("interrupted_update_dropped")


@pytest.mark.parametrize("error", [Unavailable, EpochChanged, RuntimeError])
def test_a_plan_that_cannot_be_settled_now_is_kept_and_the_login_fails(world, error):
    world.journal.record(ACCOUNT, CommitPlan("7", (11,)))
    world.upstream.trouble["commit"] = error("not now")
    with pytest.raises(error):
        run(world.opener.open(login()))
    assert world.journal.interrupted(ACCOUNT) == CommitPlan("7", (11,))
    assert world.everything_is_given_back()


def test_a_journal_that_cannot_be_read_fails_the_login(world, monkeypatch):
    def broken(_account):
        raise Unavailable("journal: disk I/O error")

    monkeypatch.setattr(world.journal, "interrupted", broken)
    with pytest.raises(Unavailable):
        run(world.opener.open(login()))
    assert world.upstream.plans == []
    assert world.everything_is_given_back()


def test_a_plan_of_another_upstream_is_never_carried_out(world):
    world.journal.record(ACCOUNT, CommitPlan("7", (11,)))
    other = Opener(
        door=world.door,
        backends=lambda _: world.upstream,
        upstream="elsewhere://",
        leases=world.leases,
        journal=world.journal,
        delays=LoginDelays(0, world.clock.seconds),
        emit=world.emit,
    )
    assert len(run(other.open(login())).maildrop) == 3
    assert world.upstream.plans == []
    assert world.journal.interrupted(ACCOUNT) is not None


def test_a_plan_of_a_name_in_another_case_is_never_carried_out(world):
    """A server may tell `Ann` and `ann` apart: then they are two people."""
    world.journal.record(ACCOUNT, CommitPlan("7", (11,)))
    assert len(run(world.opener.open(login(b"Ann"))).maildrop) == 3
    assert world.upstream.plans == []


# ---- LOGIN-DELAY


def test_a_second_login_too_soon_is_throttled_and_gives_everything_back(make_world):
    world = make_world(rules={"login_delay": 30})
    run(run(world.opener.open(login())).release())
    with pytest.raises(Throttled):
        run(world.opener.open(login(b"ANN")))
    assert world.everything_is_given_back()
    world.clock.advance(30)
    run(run(world.opener.open(login())).release())


def test_a_login_that_failed_upstream_may_be_tried_again_at_once(make_world):
    world = make_world(rules={"login_delay": 86_400})
    world.upstream.trouble["snapshot"] = Unavailable("a moment of weakness")
    with pytest.raises(Unavailable):
        run(world.opener.open(login()))
    world.upstream.trouble.clear()
    run(run(world.opener.open(login())).release())


# ---- names


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"Ann", b"aNN"), ("Jürgen".encode(), "JÜRGEN".encode()), (b"a@B.org", b"A@b.ORG")],
)
def test_two_spellings_are_one_account_for_the_lease(one, other):
    assert account_of(login(one), "u") == account_of(login(other), "u")


NAMES = [b"a", b"A", b"a ", b"\xff", b"\\xff", b"\\\\xff", "ß".encode(), b"ss", b"\\", b"\\\\"]


def test_no_two_names_are_one_account_for_the_journal():
    names = {exact_account_of(login(name), "u") for name in NAMES}
    assert len(names) == len(NAMES)


def test_any_name_can_be_written_into_the_journal(world):
    for name in [*NAMES, bytes(range(1, 256)), "日本\U0001f40c".encode()]:
        account = exact_account_of(login(name), "u")
        world.journal.record(account, CommitPlan("7", (1,)))
        assert world.journal.interrupted(account) == CommitPlan("7", (1,))


# ---- the door


class Directory(PassThrough):
    """Lets everybody in as one account, and keeps what it was told."""

    def __init__(self, device="printer", upstream="other://", refusal=None):
        self.admission = Admission(upstream, SHOWN, "Ann's", device)
        self.refusal = refusal
        self.ends = []
        self.trouble = None

    async def admit(self, attempt):
        if self.refusal is not None:
            raise self.refusal
        return self.admission

    async def ended(self, attempt, admission, failure):
        self.ends.append((attempt, admission, failure))
        if self.trouble is not None:
            raise self.trouble


SHOWN = Login(b"ann@there", SecretBytes(PASSWORD))
WRONG = Login(b"ann@there", SecretBytes(b"kept, and not right any more"))


def opener(world, door, asked=None):
    def backends(url):
        if asked is not None:
            asked.append(url)
        return world.upstream

    return Opener(
        door=door,
        backends=backends,
        upstream="fake://",
        leases=world.leases,
        journal=world.journal,
        delays=LoginDelays(0, world.clock.seconds),
        emit=world.emit,
    )


def test_the_door_says_which_upstream_and_what_it_is_shown(world):
    door, asked = Directory(), []
    opened = run(opener(world, door, asked).open(login(password=b"of the device")))
    assert asked == ["other://"]
    assert opened.account == "other:// ann@there"
    assert opened.admission is door.admission
    assert door.ends == [(login(password=b"of the device"), door.admission, None)]


def test_the_settings_own_upstream_has_its_name(world):
    """Nothing of those who had an account before there was a directory changes its name."""
    opened = run(opener(world, Directory(upstream="")).open(login()))
    assert opened.account == "fake:// ann@there"


def test_who_is_not_let_in_is_never_shown_to_the_upstream(world):
    door = Directory(refusal=BadCredentials("no", 3))
    with pytest.raises(BadCredentials) as error:
        run(opener(world, door).open(login()))
    assert error.value.wait == 3
    assert world.upstream.calls == []
    assert door.ends == []


def test_a_kept_password_that_is_refused_is_not_the_devices_fault(world):
    door = Directory()
    door.admission = replace(door.admission, login=WRONG)
    with pytest.raises(ConsentMissing):
        run(opener(world, door).open(login()))
    ((_, _, failure),) = door.ends
    assert type(failure) is ConsentMissing
    assert world.everything_is_given_back()


def test_an_account_without_a_device_shows_its_own_password(world):
    door = Directory(device="")
    door.admission = replace(door.admission, login=WRONG)
    with pytest.raises(BadCredentials):
        run(opener(world, door).open(login()))


def test_a_token_of_the_client_that_is_refused_is_the_clients_to_renew(world):
    world.upstream.trouble["open"] = ConsentMissing("token refused")
    attempt = Attempt(b"ann", BearerToken(SecretBytes(b"abc")))
    with pytest.raises(BadCredentials):
        run(world.opener.open(attempt))
    with pytest.raises(ConsentMissing):
        run(opener(world, Directory()).open(attempt))


def test_a_refused_token_waits_as_long_as_the_door_says(world):
    class Slow(Directory):
        async def ended(self, attempt, admission, failure):
            failure.wait = 16.0

    world.upstream.trouble["open"] = ConsentMissing("token refused")
    attempt = Attempt(b"ann", BearerToken(SecretBytes(b"abc")))
    with pytest.raises(BadCredentials) as refused:
        run(opener(world, Slow(device="")).open(attempt))
    assert refused.value.wait == 16.0


def test_a_token_that_opens_its_owners_mailbox_under_any_name_takes_no_lease(world):
    """Whoever has one of his own could keep everybody else out."""
    world.upstream.checks_name = False
    attempt = Attempt(b"ann", BearerToken(SecretBytes(b"abc")))
    with pytest.raises(Misconfigured, match="introspection"):
        run(world.opener.open(attempt))
    assert world.upstream.calls == []
    run(opener(world, Directory()).open(attempt))


@pytest.mark.parametrize(
    ("error", "told"), [(Unavailable, Unavailable), (RuntimeError, Unavailable)]
)
def test_the_door_hears_of_every_end(world, error, told):
    door = Directory()
    world.upstream.trouble["snapshot"] = error("x")
    with pytest.raises(error):
        run(opener(world, door).open(login()))
    ((_, _, failure),) = door.ends
    assert type(failure) is told
    assert world.everything_is_given_back()


def test_an_upstream_that_is_not_there_is_heard_of_too(world):
    def backends(url):
        raise Misconfigured(f"no driver for {url}")

    door = Directory()
    one = opener(world, door)
    one._backends = backends
    with pytest.raises(Misconfigured):
        run(one.open(login()))
    assert type(door.ends[0][2]) is Misconfigured


def test_a_door_that_breaks_its_word_keeps_no_lease(world):
    door = Directory()
    door.trouble = RuntimeError("a defect")
    with pytest.raises(RuntimeError):
        run(opener(world, door).open(login()))
    assert world.everything_is_given_back()


def test_the_verifier_comes_from_the_door(world):
    with pytest.raises(BadCredentials):
        run(world.opener.verifier(b"ann"))
